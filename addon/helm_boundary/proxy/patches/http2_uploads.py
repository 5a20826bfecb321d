"""Uploads over HTTP/2 that wait for their turn, while the connection's other streams go on.

mitmproxy lets a client send two gigabytes on each stream before it hears of it. Here a stream may
be ahead by a megabyte, and one whose turn hasn't come gets no more: a window of HTTP/2 that isn't
opened again is how a stream waits where it comes from.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import h2.events
from mitmproxy import http
from mitmproxy.proxy import commands, context, events, layer
from mitmproxy.proxy.layers.http import _http2
from mitmproxy.proxy.layers.http._events import ResponseEndOfMessage, ResponseProtocolError

from .upload_turns import LARGE, STEP, UploadTurns

_LOOK = 0.05
"""Seconds between two looks at whether a stream's turn has come."""
_PIECE = 1 << 16
"""Bytes that a stream gets in each `STEP` while it waits."""

_begin = _http2.Http2Server.__init__
_handle = _http2.Http2Server._handle_event
_handle_h2 = _http2.Http2Server.handle_h2_event


@dataclass(slots=True)
class _Waiting:
    """What one connection's streams have sent that isn't acknowledged, in bytes by stream."""

    unacknowledged: dict[int, int] = field(default_factory=dict)
    since: float = 0.0
    looks: bool = False


def let_uploads_wait(turns: UploadTurns) -> None:
    """Have each large upload over HTTP/2 take its turn."""
    connections: WeakKeyDictionary[_http2.Http2Server, _Waiting] = WeakKeyDictionary()

    def begin(server: _http2.Http2Server, context: context.Context) -> None:
        _begin(server, context)
        server.h2_conn.local_settings.initial_window_size = LARGE
        server.h2_conn.local_settings.acknowledge()
        connections[server] = _Waiting()

    def handle(server: _http2.Http2Server, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.Wakeup):
            yield from look(server)
            return
        yield from _handle(server, event)
        if isinstance(event, ResponseEndOfMessage | ResponseProtocolError):
            end(server, event.stream_id)

    def handle_h2(
        server: _http2.Http2Server, event: h2.events.Event
    ) -> layer.CommandGenerator[bool]:
        waiting = connections[server]
        if isinstance(event, h2.events.RequestReceived):
            if not event.stream_ended:
                length = http.Headers(event.headers or ()).get("content-length")
                turns.begin(_key(server, event.stream_id), length)
        elif isinstance(event, h2.events.DataReceived):
            _withhold(server, event, waiting, turns)
        elif isinstance(event, h2.events.StreamEnded):
            turns.note_whole(_key(server, event.stream_id))
        elif isinstance(event, h2.events.StreamReset):
            end(server, event.stream_id)
        if waiting.unacknowledged and not waiting.looks:
            waiting.looks, waiting.since = True, time.monotonic()
            yield commands.RequestWakeup(_LOOK)
        return (yield from _handle_h2(server, event))

    def look(server: _http2.Http2Server) -> layer.CommandGenerator[None]:
        waiting = connections[server]
        is_due = time.monotonic() - waiting.since > STEP
        if is_due:
            waiting.since = time.monotonic()
        for stream in list(waiting.unacknowledged):
            if turns.may_go_on(_key(server, stream)):
                _acknowledge(server, waiting, stream)
            elif is_due:
                _acknowledge(server, waiting, stream, _PIECE)
        if data := server.h2_conn.data_to_send():
            yield commands.SendData(server.conn, data)
        waiting.looks = bool(waiting.unacknowledged)
        if waiting.looks:
            yield commands.RequestWakeup(_LOOK)

    def end(server: _http2.Http2Server, stream: int) -> None:
        turns.end_soon(_key(server, stream))
        _acknowledge(server, connections[server], stream)

    server = _http2.Http2Server
    server.__init__ = begin  # type: ignore[method-assign,assignment]
    server._handle_event = handle  # type: ignore[method-assign,assignment]
    server.handle_h2_event = handle_h2  # type: ignore[method-assign,assignment]


def _key(server: _http2.Http2Server, stream: int) -> str:
    """Name a stream; a tunnel's connection is another than the one that it goes through."""
    return f"{server.conn.id}/{id(server)}/{stream}"


def _withhold(
    server: _http2.Http2Server,
    event: h2.events.DataReceived,
    waiting: _Waiting,
    turns: UploadTurns,
) -> None:
    """Have mitmproxy acknowledge nothing of a piece whose stream waits."""
    stream, length = event.stream_id, event.flow_controlled_length or 0
    key = _key(server, stream)
    turns.note_piece(key, length)
    if not turns.may_go_on(key):
        waiting.unacknowledged[stream] = waiting.unacknowledged.get(stream, 0) + length
        event.flow_controlled_length = 0


def _acknowledge(
    server: _http2.Http2Server, waiting: _Waiting, stream: int, most: int | None = None
) -> None:
    """Open a stream's window, and the connection's, for what was withheld, or a part of it."""
    withheld = waiting.unacknowledged.pop(stream, 0)
    given = withheld if most is None else min(withheld, most)
    if withheld > given:
        waiting.unacknowledged[stream] = withheld - given
    if given:
        server.h2_conn.acknowledge_received_data(given, stream)
