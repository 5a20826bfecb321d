"""Limits of a client's connection: how many upstreams it has, when it is idle, when it is read.

mitmproxy lets one client have five connections to a server. An HTTP/2 client has a hundred streams,
each of which needs one where the server speaks HTTP/1.1 (mitmproxy's issue 8322). And it closes
what has been silent for `tcp_timeout`, which is also how a model looks that thinks for long: a call
that waits for its upstream isn't idle.
"""

from __future__ import annotations

import asyncio
import collections
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

from mitmproxy import connection
from mitmproxy.proxy import events, server

from .upload_turns import UploadTurns

STREAMS = 128
"""Connections to one server for each client; mitmproxy grants an HTTP/2 client 100 streams."""

_begin = server.ConnectionHandler.__init__
_take = server.ConnectionHandler.server_event
_drain = server.ConnectionHandler.drain_writers
_close = server.ConnectionHandler.on_timeout


def widen_connections(
    waits: Callable[[connection.Client], bool],
    turns: UploadTurns,
) -> None:
    """Have connections be as many as streams, and stay while `waits` says that a call does.

    Before more of a client's bytes are read, its upload takes its turn in `turns`.
    """

    def begin(handler: server.ConnectionHandler, *args: Any, **more: Any) -> None:
        _begin(handler, *args, **more)
        handler.max_conns = collections.defaultdict(lambda: asyncio.Semaphore(STREAMS))

    async def close_idle(handler: server.ConnectionHandler) -> None:
        watchdog = handler.timeout_watchdog
        while True:
            if waits(handler.client):
                watchdog.register_activity()
                _watch_for_loss(handler)
            await watchdog.can_timeout.wait()
            left = watchdog.timeout - (time.time() - watchdog.last_activity)
            if left <= 0:
                break
            await asyncio.sleep(left)
        await _close(handler)

    def take(handler: server.ConnectionHandler, event: events.Event) -> Awaitable[None]:
        if isinstance(event, events.DataReceived) and event.connection is handler.client:
            turns.note_piece(handler.client.id, len(event.data))
        return _take(handler, event)  # no coroutine of its own: there are dozens of events a call

    async def drain(handler: server.ConnectionHandler) -> None:
        transport = handler.transports.get(handler.client)
        if transport is not None and transport.handler is asyncio.current_task():
            await turns.wait(handler.client.id)
        await _drain(handler)  # type: ignore[no-untyped-call]

    server.ConnectionHandler.server_event = take  # type: ignore[method-assign,assignment]
    server.ConnectionHandler.drain_writers = drain  # type: ignore[method-assign]
    server.ConnectionHandler.__init__ = begin  # type: ignore[method-assign,assignment]
    server.ConnectionHandler.on_timeout = close_idle  # type: ignore[method-assign,assignment]


def _watch_for_loss(handler: server.ConnectionHandler) -> None:
    """Have the system notice a client that vanishes without a word, and close its connection."""
    transport = handler.transports.get(handler.client)
    if transport is not None and isinstance(transport.writer, asyncio.StreamWriter):
        held = transport.writer.get_extra_info("socket")
        held.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
