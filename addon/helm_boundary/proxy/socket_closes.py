"""Why a WebSocket is closed: a text, judged as the text of a call or of an answer.

What isn't a session of ours says what it likes. What policy denies goes on without its reason.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Callable
from dataclasses import replace

from mitmproxy import http

from helm_boundary.calls.call import HttpResponse, Operation
from helm_boundary.enforcement.exchange import Exchange
from helm_boundary.enforcement.reply import Forward
from helm_boundary.enforcement.responses import Release
from helm_boundary.enforcement.websocket_session import without_handshake
from helm_boundary.flows import conversion
from helm_boundary.runtime.startup import Running

from .hold import PATIENCE
from .patches.socket_control import Closing
from .websockets import Sockets

logger = logging.getLogger(__name__)

_TEXT = (("content-type", "text/plain"),)


class SocketCloses:
    """The part of the addon that judges the reasons for which sessions are closed."""

    name = "helmboundarysocketcloses"

    def __init__(self, sockets: Sockets, running: Callable[[], Running | None]) -> None:
        self._sockets = sockets
        self._running = running

    async def helm_socket_close(self, close: Closing) -> None:
        """Let a reason pass that policy allows, or that nobody governs."""
        running, operation = self._running(), self._sockets.operation_of(close.flow)
        if operation is None:
            close.reason = close.said
            return
        try:
            async with asyncio.timeout(PATIENCE):
                if running is not None and await _passes(close, operation, running):
                    close.reason = close.said
        except Exception:
            logger.exception("helm-boundary: the reason of a close could not be judged")


async def _passes(close: Closing, operation: Operation, running: Running) -> bool:
    body = json.dumps(close.said).encode() if close.from_client else b""
    exchange = _exchange(close.flow, body, operation, running)
    if not isinstance(await running.boundary.judge_request(exchange), Forward):
        return False
    if close.from_client:
        await running.answers.abandon(exchange, "complete")
        return exchange.progress.rewritten is None
    result = await running.answers.judge_response(
        exchange, HttpResponse(200, _TEXT, close.said.encode())
    )
    return isinstance(result, Release) and result.body is None


def _exchange(flow: http.HTTPFlow, body: bytes, operation: Operation, running: Running) -> Exchange:
    request = conversion.read_request(flow, str(uuid.uuid4()))
    said = replace(operation, dialect="generic")  # a text, whatever the session's events are
    return running.boundary.begin(replace(without_handshake(request), body=body), said)
