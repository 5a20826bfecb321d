"""What whole answers and streams have in common: asking policy, and writing how a call ended."""

from __future__ import annotations

import logging
import time

from helm_boundary.approvals.refusals import gone
from helm_boundary.approvals.store import StoreError
from helm_boundary.approvals.wait import Said
from helm_boundary.calls.call import Answer
from helm_boundary.calls.refusal import Refusal
from helm_boundary.evaluation.judge import deny
from helm_boundary.policy.decision import ESCALATE, Decision
from helm_boundary.policy.engines.engine import Meanwhile, nothing
from helm_receipts.envelope.statement import Coverage, Covered, Draft, End, Enforcement
from helm_receipts.errors import ReceiptError

from .exchange import Judged, Live
from .requests import Boundary, no_receipt, not_asked

logger = logging.getLogger(__name__)


class Outcomes:
    """Asks about answers and writes outcomes, under one boundary."""

    def __init__(self, boundary: Boundary) -> None:
        self._judge = boundary.judge
        self._recorder = boundary.recorder
        self._drafts = boundary.drafts
        self._desk = boundary.desk

    async def ask(self, live: Live, answer: Answer, meanwhile: Meanwhile = nothing) -> Decision:
        """What policy says of an answer, with what a person has granted; as an engine's."""
        if live.unread is not None:
            return deny(live.unread)
        if not live.shared:  # nothing was understood of its request, so nothing can be said of it
            return live.decision
        began = time.perf_counter()
        context, patience = live.context(time.time_ns()), live.patience
        decision = await self._judge.response(live.shared, answer, context, patience, meanwhile)
        live.took("response policy", began)
        return self._desk.cover(live, decision, answer)

    def asked(self, live: Live, decision: Decision) -> Decision:
        """Ask a person if that is the decision; if they can't be asked, it is another one."""
        if decision.verdict != ESCALATE:
            return decision
        try:
            self._desk.ask(live, decision, live.answer)
        except (ReceiptError, StoreError) as error:
            return deny(not_asked(error))
        return decision

    async def hold(self, live: Live, decision: Decision) -> Said | Refusal:
        """Let an escalated answer wait for a person; with YES, the grant's receipt is durable."""
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

    async def record(
        self, live: Live, draft: Draft, decision: Decision
    ) -> tuple[Decision, str | None]:
        """Write a call's outcome; the same decision comes back only if it is durable."""
        if not live.end():  # the client has gone meanwhile, and its outcome is written
            return deny(gone()), None
        began = time.perf_counter()
        try:
            receipt = await self._recorder.record(draft, live.patience)
        except ReceiptError as error:
            logger.error("no outcome receipt for %s: %s", live.receipt_id, error)
            return deny(no_receipt(error)), None
        live.took("response receipt", began)
        live.judgements.append(Judged("response", decision, receipt.id))
        return decision, receipt.id

    async def write(
        self, live: Live, decision: Decision, end: End, enforcement: Enforcement | None = None
    ) -> None:
        """Write the outcome of a call that nothing can be refused of any more, unless it has one.

        `enforcement` as a draft's.
        """
        if not live.end():
            return
        draft = self._drafts.outcome(
            live, decision, end, coverage=coverage(live), enforcement=enforcement
        )
        try:
            receipt = await self._recorder.record(draft, live.patience)
            live.judgements.append(Judged(f"response, {end}", decision, receipt.id))
        except ReceiptError as error:
            # Nothing is left to refuse; fsck will name the outcome that is missing.
            logger.error("no outcome receipt for %s: %s", live.receipt_id, error)


def coverage(live: Live) -> Coverage:
    """How much of a call's answer was judged, so far."""
    request: Covered = "whole" if live.shared else "none"
    if live.gate is None:
        return Coverage(request, "none", 0, 0)
    seen = live.gate.seen
    covered = live.gate.covers
    return Coverage(request, covered, seen, seen if covered == "toolCalls" else 0)
