"""Streams and sessions: judged as they pass, and at their end.

Tool calls are held until they are judged and that is durable. What can only be judged at the end is
judged there, and the outcome says so.
"""

from __future__ import annotations

from functools import partial
from typing import assert_never

from helm_boundary.approvals.refusals import gone, refusal_of
from helm_boundary.approvals.wait import Park, Said
from helm_boundary.calls.call import Answer
from helm_boundary.calls.refusal import Refusal
from helm_boundary.dialects.keep_alives import keep_alive
from helm_boundary.evaluation.aside import aside
from helm_boundary.evaluation.judge import deny
from helm_boundary.policy.decision import ALLOW, ESCALATE, Decision
from helm_boundary.policy.engines.engine import NO_TURN, Turn
from helm_boundary.streaming.gate import Cutter, Gate, NeedsVerdict, Question, Release, Step, Stop
from helm_boundary.streaming.keep_alive import KeepAlive
from helm_boundary.streaming.stream import MessageStream, Stream
from helm_boundary.streaming.tap import AskedTap, Tap, WholeTap
from helm_boundary.streaming.usage_filter import UsageFilter
from helm_receipts.envelope.statement import End, Enforcement
from helm_receipts.errors import ReceiptError

from .event_rewrites import rewrite_event
from .exchange import Exchange
from .outcomes import Outcomes, coverage
from .refusals import no_receipt
from .requests import Boundary
from .timed_cutter import TimedCutter


class Streamed:
    """Judges streams and the responses of sessions, under one boundary."""

    def __init__(self, boundary: Boundary, outcomes: Outcomes) -> None:
        self._recorder = boundary.recorder
        self._drafts = boundary.drafts
        self._teller = boundary.teller
        self._settings = boundary.settings
        self._desk = boundary.desk
        self._steering = boundary.steering
        self._outcomes = outcomes

    def open(self, exchange: Exchange, stream: Stream, cutter: Cutter) -> Gate | Tap:
        """Open what a stream goes through, from its first byte on; `cutter` cuts its events."""
        progress, most = exchange.progress, self._settings.max_body
        passes = self._settings.effect_of(progress.decision).stream == "pass"
        if progress.trace is not None:
            cutter = TimedCutter(cutter, progress)
        if passes:
            tap = AskedTap if progress.asked_for_usage else Tap
            progress.gate = tap(stream, cutter)
        else:
            if progress.asked_for_usage:
                cutter = UsageFilter(cutter)
            # Messages are judged one by one, however long that goes on.
            context = None if isinstance(stream, MessageStream) else len(progress.shared)
            progress.gate = Gate(stream, cutter, max_held=most, context=context)
            agent = exchange.request.header("user-agent")
            progress.keep_alive = KeepAlive(keep_alive(exchange.operation, agent))
        return progress.gate

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
            progress.answer = await aside(gate.seen, gate.left)
            if isinstance(gate, Tap):  # set, not added: a client's leaving may end it meanwhile
                progress.tool_calls = [*self._drafts.calls_of(progress.answer, ALLOW)]
            decision = await self._outcomes.ask(exchange, progress.answer, turn)
        except Refusal as refusal:
            decision = deny(refusal)
        end = "complete" if gate.is_complete else end
        late: Enforcement | None = (
            None if decision.verdict == ALLOW else "observed"
        )  # its text has left already
        await self._outcomes.write(exchange, decision, end, turn, late)

    async def answer(
        self,
        exchange: Exchange,
        gate: Gate,
        question: Question,
        turn: Turn = NO_TURN,
        park: Park | None = None,
    ) -> list[Step]:
        """Do what a stream's gate asks for; with `park`, an escalated call waits for a person."""
        match question:
            case NeedsVerdict(tell):
                try:
                    answer = await aside(gate.unread, tell)
                except Refusal as refusal:
                    return gate.refuse(refusal)
                decision = await self.judge_calls(exchange, answer, turn, park)
                event = exchange.progress.rewritten_event
                return await aside(gate.unread, partial(gate.resume, decision, event))
            case Stop(why):
                # Each is a write of its own.
                return [Release((one,)) for one in await self.end_events(exchange, why, turn)]
            case never:
                assert_never(never)

    async def judge_calls(
        self, exchange: Exchange, answer: Answer, turn: Turn = NO_TURN, park: Park | None = None
    ) -> Decision:
        """Judge complete tool calls; their receipt is durable when this allows."""
        progress = exchange.progress
        progress.answer = answer
        decision = await self._ask(exchange, answer, turn)
        if self._settings.effect_of(decision).verdict == ESCALATE and park is not None:
            decision = await self._ask_person(exchange, decision, answer, park)
        if progress.rewritten_event is not None:
            answer = progress.answer
        progress.tool_calls += self._drafts.calls_of(answer, decision.verdict)
        decision = self._settings.effect_of(decision)
        if decision.verdict != ALLOW:
            return decision  # its receipt is the outcome, written with the error event
        draft = self._drafts.tool_calls(exchange, answer, decision)
        try:
            receipt = await self._recorder.record(draft, turn.seconds)
        except ReceiptError as error:
            return deny(no_receipt(error))
        progress.judged("tool calls", decision, receipt.id)
        progress.tools += self._drafts.listed_tools(exchange, answer)
        return decision

    async def end_events(
        self, exchange: Exchange, why: Decision | Refusal, turn: Turn = NO_TURN
    ) -> list[bytes]:
        """End a call inside its stream: write its outcome; returns the events that say so.

        That is the dialect's error, or a call that tells the model why another was denied.
        """
        decision, progress = _decision_of(why), exchange.progress
        if decision.verdict == ESCALATE:
            decision = self._desk.admit(exchange, decision, progress.answer)
        if not progress.end():  # its client has gone, and its outcome is written
            return self._teller.events(exchange, decision, None)
        end: End = "complete" if self._settings.passes(decision) else "denied"
        steers = self._steering.events(exchange, decision)
        draft = self._drafts.outcome(
            exchange,
            decision,
            end,
            coverage=coverage(progress),
            instead=steers,
        )
        try:
            receipt = await self._outcomes.commit(exchange, draft, turn)
        except ReceiptError as error:
            return self._teller.events(exchange, deny(no_receipt(error)), None)
        progress.judged("response", decision, receipt.id)
        self._outcomes.tell_ended(exchange, end)
        if steers is not None:
            return steers.sent
        return self._teller.events(exchange, self._outcomes.asked(exchange, decision), receipt.id)

    async def _ask(self, exchange: Exchange, answer: Answer, turn: Turn = NO_TURN) -> Decision:
        exchange.progress.rewritten_event = None
        decision = await self._outcomes.ask(exchange, answer, turn)
        if not decision.rewrite:
            return decision
        return await rewrite_event(exchange, decision, self._outcomes)

    async def _ask_person(
        self, exchange: Exchange, decision: Decision, answer: Answer, park: Park
    ) -> Decision:
        decision = self._desk.admit(exchange, decision, answer, park)
        if decision.verdict != ESCALATE:
            return decision
        said = await self._outcomes.hold(exchange, decision, park)
        if said is Said.YES:
            return await self._ask(exchange, answer)
        if said is Said.GONE:
            await self.end(exchange, "client_gone")
            return deny(gone())
        return deny(said if isinstance(said, Refusal) else refusal_of(said))


def _decision_of(why: Decision | Refusal) -> Decision:
    return deny(why) if isinstance(why, Refusal) else why
