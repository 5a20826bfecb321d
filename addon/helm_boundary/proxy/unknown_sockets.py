"""WebSockets that no path gives away: the first message of a call makes a session of them.

The handshake has passed by then as other people's traffic does. It is judged when the first event
comes, before that event does; what is refused is dropped, and the client is told so.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Callable

from mitmproxy import ctx, http
from mitmproxy.websocket import WebSocketMessage

from helm_boundary.calls.call import Operation
from helm_boundary.calls.refusal import Refusal
from helm_boundary.dialects import SOCKETS, dialect
from helm_boundary.enforcement.fallback_reply import CLOSED, deny_without_verdict
from helm_boundary.enforcement.reply import Forward, Reply
from helm_boundary.flows import conversion
from helm_boundary.matching.socket_message import operation_of_message
from helm_boundary.runtime.startup import Running

from .hold import PATIENCE
from .websockets import Sockets

logger = logging.getLogger(__name__)


class UnknownSockets:
    """The part of the addon that looks at WebSockets which aren't known to be calls."""

    name = "helmboundaryunknownsockets"

    def __init__(self, sockets: Sockets, running: Callable[[], Running | None]) -> None:
        self._sockets = sockets
        self._running = running

    async def websocket_message(self, flow: http.HTTPFlow) -> None:
        """Have a session judged from its first event on; runs before `Sockets` does."""
        if flow.websocket is None or self._sockets.operation_of(flow) is not None:
            return
        message = flow.websocket.messages[-1]
        if message.injected or not message.from_client:
            return  # a server's greeting asks for nothing
        operation = operation_of_message(message.content)
        if operation is None:
            return
        running = self._running()
        if running is None or not running.observes:
            message.drop()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._begin(flow, message, operation, running)
        except Exception:
            logger.exception("helm-boundary: a WebSocket's first event could not be judged")

    async def _begin(
        self,
        flow: http.HTTPFlow,
        message: WebSocketMessage,
        operation: Operation,
        running: Running | None,
    ) -> None:
        if running is None:
            _tell(flow, operation, deny_without_verdict(CLOSED))
            return
        request = conversion.read_request(flow, str(uuid.uuid4()))
        refusal = None if operation.dialect in SOCKETS else _no_socket()
        exchange = running.boundary.begin(request, operation, refusal)
        result = await running.boundary.judge_request(exchange)
        if isinstance(result, Forward):
            await running.answers.abandon(exchange, "complete")
            if operation.dialect in SOCKETS:
                self._sockets.open(flow, exchange, running)
                message.dropped = False  # `Sockets` judges it now
        elif isinstance(result, Reply):
            _tell(flow, operation, result)


def _no_socket() -> Refusal:
    return Refusal(
        "CAPABILITY_UNKNOWN",
        "the message is a call in a form whose answers can't be judged over a WebSocket; send it "
        "by POST",
    )


def _tell(flow: http.HTTPFlow, operation: Operation, reply: Reply) -> None:
    named = dialect(operation.dialect if operation.dialect in SOCKETS else "realtime")
    event = named.error_event(json.loads(reply.body))
    ctx.master.commands.call("inject.websocket", flow, True, event, True)
