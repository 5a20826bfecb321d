"""WebSockets in mitmproxy: messages through a session, in the order in which they came.

A message is dropped first and let through only when its verdict says so. What was held is
injected when it may go; whatever comes behind it is injected too, so that nothing overtakes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from mitmproxy import ctx, http
from mitmproxy.websocket import WebSocketMessage

from helm_boundary.enforcement.exchange import Live
from helm_boundary.enforcement.websocket_session import Session
from helm_boundary.runtime.startup import Running

logger = logging.getLogger(__name__)

PATIENCE = 30.0


class Sockets:
    """The part of the addon that judges the messages of governed WebSockets."""

    name = "helmboundarysockets"

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._injected: dict[str, int] = {}
        self._observed: set[str] = set()

    def open(self, flow: http.HTTPFlow, live: Live, running: Running) -> None:
        """A call's handshake has been let through: its messages are judged from now on."""
        self._sessions[flow.id] = Session(running.boundary, running.answers, live)
        self._injected[flow.id] = 0
        if running.observes:
            self._observed.add(flow.id)

    def uses(self, running: Running) -> bool:
        """Whether any session goes on under that boundary."""
        return any(session.is_under(running.boundary) for session in self._sessions.values())

    def judges(self, flow: http.HTTPFlow) -> bool:
        """Tell whether a flow's messages are judged."""
        return flow.id in self._sessions

    async def websocket_message(self, flow: http.HTTPFlow) -> None:
        """Judge the newest message of a governed session."""
        session = self._sessions.get(flow.id)
        if session is None or flow.websocket is None:
            return
        message = flow.websocket.messages[-1]
        judge = self._observe if flow.id in self._observed else self._judge
        if message.injected and not message.from_client:
            self._injected[flow.id] -= 1
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await judge(flow, session, message)
        except Exception:
            dropped = "dropped" if message.dropped else "not written down"
            logger.exception("helm-boundary: a message could not be judged, so it is %s", dropped)

    async def websocket_end(self, flow: http.HTTPFlow) -> None:
        """The session is over."""
        session = self._sessions.pop(flow.id, None)
        self._injected.pop(flow.id, None)
        self._observed.discard(flow.id)
        if session is not None and flow.websocket is not None:
            await session.end("client_gone" if flow.websocket.closed_by_client else "complete")

    async def _judge(
        self, flow: http.HTTPFlow, session: Session, message: WebSocketMessage
    ) -> None:
        message.drop()
        if message.from_client:
            await self._from_client(flow, session)
        else:
            await self._from_server(flow, session)

    async def _observe(self, _: http.HTTPFlow, session: Session, message: WebSocketMessage) -> None:
        """Have written down what would have become of a message, which passes as it came."""
        if message.from_client:
            await session.from_client(message.content, is_text=message.is_text)
        else:
            await session.from_server(message.content, is_text=message.is_text)

    async def _from_client(self, flow: http.HTTPFlow, session: Session) -> None:
        if flow.websocket is None:
            return
        message = flow.websocket.messages[-1]
        judged = message.content
        passing = await session.from_client(judged, is_text=message.is_text)
        if passing.onward is not None and message.content == judged:
            message.content = passing.onward
            message.dropped = False
        self._inject(flow, passing.to_client)

    async def _from_server(self, flow: http.HTTPFlow, session: Session) -> None:
        if flow.websocket is None:
            return
        message = flow.websocket.messages[-1]
        released = await session.from_server(message.content, is_text=message.is_text)
        if released == [message.content] and not self._injected.get(flow.id):
            message.dropped = False
        else:
            self._inject(flow, released)

    def _inject(self, flow: http.HTTPFlow, messages: Iterable[bytes]) -> None:
        for content in messages:
            self._injected[flow.id] += 1
            ctx.master.commands.call("inject.websocket", flow, True, content, True)
