"""The part that whole answers and streams share: asking policy, and writing how a call ended."""

from __future__ import annotations

import contextlib
import logging
import time
from functools import partial

from helm_boundary.approvals.refusals import gone
from helm_boundary.approvals.store import StoreError
from helm_boundary.approvals.wait import Park, Said
from helm_boundary.calls.call import Answer
from helm_boundary.calls.refusal import Refusal
from helm_boundary.evaluation.aside import aside
from helm_boundary.evaluation.judge import deny
from helm_boundary.policy.decision import ESCALATE, Decision
from helm_boundary.policy.engines.engine import NO_TURN, Turn
from helm_receipts.envelope.statement import Coverage, Covered, Draft, End, Enforcement
from helm_receipts.errors import ReceiptError
from helm_receipts.recording.recorder import Receipt

from .exchange import Exchange, Progress
from .refusals import no_receipt, not_asked
from .requests import Boundary

logger = logging.getLogger(__name__)


class Outcomes:
    """Asks about answers and writes outcomes, under one boundary."""

    def __init__(self, boundary: Boundary) -> None:
        self._judge = boundary.judge
        self._recorder = boundary.recorder
        self._drafts = boundary.drafts
        self._desk = boundary.desk
        self._observes = boundary.settings.observes
        self.tell_ended = boundary.tell_ended
        self._accounts = boundary.accounts

    async def ask(self, exchange: Exchange, answer: Answer, turn: Turn = NO_TURN) -> Decision:
        """Ask policy about an answer, with what a person has granted; `turn` as an engine's."""
        progress = exchange.progress
        if progress.unread is not None:
            return deny(progress.unread)
        if not progress.shared:  # nobody could read its request, so nothing can be said of it
            return progress.decision
        began = time.perf_counter()
        context = exchange.context(time.time_ns())
        decision = await self._judge.response(progress.shared, answer, context, turn)
        progress.took("response policy", began)
        decision = self._desk.grants.cover(exchange, decision, answer)
        return await self._carry(exchange, decision, answer)

    async def _carry(self, exchange: Exchange, decision: Decision, answer: Answer) -> Decision:
        """Use a grant for an answer's tool calls where one fits; its receipt is durable then."""
        progress = exchange.progress
        if decision.verdict != ESCALATE or self._observes:
            return decision
        if self._desk.grants.are_open and exchange.consent.binding is None:
            with contextlib.suppress(Refusal):  # the desk says so itself
                await aside(len(progress.shared), partial(self._desk.bind, exchange))
        if not self._desk.grants.carry_answer(exchange, decision, answer):
            return decision
        try:
            for draft in self._desk.grants.used(exchange):
                await self._recorder.record(draft)
        except ReceiptError as error:
            self._desk.grants.give_back(exchange)
            return deny(no_receipt(error))
        return self._desk.grants.cover(exchange, decision, answer)

    def asked(self, exchange: Exchange, decision: Decision) -> Decision:
        """Ask a person where that is the decision; return the DENY if nobody can be asked."""
        if decision.verdict != ESCALATE:
            return decision
        try:
            self._desk.ask(exchange, decision, exchange.progress.answer)
        except (ReceiptError, StoreError) as error:
            return deny(not_asked(error))
        return decision

    async def hold(self, exchange: Exchange, decision: Decision, park: Park) -> Said | Refusal:
        """Let an escalated answer wait for a person; with YES, the grant's receipt is durable."""
        progress = exchange.progress
        try:
            progress.judged("response", decision, None)
            began = time.perf_counter()
            said = await self._desk.hold(exchange, decision, park, progress.answer)
            progress.took("a person", began)
            if said is Said.YES:
                for draft in self._desk.grants.used(exchange):
                    await self._recorder.record(draft)
        except (ReceiptError, StoreError) as error:
            return not_asked(error)
        return said

    async def record(
        self, exchange: Exchange, draft: Draft, decision: Decision, turn: Turn = NO_TURN
    ) -> tuple[Decision, str | None]:
        """Write a call's outcome; return the same decision only if the outcome is durable."""
        progress = exchange.progress
        if not progress.end():  # the client has gone meanwhile, and its outcome is written
            return deny(gone()), None
        began = time.perf_counter()
        try:
            receipt = await self.commit(exchange, draft, turn)
        except ReceiptError as error:
            logger.error("no outcome receipt for %s: %s", progress.receipt_id, error)
            return deny(no_receipt(error)), None
        progress.took("response receipt", began)
        progress.judged("response", decision, receipt.id)
        self.tell_ended(exchange, draft.outcome.end if draft.outcome else "complete")
        return decision, receipt.id

    async def commit(self, exchange: Exchange, draft: Draft, turn: Turn = NO_TURN) -> Receipt:
        """Make the outcome of a call that was ended durable, and settle what the call has spent.

        Raises:
            ReceiptError: it isn't durable.
        """
        if self._accounts is None:
            return await self._recorder.record(draft, turn.seconds)
        draft = await self._accounts.charge(exchange, draft)
        try:
            return await self._recorder.record(draft, turn.seconds)
        finally:  # an outcome that isn't durable now is when the disk is back
            await self._accounts.settle(exchange)

    async def write(
        self,
        exchange: Exchange,
        decision: Decision,
        end: End,
        turn: Turn = NO_TURN,
        enforcement: Enforcement | None = None,
    ) -> None:
        """Write the outcome of a call that nothing can be refused of any more, unless it has one.

        `enforcement` as a draft's.
        """
        progress = exchange.progress
        if not progress.end():
            return
        draft = self._drafts.outcome(
            exchange, decision, end, coverage=coverage(progress), enforcement=enforcement
        )
        try:
            receipt = await self.commit(exchange, draft, turn)
            progress.judged(f"response, {end}", decision, receipt.id)
            self.tell_ended(exchange, end)
        except ReceiptError as error:
            # Nothing is left to refuse; fsck will name the outcome that is missing.
            logger.error("no outcome receipt for %s: %s", progress.receipt_id, error)


def coverage(progress: Progress) -> Coverage:
    """Say how much of a call's answer was judged, so far."""
    request: Covered = "whole" if progress.shared else "none"
    if progress.gate is None:
        return Coverage(request, "none", 0, 0)
    seen, covered = progress.gate.seen, progress.gate.covers
    return Coverage(request, covered, seen, seen if covered == "toolCalls" else 0)
