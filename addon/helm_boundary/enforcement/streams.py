"""Answers that run: judged as they pass, and at their end.

Tool calls are held until policy has spoken and that is durable. What can only be judged at the end
is judged there, and said so in the outcome.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from helm_boundary.calls.call import Answer
from helm_boundary.calls.refusal import Refusal
from helm_boundary.evaluation.judge import deny
from helm_boundary.policy.decision import ALLOW, ESCALATE, Decision
from helm_boundary.streaming.gate import Gate
from helm_boundary.streaming.stream import Stream
from helm_boundary.streaming.tap import Tap, WholeTap
from helm_receipts.envelope.statement import End, Enforcement
from helm_receipts.errors import ReceiptError

from .exchange import Judged, Live
from .outcomes import Outcomes, coverage
from .receipt_drafts import tool_calls
from .requests import Boundary, no_receipt


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

    def open(self, live: Live, stream: Stream) -> Gate | Tap:
        """What a stream goes through, from its first byte on."""
        if self._settings.observes or live.decision.stream == "pass":
            live.gate = Tap(stream, max_event=self._settings.max_body)
            return live.gate
        most = self._settings.max_body
        gate = Gate(
            stream,
            self._gatekeeper(live),
            lambda why: self.end_event(live, why),
            max_event=most,
            max_held=most,
        )
        live.gate = gate
        return gate

    def let_pass(self, live: Live, stream: Stream) -> Tap:
        """What a stream goes through of which nothing is held."""
        live.gate = WholeTap(stream)
        return live.gate

    async def end(self, live: Live, end: End = "upstream_error") -> None:
        """A stream is over: judge all of it that came, and write its outcome.

        `end` says why it is over where the stream itself didn't say that it is complete.
        """
        gate = live.gate
        if gate is None:
            return
        if gate.stopped is not None:  # its outcome came with the error event, unless that failed
            why = gate.stopped
            await self._outcomes.write(
                live, deny(why) if isinstance(why, Refusal) else why, "denied"
            )
            return
        try:
            live.answer = gate.left()
            if isinstance(gate, Tap):
                live.tool_calls += tool_calls(live.answer, ALLOW)
            decision = await self._outcomes.ask(live, live.answer)
        except Refusal as refusal:
            decision = deny(refusal)
        end = "complete" if gate.stream.done else end
        late: Enforcement | None = (
            None if decision.verdict == ALLOW else "observed"
        )  # its text has left already
        await self._outcomes.write(live, decision, end, late)

    async def judge_calls(self, live: Live, answer: Answer) -> Decision:
        """Judge complete tool calls of a session; their receipt is durable when this allows."""
        live.answer = answer
        decision = await self._outcomes.ask(live, answer)
        live.tool_calls += tool_calls(answer, decision.verdict)
        if self._settings.observes:
            decision = Decision(ALLOW, decision.reasons)
        if decision.verdict != ALLOW:
            return decision
        try:
            await self._recorder.record(self._drafts.tool_calls(live, answer, decision))
        except ReceiptError as error:
            return deny(no_receipt(error))
        return decision

    def end_event(self, live: Live, why: Decision | Refusal) -> bytes:
        """End a call inside its stream: its outcome, and the event that says so."""
        decision = deny(why) if isinstance(why, Refusal) else why
        if decision.verdict == ESCALATE:
            live.park = None  # a stream can't wait
            decision = self._desk.admit(live, decision, live.answer)
        live.end()
        end: End = "complete" if self._settings.observes else "denied"
        draft = self._drafts.outcome(live, decision, end, coverage=coverage(live))
        try:
            receipt_id = self._recorder.record_now(draft).id
        except ReceiptError as error:
            return self._teller.event(live, deny(no_receipt(error)), None)
        live.judgements.append(Judged("response", decision, receipt_id))
        return self._teller.event(live, self._outcomes.asked(live, decision), receipt_id)

    def _gatekeeper(self, live: Live) -> Callable[[Answer], Decision]:
        def judge(answer: Answer) -> Decision:
            live.answer = answer
            context = live.context(time.time_ns())
            decision = self._judge.response_now(live.shared, answer, context)
            if decision.rewrite:
                decision = deny(too_late())
            decision = self._desk.cover(live, decision, answer)
            live.tool_calls += tool_calls(answer, decision.verdict)
            if decision.verdict != ALLOW:
                return decision  # its receipt is the outcome, written with the error event
            draft = self._drafts.tool_calls(live, answer, decision)
            try:
                receipt = self._recorder.record_now(draft)
            except ReceiptError as error:
                return deny(no_receipt(error))
            live.judgements.append(Judged("tool calls", decision, receipt.id))
            return Decision(ALLOW, ())

        return judge


def too_late() -> Refusal:
    """The refusal of an answer that policy would rewrite, when part of it has left."""
    return Refusal(
        "PDP_ERROR",
        "the policy rewrites an answer that is already being sent; it can only rewrite a stream "
        "for which it asked `buffer`",
        "instance_context",
    )
