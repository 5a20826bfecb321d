"""The presence of a client while its flow waits.

mitmproxy queues what a client does meanwhile until the hook is over, and only then looks whether
the client is still there. An HTTP/1 client's connection says so itself; an HTTP/2 client can give
up one stream and keep the connection, so the queue of that stream is looked into, as mitmproxy
does itself in `HttpStream.check_killed`.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator

from mitmproxy import connection, http
from mitmproxy.proxy import layer, layers
from mitmproxy.proxy.events import Event
from mitmproxy.proxy.layers.http._events import RequestProtocolError, ResponseData


class Leaving:
    """The part of the addon that knows the HTTP layers of each client."""

    name = "helmboundaryleaving"

    def __init__(self) -> None:
        self._layers: weakref.WeakKeyDictionary[
            connection.Client, weakref.WeakSet[layers.HttpLayer]
        ] = weakref.WeakKeyDictionary()

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """Remember the layer of a connection that turns out to be HTTP.

        Under TLS to a reverse listener, or to the proxy itself, it comes together with TLS's layer.
        """
        context = nextlayer.context
        for each in context.layers:
            if isinstance(each, layers.HttpLayer):
                self._layers.setdefault(context.client, weakref.WeakSet()).add(each)

    def has_gone(self, flow: http.HTTPFlow) -> bool:
        """Tell whether the flow's client has disconnected, or has given up this stream."""
        if not flow.client_conn.state & connection.ConnectionState.CAN_READ:
            return True
        return any(isinstance(event, RequestProtocolError) for event in self._queued(flow))

    def queued_bytes(self, flow: http.HTTPFlow) -> int:
        """Count what the flow's upstream has sent while a hook of its response waits."""
        return sum(len(e.data) for e in self._queued(flow) if isinstance(e, ResponseData))

    def _queued(self, flow: http.HTTPFlow) -> Iterator[Event]:
        """Yield what mitmproxy has queued for the flow."""
        for each in self._layers.get(flow.client_conn, ()):
            for stream in each.streams.values():
                if getattr(stream, "flow", None) is flow:
                    yield from stream._paused_event_queue
