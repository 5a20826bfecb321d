"""Connections to an upstream that are over keep nothing of their call.

Before HTTP/1.1 each stream of an HTTP/2 client has an upstream connection of its own. mitmproxy
keeps all of them, closed, for as long as the client's connection lasts, and each keeps its request
and its answer: a client that stays costs the bytes of all its calls.
"""

from __future__ import annotations

from mitmproxy.proxy import layer
from mitmproxy.proxy.layers.http import _http1

_mark_done = _http1.Http1Client.mark_done


def forget_closed_upstreams() -> None:
    """Have a connection that is done let go of its request and response."""

    def mark_done(
        connection: _http1.Http1Client, *, request: bool = False, response: bool = False
    ) -> layer.CommandGenerator[None]:
        yield from _mark_done(connection, request=request, response=response)
        if connection.state == connection.done:
            connection.request = connection.response = None

    _http1.Http1Client.mark_done = mark_done  # type: ignore[method-assign,assignment]
