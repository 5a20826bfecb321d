"""WebSockets in mitmproxy: messages through a session, in the order in which they came.

A message is dropped first and let through only when its verdict says so. What was held is
injected when it may go; whatever comes behind it is injected too, so that nothing overtakes.
While an answer waits for a person, its hook is over already, so that the client's messages and
signs of life go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from mitmproxy import connection, ctx, http
from mitmproxy.websocket import WebSocketMessage

from helm_boundary.approvals.entry import Request
from helm_boundary.approvals.wait import Answered, Park
from helm_boundary.calls.call import Operation
from helm_boundary.dialects import SOCKETS
from helm_boundary.enforcement.exchange import Exchange
from helm_boundary.enforcement.websocket_session import Session
from helm_boundary.flows.notes import mark
from helm_boundary.runtime.startup import Running
from helm_boundary.streaming.keep_alive import EVERY, KeepAlive

from .hold import PATIENCE, Gone, Hold, patience
from .patches.held_streams import hooks_go_on

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Socket:
    """A governed WebSocket: its session, and where its messages towards the client stand."""

    client: str
    session: Session
    operation: Operation
    is_observed: bool
    can_wait: bool
    injected: int = 0
    """Messages of ours that mitmproxy hasn't shown us again."""
    order: asyncio.Lock = field(default_factory=asyncio.Lock)
    patience: asyncio.Timeout | None = None
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while an answer waits for a person."""
    queued: int = 0
    """Bytes of the server that came while one did."""
    is_open: bool = True
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class Sockets:
    """The part of the addon that judges the messages of governed WebSockets."""

    name = "helmboundarysockets"

    def __init__(self, has_gone: Gone) -> None:
        self._sockets: dict[str, _Socket] = {}
        self._has_gone = has_gone

    def open(self, flow: http.HTTPFlow, exchange: Exchange, running: Running) -> None:
        """Judge the messages of a session, whose handshake has been let through, from now on."""
        if running.observes and exchange.operation.dialect not in SOCKETS:
            return  # nobody can read them
        parking = partial(self._parking, flow, running) if running.holds else None
        session = Session(running.boundary, running.answers, exchange, parking)
        self._sockets[flow.id] = _Socket(
            flow.client_conn.id, session, exchange.operation, running.observes, running.holds
        )

    def uses(self, running: Running) -> bool:
        """Tell whether any session goes on under that boundary."""
        return any(each.session.is_under(running.boundary) for each in self._sockets.values())

    def serves(self, client: connection.Client) -> bool:
        """Tell whether a client has a session."""
        return any(each.client == client.id for each in self._sockets.values())

    def operation_of(self, flow: http.HTTPFlow) -> Operation | None:
        """Return the operation of a session, None where a flow's messages aren't judged."""
        socket = self._sockets.get(flow.id)
        return None if socket is None else socket.operation

    async def websocket_message(self, flow: http.HTTPFlow) -> None:
        """Judge the newest message of a governed session."""
        socket = self._sockets.get(flow.id)
        if socket is None or flow.websocket is None:
            return
        message = flow.websocket.messages[-1]
        if message.injected and not message.from_client:
            socket.injected -= 1
            return
        if socket.is_observed:
            await _finish(message, _observe(socket.session, message))
            return
        message.drop()
        if message.from_client:
            await _finish(message, self._from_client(flow, socket, message))
        elif socket.can_wait:
            await self._from_server(flow, socket, message)
        else:
            await _finish(message, self._deliver(flow, socket, _Turn(message)))

    async def websocket_end(self, flow: http.HTTPFlow) -> None:
        """End a session with its WebSocket."""
        socket = self._sockets.pop(flow.id, None)
        if socket is None or flow.websocket is None:
            return
        socket.is_open = False
        # What is still open then was broken off.
        by_client = flow.websocket.closed_by_client
        await socket.session.end("client_gone" if by_client else "upstream_error")

    async def _from_client(
        self, flow: http.HTTPFlow, socket: _Socket, message: WebSocketMessage
    ) -> None:
        judged = message.content
        async with asyncio.timeout(patience(judged)):
            passing = await socket.session.from_client(judged, is_text=message.is_text)
        if passing.onward is not None and message.content == judged:
            message.content = passing.onward
            message.dropped = False
        _inject(flow, socket, passing.to_client)

    async def _from_server(
        self, flow: http.HTTPFlow, socket: _Socket, message: WebSocketMessage
    ) -> None:
        """Judge a message in its turn; the hook is over as soon as one waits for a person."""
        turn = _Turn(message)
        task = asyncio.create_task(_finish(message, self._deliver(flow, socket, turn)))
        socket.tasks.add(task)
        task.add_done_callback(socket.tasks.discard)
        if not socket.waiting.is_set():
            waits = asyncio.create_task(socket.waiting.wait())
            await asyncio.wait({task, waits}, return_when=asyncio.FIRST_COMPLETED)
            waits.cancel()
        turn.is_hooked = False

    async def _deliver(self, flow: http.HTTPFlow, socket: _Socket, turn: _Turn) -> None:
        message = turn.message
        socket.queued += len(message.content)
        async with socket.order, asyncio.timeout(patience(message.content)) as deadline:
            socket.queued -= len(message.content)
            socket.patience = deadline
            sent = await socket.session.from_server(message.content, is_text=message.is_text)
            if not socket.is_open:
                return
            if turn.is_hooked and sent == [message.content] and not socket.injected:
                message.dropped = False
            else:
                _inject(flow, socket, sent)

    def _parking(self, flow: http.HTTPFlow, running: Running, exchange: Exchange) -> Park:
        show = partial(mark, flow, exchange, running.boundary)
        most = running.boundary.settings.max_body

        async def park(request: Request, is_decided: Callable[[], bool]) -> Answered:
            socket = self._sockets[flow.id]
            if socket.patience is None:
                raise RuntimeError("no message is being judged")
            hold = Hold(
                flow,
                socket.patience,
                lambda: None,
                running.hold_seconds,
                lambda each: not socket.is_open or self._has_gone(each),
                lambda: socket.queued > most,
            )
            alive = asyncio.create_task(_keep_alive(flow, socket, exchange.progress.keep_alive))
            socket.waiting.set()
            try:
                with hooks_go_on(flow):
                    return await hold.park(show)(request, is_decided)
            finally:
                socket.waiting.clear()
                alive.cancel()

        return park


@dataclass(slots=True)
class _Turn:
    """A message of the server, which its own hook can still let pass while it is `is_hooked`."""

    message: WebSocketMessage
    is_hooked: bool = True


async def _observe(session: Session, message: WebSocketMessage) -> None:
    """Have written down what would have become of a message, which passes as it came."""
    judge = session.from_client if message.from_client else session.from_server
    async with asyncio.timeout(PATIENCE):
        await judge(message.content, is_text=message.is_text)


async def _keep_alive(flow: http.HTTPFlow, socket: _Socket, alive: KeepAlive | None) -> None:
    while alive is not None:
        await asyncio.sleep(EVERY)
        _inject(flow, socket, alive.next())


async def _finish(message: WebSocketMessage, judgement: Awaitable[None]) -> None:
    try:
        await judgement
    except Exception:
        dropped = "dropped" if message.dropped else "not written down"
        logger.exception("helm-boundary: a message could not be judged, so it is %s", dropped)


def _inject(flow: http.HTTPFlow, socket: _Socket, messages: Iterable[bytes]) -> None:
    for content in messages:
        socket.injected += 1
        ctx.master.commands.call("inject.websocket", flow, True, content, True)
