"""Streams and sessions: judged as they pass, and at their end.

Tool calls are held until they are judged and that is durable. What can only be judged at the end is
judged there, and the outcome says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from helm_boundary.calls.call import Answer
from helm_boundary.calls.refusal import Refusal
from helm_boundary.evaluation.judge import deny
from helm_boundary.policy.decision import ALLOW, ESCALATE, Decision
from helm_boundary.policy.engines.engine import NO_TURN, Turn
from helm_boundary.streaming.gate import MAX_EVENT, Gate
from helm_boundary.streaming.stream import Stream
from helm_boundary.streaming.tap import Tap, WholeTap
from helm_receipts.envelope.statement import End, Enforcement
from helm_receipts.errors import ReceiptError

from .exchange import Exchange
from .outcomes import Outcomes, coverage
from .receipt_drafts import tool_calls
from .refusals import no_receipt, too_late
from .requests import Boundary


class Streamed:
    """Judges streams and the responses of sessions, under one boundary."""

    def __init__(self, boundary: Boundary, outcomes: Outcomes) -> None:
        self._judge = boundary.judge
        self._recorder = boundary.recorder
        self._drafts = boundary.drafts
        self._teller = boundary.teller
        self._settings = boundary.settings
        self._desk = boundary.desk
        self._outcomes = outcomes

    def open(self, exchange: Exchange, stream: Stream) -> Gate | Tap:
        """Open what a stream goes through, from its first byte on."""
        progress = exchange.progress
        if self._settings.effect_of(progress.decision).stream == "pass":
            progress.gate = Tap(stream)
            return progress.gate
        most = self._settings.max_body
        gate = Gate(
            stream,
            self._gatekeeper(exchange),
            lambda why: self.end_event(exchange, why),
            max_event=min(MAX_EVENT, most),
            max_held=most,
        )
        progress.gate = gate
        return gate

    def let_pass(self, exchange: Exchange, stream: Stream) -> Tap:
        """Open what a stream goes through of which nothing is held."""
        exchange.progress.gate = tap = WholeTap(stream)
        return tap

    async def end(
        self, exchange: Exchange, end: End = "upstream_error", turn: Turn = NO_TURN
    ) -> None:
        """Judge all that came of a stream that is over, and write its outcome.

        `end` says why it is over where the stream itself didn't say that it is complete.
        """
        progress, gate = exchange.progress, exchange.progress.gate
        if gate is None:
            return
        if gate.stopped is not None:  # its outcome came with the error event, unless that failed
            decision = _decision_of(gate.stopped)
            await self._outcomes.write(exchange, decision, "denied", turn)
            return
        try:
            progress.answer = gate.left()
            if isinstance(gate, Tap):
                progress.tool_calls += tool_calls(progress.answer, ALLOW)
            decision = await self._outcomes.ask(exchange, progress.answer, turn)
        except Refusal as refusal:
            decision = deny(refusal)
        end = "complete" if gate.stream.done else end
        late: Enforcement | None = (
            None if decision.verdict == ALLOW else "observed"
        )  # its text has left already
        await self._outcomes.write(exchange, decision, end, turn, late)

    async def judge_calls(self, exchange: Exchange, answer: Answer) -> Decision:
        """Judge complete tool calls of a session; their receipt is durable when this allows."""
        progress = exchange.progress
        progress.answer = answer
        decision = await self._outcomes.ask(exchange, answer)
        progress.tool_calls += tool_calls(answer, decision.verdict)
        decision = self._settings.effect_of(decision)
        if decision.verdict != ALLOW:
            return decision
        try:
            await self._recorder.record(self._drafts.tool_calls(exchange, answer, decision))
        except ReceiptError as error:
            return deny(no_receipt(error))
        return decision

    def end_event(self, exchange: Exchange, why: Decision | Refusal) -> bytes:
        """End a call inside its stream: its outcome, and the event that says so."""
        decision, progress = _decision_of(why), exchange.progress
        if decision.verdict == ESCALATE:
            decision = self._desk.admit(exchange, decision, progress.answer)
        progress.end()
        end: End = "complete" if self._settings.passes(decision) else "denied"
        draft = self._drafts.outcome(exchange, decision, end, coverage=coverage(progress))
        try:
            receipt_id = self._recorder.record_now(draft).id
        except ReceiptError as error:
            return self._teller.event(exchange, deny(no_receipt(error)), None)
        progress.judged("response", decision, receipt_id)
        return self._teller.event(exchange, self._outcomes.asked(exchange, decision), receipt_id)

    def _gatekeeper(self, exchange: Exchange) -> Callable[[Answer], Decision]:
        progress = exchange.progress

        def judge(answer: Answer) -> Decision:
            progress.answer = answer
            context = exchange.context(time.time_ns())
            decision = self._judge.response_now(progress.shared, answer, context)
            if decision.rewrite:
                decision = deny(too_late())
            decision = self._desk.cover(exchange, decision, answer)
            progress.tool_calls += tool_calls(answer, decision.verdict)
            if decision.verdict != ALLOW:
                return decision  # its receipt is the outcome, written with the error event
            draft = self._drafts.tool_calls(exchange, answer, decision)
            try:
                receipt = self._recorder.record_now(draft)
            except ReceiptError as error:
                return deny(no_receipt(error))
            progress.judged("tool calls", decision, receipt.id)
            return Decision(ALLOW, ())

        return judge


def _decision_of(why: Decision | Refusal) -> Decision:
    return deny(why) if isinstance(why, Refusal) else why
