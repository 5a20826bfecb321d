"""A WebSocket session: every event of the client is a call, every response of the server an answer.

Events of the client are judged before they go; a tool call of the server is held until its
arguments are complete. A denial is the dialect's error event, and what was denied never comes.
Sound, in which there is no text, passes.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import assert_never

from helm_boundary.approvals.wait import Again, Park
from helm_boundary.calls.call import Answer, HttpRequest, Json
from helm_boundary.calls.refusal import Refusal, schema_violation
from helm_boundary.dialects import dialect
from helm_boundary.dialects.keep_alives import keep_alive_message
from helm_boundary.dialects.realtime import begins_response, is_sound
from helm_boundary.dialects.responses_items import carries_tool_call
from helm_boundary.evaluation.aside import aside
from helm_boundary.policy.decision import Decision
from helm_boundary.streaming.gate import Gate, NeedsVerdict, Release, State, Step, Stop
from helm_boundary.streaming.keep_alive import KeepAlive
from helm_boundary.streaming.message_cutter import MessageCutter
from helm_boundary.wire import strict_json
from helm_receipts.envelope.statement import End

from .exchange import Exchange, Progress
from .fallback_reply import NO_VERDICT, deny_without_verdict
from .reply import Forward, Reply
from .requests import Boundary
from .responses import Answers

ENDS = frozenset({"response.done", "response.completed", "response.incomplete", "response.failed"})
"""The messages that end a response."""

type Parking = Callable[[Exchange], Park]
"""How an answer of a session waits for a person."""

_HANDSHAKE_HEADERS = ("upgrade", "connection", "content-encoding", "content-type")


@dataclass(frozen=True, slots=True)
class Passing:
    """The result for a message: what goes on to its receiver, and what goes to the client."""

    onward: bytes | None
    to_client: tuple[bytes, ...] = ()


class Session:
    """One session, from its handshake, which was judged as a request of its own."""

    def __init__(
        self,
        boundary: Boundary,
        answers: Answers,
        handshake: Exchange,
        parking: Parking | None = None,
    ) -> None:
        self._boundary = boundary
        self._answers = answers
        self._operation = handshake.operation
        self._base = replace(without_handshake(handshake.request), method="POST")
        self._handshake = handshake
        self._dialect = dialect(handshake.operation.dialect)
        self._count = 0
        self._cycles: deque[Exchange] = deque()
        self._gate = self._new_gate()
        self._lock = asyncio.Lock()
        self._parking = parking
        self._has_ended = False

    def is_under(self, boundary: Boundary) -> bool:
        """Tell whether that boundary's policy judges this session, in whichever mode."""
        return self._boundary.judge.engine is boundary.judge.engine

    async def from_client(self, message: bytes, *, is_text: bool) -> Passing:
        """Judge an event of the client; what goes on is `onward`."""
        try:
            if not is_text:
                raise schema_violation("the event is binary; expected JSON as text")
            event = await _parse(message)
            if is_sound(event):
                return Passing(message)
        except Refusal as refusal:
            return await self._judge_event(message, None, refusal)
        return await self._judge_event(message, event, None)

    async def from_server(self, message: bytes, *, is_text: bool) -> list[bytes]:
        """Judge an event of the server; returns what goes to the client now."""
        if self._cycles:
            self._cycles[0].progress.came()
        async with self._lock:
            if self._has_ended:  # while the message waited for its turn
                return []
            try:
                event = await _parse(message) if is_text else None
                if not isinstance(event, dict):
                    raise schema_violation("the server's event isn't a JSON object")
            except Refusal as refusal:
                return await self._deny(refusal)
            return await self._judge_answer(str(event.get("type")), event, message)

    async def end(self, end: End) -> None:
        """End every call of the session that is still open (`complete`, `client_gone`, ...)."""
        self._has_ended = True
        if self._cycles and not self._gate.is_complete:  # of a response that is under way
            self._answering()
        while self._cycles:
            await self._answers.abandon(self._cycles.popleft(), end)

    async def _judge_event(self, message: bytes, event: Json, refusal: Refusal | None) -> Passing:
        exchange = self._open(message, refusal, spends=begins_response(event))
        match await self._boundary.judge_request(exchange):
            case Reply() as reply:
                return Passing(None, (self._error(reply),))
            case Again.AGAIN:  # an event waits for nobody, so that nothing of it changes meanwhile
                return Passing(None, (self._error(deny_without_verdict(NO_VERDICT)),))
            case Forward(body):
                exchange.progress.leaves()
                if begins_response(event):
                    self._cycles.append(exchange)
                else:
                    await self._answers.abandon(exchange, "complete")
                return Passing(message if body is None else body)
            case never:
                assert_never(never)

    async def _judge_answer(self, kind: str, event: Json, message: bytes) -> list[bytes]:
        if self._gate.stopped is not None:
            return self._mute(kind, event, message)
        if kind == "response.created" and not self._cycles:
            refused = await self._begin_unasked()
            if refused is not None:
                self._gate.refuse(schema_violation("the response wasn't asked for"))
                return [refused]
        released = await self._pass(message)
        if self._has_ended:  # while it waited for a person
            return []
        if self._gate.stopped is not None:
            of_response = bool(self._cycles)  # else there is no end of it to wait for
            ends = await self._deny(self._gate.stopped)
            if kind in ENDS or (kind.startswith("conversation.") and not of_response):
                self._reopen()
            return ends
        if kind in ENDS and self._cycles:
            await self._end_cycle()
        if self._cycles:
            is_held = self._gate.state is State.HOLDING
            return self._keeping_alive(self._cycles[0]).beside(released, is_held=is_held)
        return released

    async def _pass(self, message: bytes) -> list[bytes]:
        """Put a message through the gate; returns what may go to the client now."""
        out: list[bytes] = []
        steps: deque[Step] = deque(await aside(len(message), partial(self._gate.feed, message)))
        while steps:
            match steps.popleft():
                case Release(events):
                    out += events
                case NeedsVerdict(tell):
                    try:
                        answer = await aside(self._gate.unread, tell)
                    except Refusal as refusal:
                        steps += self._gate.refuse(refusal)
                        continue
                    resuming = partial(self._gate.resume, await self._judge_calls(answer))
                    steps += await aside(self._gate.unread, resuming)
                case Stop():
                    pass  # the error event is written where it is known whose response this is
                case never:
                    assert_never(never)
        return out

    async def _judge_calls(self, answer: Answer) -> Decision:
        exchange = self._answering()
        self._keeping_alive(exchange)
        park = self._parking(exchange) if self._parking is not None else None
        return await self._answers.streamed.judge_calls(exchange, answer, park=park)

    def _keeping_alive(self, exchange: Exchange) -> KeepAlive:
        """Return what the client gets while the answer to a call of the session is held."""
        if exchange.progress.keep_alive is None:
            agent = exchange.request.header("user-agent")
            exchange.progress.keep_alive = KeepAlive(keep_alive_message(agent))
        return exchange.progress.keep_alive

    def _mute(self, kind: str, event: Json, message: bytes) -> list[bytes]:
        """Drop all that belongs to a response that was denied, until the response is over."""
        if kind in ENDS:
            self._reopen()
            return []
        of_response = kind.startswith(("response.", "conversation.item."))
        return [] if of_response or carries_tool_call(event) else [message]

    async def _begin_unasked(self) -> bytes | None:
        """Judge a response that nobody asked for (the server answers speech) as if somebody had."""
        passing = await self._judge_event(
            b'{"type":"response.create"}', {"type": "response.create"}, None
        )
        return passing.to_client[0] if passing.onward is None else None

    async def _end_cycle(self) -> None:
        exchange = self._answering()
        self._cycles.popleft()
        exchange.progress.passes("received")
        await self._answers.streamed.end(exchange)

    async def _deny(self, why: Decision | Refusal) -> list[bytes]:
        if not self._cycles:  # nobody asked for it: refuse it as a call of its own
            reply = await self._boundary.judge_request(self._open(b"", _as_refusal(why)))
            return [self._error(reply)] if isinstance(reply, Reply) else []
        exchange = self._answering()
        self._cycles.popleft()
        return await self._answers.streamed.end_events(exchange, why)

    def _reopen(self) -> None:
        self._gate = self._new_gate()

    def _new_gate(self) -> Gate:
        stream = self._dialect.open_stream(101)
        if stream is None:  # pragma: no cover - every socket's dialect has one
            raise TypeError(self._operation.dialect)
        most = self._boundary.settings.max_body
        return Gate(stream, MessageCutter(most), max_held=most)

    def _answering(self) -> Exchange:
        """Return the call whose answer is coming: the first that is open, else the handshake."""
        exchange = self._cycles[0] if self._cycles else self._handshake
        exchange.progress.gate, exchange.progress.status = self._gate, 101
        return exchange

    def _open(self, message: bytes, refusal: Refusal | None, *, spends: bool = False) -> Exchange:
        self._count += 1
        request = replace(self._base, body=message, flow_id=f"{self._base.flow_id}.{self._count}")
        first = self._handshake
        return Exchange(
            request,
            self._operation,
            first.correlation_id,
            first.key_id,
            refusal,
            spends,
            first.keys,
            self._progress() if spends else Progress(timings=self._boundary.timings),
        )

    def _progress(self) -> Progress:
        """Begin the progress of a response; of what is traced in a session, each has a span."""
        trace = self._handshake.progress.trace
        return self._boundary.progress(None if trace is None else trace.call.header)

    def _error(self, reply: Reply) -> bytes:
        return self._dialect.error_event(json.loads(reply.body))


async def _parse(message: bytes) -> Json:
    return await aside(len(message), lambda: strict_json.parse(message, "the event"))


def _as_refusal(why: Decision | Refusal) -> Refusal:
    if isinstance(why, Refusal):
        return why
    first = why.reasons[0]
    return Refusal(first.code, first.message, first.finality)


def without_handshake(request: HttpRequest) -> HttpRequest:
    """Return a handshake's request without the headers that only speak of the handshake."""
    kept = tuple(each for each in request.headers if each[0].lower() not in _HANDSHAKE_HEADERS)
    return replace(request, headers=kept)
