"""Control frames of WebSockets: up to 125 bytes each, which no hook of mitmproxy's shows.

A ping is answered at each hop with the payload it came with, and goes on without one; the other
side's pong answers ours, so that it goes nowhere. A close keeps its code and waits for what becomes
of its reason, which is a text (RFC 6455 section 5.5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import wsproto.events
from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import websocket
from wsproto.connection import ConnectionState

_relay = websocket.WebsocketLayer.relay_messages


@dataclass
class HelmSocketCloseHook(commands.StartHook):
    """A side closes a WebSocket and says why; `close.reason` is what may go on of it."""

    close: Closing


@dataclass(slots=True)
class Closing:
    """A close as it came; without a reason where nobody lets it pass."""

    flow: http.HTTPFlow
    from_client: bool
    said: str
    reason: str | None = None


class HopConnection(websocket.WebsocketConnection):
    """One hop of a WebSocket: answers pings itself, and keeps a close that says why.

    A message in fragments is one message, and is sent on as one: a hundred thousand fragments of a
    byte would each be a write of its own.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.pongs = b""
        self.fragments: list[Any] = []
        self.kept: wsproto.events.CloseConnection | None = None
        self.let_go: wsproto.events.CloseConnection | None = None

    def events(self) -> Iterator[wsproto.events.Event]:
        """Return what has come, without what stays at this hop."""
        if self.let_go is not None:
            found, self.let_go = self.let_go, None
            yield found
        for event in super().events():
            if isinstance(event, wsproto.events.Ping):
                if self.state is ConnectionState.OPEN:
                    self.pongs += self.send(event.response())
                yield wsproto.events.Ping()
            elif isinstance(event, wsproto.events.CloseConnection) and event.reason:
                self.kept = event
            elif isinstance(event, wsproto.events.Message):
                yield from self._whole(event)
            elif not isinstance(event, wsproto.events.Pong):
                yield event

    def _whole(self, event: wsproto.events.Message[Any]) -> Iterator[wsproto.events.Event]:
        """Return the message that a fragment completes."""
        self.fragments.append(event.data)
        if event.message_finished:
            data = type(event.data)().join(self.fragments)
            self.fragments = []
            yield replace(event, data=data, frame_finished=True)


def control_sockets() -> None:
    """Have every WebSocket's control frames end at their hop; safe to call again."""
    websocket.WebsocketConnection = HopConnection  # type: ignore[misc]
    websocket.WebsocketLayer.relay_messages = _relay_hops  # type: ignore[method-assign]


def _relay_hops(
    session: websocket.WebsocketLayer, event: events.Event
) -> layer.CommandGenerator[None]:
    yield from _relay(session, event)
    for hop in (session.client_ws, session.server_ws):
        if not isinstance(hop, HopConnection):
            continue
        if hop.pongs:
            answer, hop.pongs = hop.pongs, b""
            yield commands.SendData(hop.conn, answer)
        if hop.kept is not None:
            yield from _close(session, hop, hop.kept)


def _close(
    session: websocket.WebsocketLayer, hop: HopConnection, kept: wsproto.events.CloseConnection
) -> layer.CommandGenerator[None]:
    close = Closing(session.flow, hop is session.client_ws, kept.reason or "")
    yield HelmSocketCloseHook(close)
    hop.kept, hop.let_go = None, replace(kept, reason=close.reason)
    yield from _relay(session, events.DataReceived(hop.conn, b""))
