"""The boundary's other half: what happens to a forwarded call's response.

A whole response is judged before any of it is released. A stream goes through the gate, and what
can only be judged at its end is judged there, and said so in the outcome.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from helm_receipts.errors import ReceiptError
from helm_receipts.statement import Coverage, Draft

from ..approvals.refusals import gone, refusal_of
from ..approvals.store import StoreError
from ..approvals.waiting import AGAIN, Again, Said
from ..calls.call import Answer, HttpResponse, Json
from ..calls.refusal import Refusal
from ..dialects import dialect
from ..gate.gate import MAX_EVENT, Gate
from ..gate.tap import Tap
from ..judgement.judge import deny
from ..judgement.rewriting import settle
from ..policy.decision import ALLOW, ESCALATE, Decision
from ..policy.engine import Meanwhile, nothing
from ..reading.response import is_event_stream, read_answer, refuse_at_headers
from .boundary import FORESEEN, Boundary, no_receipt, not_asked
from .closed import NO_VERDICT
from .drafts import tool_calls
from .live import Judged, Live
from .verdict import Reply

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Release:
    """The upstream's response may go to the client; `body` in place of its own, if not None."""

    body: bytes | None = None


class Answers:
    """Judges responses under the boundary that judged their requests."""

    def __init__(self, boundary: Boundary) -> None:
        self._judge = boundary.judge
        self._recorder = boundary.recorder
        self._drafts = boundary.drafts
        self._teller = boundary.teller
        self._settings = boundary.settings
        self._desk = boundary.desk

    def begin(self, live: Live, response: HttpResponse) -> Gate | Tap | Refusal | None:
        """How a response will be judged, by its headers.

        A gate for its stream, None to judge it whole, or the reason why it can't be judged.
        """
        live.status = response.status
        refusal = refuse_at_headers(live.operation, response)
        if refusal is not None and not self._settings.observes:
            return refusal
        spoken = dialect(live.operation.dialect)
        stream = spoken.open_stream(response.status) if is_event_stream(response) else None
        if stream is None:
            return None
        if live.decision.stream == "buffer" and not self._settings.observes:
            return None
        gate: Gate | Tap
        if self._settings.observes or live.decision.stream == "pass":
            gate = Tap(stream)
        else:
            most = self._settings.max_body
            keeper, end = self._gatekeeper(live), self._end_event(live)
            gate = Gate(stream, keeper, end, max_event=min(MAX_EVENT, most), max_held=most)
        live.gate = gate
        return gate

    async def judge_response(self, live: Live, response: HttpResponse) -> Reply | Release | Again:
        """Judge a whole response; its outcome receipt is durable when this returns.

        AGAIN where it was changed while it waited for a person; its outcome isn't written then.
        """
        decision, release = await self._decide(live, response)
        if decision.verdict == ESCALATE and not self._settings.observes:
            decision = self._desk.admit(live, decision, live.answer)
            if decision.verdict == ESCALATE and live.park is not None:
                said = await self._hold(live, decision)
                if said is Said.CHANGED:
                    return AGAIN
                if said is Said.GONE:
                    await self.abandon(live, "client_gone")
                    return self._teller.refuse(live, deny(gone()), None)
                if said is Said.YES:
                    decision, release = await self._decide(live, response)
                else:
                    decision = deny(said if isinstance(said, Refusal) else refusal_of(said))
        return await self._settle(live, response, decision, release)

    async def _decide(self, live: Live, response: HttpResponse) -> tuple[Decision, Release]:
        live.status = response.status
        try:
            read = read_answer(live.operation, response, self._settings.max_body)
            live.answer = read.answer
            decision = await self._ask(live, read.answer, partial(self._foresee, live, response))
            if decision.verdict == ALLOW and decision.rewrite and not self._settings.observes:
                return await self._rewrite(live, read.body, decision)
        except Refusal as refusal:
            decision = deny(refusal)
        return decision, Release()

    async def _hold(self, live: Live, decision: Decision) -> Said | Refusal:
        try:
            live.judgements.append(Judged("response", decision, None))
            began = time.perf_counter()
            said = await self._desk.hold(live, decision, live.answer)
            live.took("a person", began)
            if said is Said.YES:
                for draft in self._desk.used(live):
                    await self._recorder.record(draft)
        except (ReceiptError, StoreError) as error:
            return not_asked(error)
        return said

    async def refuse_response(self, live: Live, refusal: Refusal) -> Reply:
        """Refuse a response whose headers already say that it can't be judged."""
        decision = deny(refusal)
        draft = self._drafts.outcome(live, decision, "denied", coverage=_coverage(live))
        return self._teller.refuse(live, *await self._record_end(live, draft, decision))

    async def end_stream(self, live: Live, end: str = "upstream_error") -> None:
        """A stream is over: judge all of it that came, and write its outcome.

        `end` says why it is over where the stream itself didn't say that it is complete.
        """
        gate = live.gate
        if gate is None:
            return
        if gate.stopped is not None:  # its outcome came with the error event, unless that failed
            why = gate.stopped
            decision = deny(why) if isinstance(why, Refusal) else why
            await self._write_outcome(live, decision, "denied", None)
            return
        try:
            live.answer = gate.left()
            if isinstance(gate, Tap):
                live.tool_calls += tool_calls(live.answer, ALLOW)
            decision = await self._ask(live, live.answer)
        except Refusal as refusal:
            decision = deny(refusal)
        end = "complete" if gate.stream.done else end
        late = None if decision.verdict == ALLOW else "observed"  # its text has left already
        await self._write_outcome(live, decision, end, late)

    async def abandon(self, live: Live, end: str) -> None:
        """The call ended too soon: `upstream_error`, `client_gone` or `killed`.

        What had come of a stream is judged like one that came whole: a client that leaves at the
        last event must not make a better outcome of it than one that stays.
        """
        decision = live.decision
        try:
            await self.end_stream(live, end)
        except Exception:
            logger.exception("what had left of a stream could not be judged")
            decision = deny(NO_VERDICT)
        await self._write_outcome(live, decision, end, None)  # unless the stream's end has done so

    def _foresee(self, live: Live, response: HttpResponse) -> None:
        """Get the receipt ready that most answers get."""
        self._recorder.foresee(self._outcome(live, response, FORESEEN, Release()))

    async def _ask(self, live: Live, answer: Answer, meanwhile: Meanwhile = nothing) -> Decision:
        began = time.perf_counter()
        context, patience = live.context(time.time_ns()), live.patience
        decision = await self._judge.response(live.shared, answer, context, patience, meanwhile)
        live.took("response policy", began)
        return self._desk.cover(live, decision, answer)

    async def _rewrite(
        self, live: Live, body: Json, decision: Decision
    ) -> tuple[Decision, Release]:
        if body is None:
            raise Refusal("PDP_ERROR", "the policy rewrites a response that isn't one JSON value")
        reader = dialect(live.operation.dialect)

        async def again(value: Json, _: bytes) -> Decision:
            live.answer = reader.read_response(live.status or 0, value)
            return await self._ask(live, live.answer)

        decision, rewritten = await settle(body, decision, again)
        return decision, Release(rewritten)

    async def _settle(
        self, live: Live, response: HttpResponse, decision: Decision, release: Release
    ) -> Reply | Release:
        draft = self._outcome(live, response, decision, release)
        told, receipt_id = await self._record_end(live, draft, decision)
        if self._passes(decision) and told is decision:
            live.replaced = None if release.body is None else response.body
            return release
        return self._teller.refuse(live, self._asked(live, told), receipt_id)

    def _passes(self, decision: Decision) -> bool:
        return decision.verdict == ALLOW or self._settings.observes

    def _outcome(
        self, live: Live, response: HttpResponse, decision: Decision, release: Release
    ) -> Draft:
        """The outcome of a whole response, if that is what is decided of it."""
        passes = self._passes(decision)
        end = "denied" if not passes else "upstream_error" if response.status >= 500 else "complete"
        calls = () if live.answer is None else tool_calls(live.answer, decision.verdict)
        sent = response.body if release.body is None else release.body
        whole = Coverage("whole", "whole", len(response.body), len(response.body))
        return self._drafts.outcome(
            live, decision, end, response=sent, coverage=whole, tool_calls=calls
        )

    def _asked(self, live: Live, decision: Decision) -> Decision:
        """Ask a person if that is the decision; if they can't be asked, it is another one."""
        if decision.verdict != ESCALATE:
            return decision
        try:
            self._desk.ask(live, decision, live.answer)
        except (ReceiptError, StoreError) as error:
            return deny(not_asked(error))
        return decision

    async def _record_end(
        self, live: Live, draft: Draft, decision: Decision
    ) -> tuple[Decision, str | None]:
        """Write an outcome; the same decision comes back only if it is durable."""
        if not live.end():  # the client has gone meanwhile, and its outcome is written
            return deny(gone()), None
        began = time.perf_counter()
        try:
            receipt = await self._recorder.record(draft, live.patience)
        except ReceiptError as error:
            return deny(no_receipt(error)), None
        live.took("response receipt", began)
        live.judgements.append(Judged("response", decision, receipt.id))
        return decision, receipt.id

    async def _write_outcome(
        self, live: Live, decision: Decision, end: str, enforcement: str | None
    ) -> None:
        if not live.end():
            return
        draft = self._drafts.outcome(
            live, decision, end, coverage=_coverage(live), enforcement=enforcement
        )
        try:
            receipt = await self._recorder.record(draft, live.patience)
            live.judgements.append(Judged(f"response, {end}", decision, receipt.id))
        except ReceiptError as error:
            # Nothing is left to refuse; fsck will name the outcome that is missing.
            logger.error("no outcome receipt for %s: %s", live.receipt_id, error)

    async def judge_calls(self, live: Live, answer: Answer) -> Decision:
        """Judge complete tool calls of a session; their receipt is durable when this allows."""
        live.answer = answer
        decision = await self._ask(live, answer)
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
        return self._end_event(live)(why)

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

    def _end_event(self, live: Live) -> Callable[[Decision | Refusal], bytes]:
        def deny_event(why: Decision | Refusal) -> bytes:
            decision = deny(why) if isinstance(why, Refusal) else why
            if decision.verdict == ESCALATE:
                live.park = None  # a stream can't wait
                decision = self._desk.admit(live, decision, live.answer)
            live.end()
            draft = self._drafts.outcome(live, decision, "denied", coverage=_coverage(live))
            try:
                receipt_id = self._recorder.record_now(draft).id
            except ReceiptError as error:
                return self._teller.event(live, deny(no_receipt(error)), None)
            live.judgements.append(Judged("response", decision, receipt_id))
            return self._teller.event(live, self._asked(live, decision), receipt_id)

        return deny_event


def too_late() -> Refusal:
    """The refusal of an answer that policy would rewrite, when part of it has left."""
    return Refusal(
        "PDP_ERROR",
        "the policy rewrites an answer that is already being sent; it can only rewrite a stream "
        "for which it asked `buffer`",
        "instance_context",
    )


def _coverage(live: Live) -> Coverage:
    if live.gate is None:
        return Coverage("whole", "none", 0, 0)
    seen = live.gate.seen
    covered = live.gate.covers
    return Coverage("whole", covered, seen, seen if covered == "toolCalls" else 0)
