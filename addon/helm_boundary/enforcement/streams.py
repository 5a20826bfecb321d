"""Answers that run: judged as they pass, and at their end.

Tool calls are held until policy has spoken and that is durable. What can only be judged at the end
is judged there, and said so in the outcome.
"""

from __future__ import annotations

from typing import assert_never

from helm_boundary.approvals.refusals import gone, refusal_of
from helm_boundary.approvals.wait import Park, Said
from helm_boundary.calls.call import Answer
from helm_boundary.calls.refusal import Refusal
from helm_boundary.evaluation.judge import deny
from helm_boundary.policy.decision import ALLOW, ESCALATE, Decision
from helm_boundary.streaming.gate import Gate, NeedsVerdict, Question, Release, Step, Stop
from helm_boundary.streaming.sse import EventCutter
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
        self._recorder = boundary.recorder
        self._drafts = boundary.drafts
        self._teller = boundary.teller
        self._settings = boundary.settings
        self._desk = boundary.desk
        self._outcomes = outcomes

    def open(self, live: Live, stream: Stream) -> Gate | Tap:
        """Choose what a stream goes through, from its first byte on."""
        most = self._settings.max_body
        if self._settings.observes or live.decision.stream == "pass":
            live.gate = Tap(stream, max_event=most)
        else:
            live.gate = Gate(stream, EventCutter(most), max_held=most)
        return live.gate

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

    async def answer(
        self, live: Live, gate: Gate, question: Question, park: Park | None = None
    ) -> list[Step]:
        """Do what a stream's gate asks for; with `park`, an escalated call waits for a person."""
        match question:
            case NeedsVerdict(answer):
                return gate.resume(await self.judge_calls(live, answer, park))
            case Stop(why):
                return [Release((await self.end_event(live, why),))]
            case never:
                assert_never(never)

    async def judge_calls(self, live: Live, answer: Answer, park: Park | None = None) -> Decision:
        """Judge complete tool calls; their receipt is durable when this allows."""
        live.answer, live.park = answer, park
        decision = await self._ask(live, answer)
        if decision.verdict == ESCALATE and park is not None and not self._settings.observes:
            decision = await self._ask_person(live, decision, answer)
        live.tool_calls += tool_calls(answer, decision.verdict)
        if self._settings.observes:
            decision = Decision(ALLOW, decision.reasons)
        if decision.verdict != ALLOW:
            return decision  # its receipt is the outcome, written with the error event
        try:
            receipt = await self._recorder.record(self._drafts.tool_calls(live, answer, decision))
        except ReceiptError as error:
            return deny(no_receipt(error))
        live.judgements.append(Judged("tool calls", decision, receipt.id))
        return decision

    async def end_event(self, live: Live, why: Decision | Refusal) -> bytes:
        """End a call inside its stream: write its outcome; returns the event that says so."""
        decision = deny(why) if isinstance(why, Refusal) else why
        if decision.verdict == ESCALATE:
            live.park = None
            decision = self._desk.admit(live, decision, live.answer)
        if not live.end():  # its client has gone, and its outcome is written
            return self._teller.event(live, decision, None)
        end: End = "complete" if self._settings.observes else "denied"
        draft = self._drafts.outcome(live, decision, end, coverage=coverage(live))
        try:
            receipt = await self._recorder.record(draft)
        except ReceiptError as error:
            return self._teller.event(live, deny(no_receipt(error)), None)
        live.judgements.append(Judged("response", decision, receipt.id))
        return self._teller.event(live, self._outcomes.asked(live, decision), receipt.id)

    async def _ask(self, live: Live, answer: Answer) -> Decision:
        try:
            decision = await self._outcomes.ask(live, answer)
        except Refusal as refusal:
            return deny(refusal)
        return deny(too_late()) if decision.rewrite else decision

    async def _ask_person(self, live: Live, decision: Decision, answer: Answer) -> Decision:
        decision = self._desk.admit(live, decision, answer)
        if decision.verdict != ESCALATE:
            return decision
        said = await self._outcomes.hold(live, decision)
        if said is Said.YES:
            return await self._ask(live, answer)
        if said is Said.GONE:
            await self._outcomes.write(live, deny(gone()), "client_gone")
            return deny(gone())
        return deny(said if isinstance(said, Refusal) else refusal_of(said))


def too_late() -> Refusal:
    """The refusal of an answer that policy would rewrite, when part of it has left."""
    return Refusal(
        "PDP_ERROR",
        "the policy rewrites an answer that is already being sent; it can only rewrite a stream "
        "for which it asked `buffer`",
        "instance_context",
    )
