"""The boundary: each step of a call's life, without any knowledge of the proxy.

Every step either lets bytes go on, after the receipt that says so is durable, or gives the reply
that the client gets in their place.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from helm_boundary.approvals.notify import Tell, tell_nobody
from helm_boundary.approvals.refusals import refusal_of
from helm_boundary.approvals.store import Store, StoreError
from helm_boundary.approvals.wait import AGAIN, Again, Park, Said
from helm_boundary.calls.call import HttpRequest, Mode, Operation
from helm_boundary.calls.refusal import Refusal
from helm_boundary.calls.trace_context import begin_trace
from helm_boundary.evaluation.aside import LONG, aside
from helm_boundary.evaluation.judge import Judge, deny
from helm_boundary.matching.catalogue import UNKNOWN
from helm_boundary.matching.matcher import Matcher
from helm_boundary.matching.mcp_servers import read_servers
from helm_boundary.parsing import requests as recognition
from helm_boundary.policy.decision import ESCALATE
from helm_boundary.policy.engines.engine import NO_TURN, Turn
from helm_receipts.envelope.statement import Draft, End
from helm_receipts.errors import ReceiptError
from helm_receipts.recording.recorder import Recorder

from .approval_desk import Desk, Terms
from .call_facts import Observer, call_facts
from .exchange import Exchange, Progress, correlation_id, credentials
from .fallback_reply import NO_VERDICT
from .helm_wire import HelmTeller
from .receipt_drafts import Drafter
from .refusals import no_receipt, not_asked
from .reply import Forward, Reply
from .reply_writer import Teller
from .request_judge import RequestJudge, weigh
from .settings import Settings
from .steering import Steering
from .timings import Timings
from .unrecorded_calls import Unrecorded

if TYPE_CHECKING:  # nothing of budgets is imported where there are none
    from .accounts import Accounts

_UNJUDGED = deny(NO_VERDICT)


class Boundary:
    """Judges requests under one policy and records every verdict; `Answers` does the rest."""

    def __init__(
        self,
        matcher: Matcher,
        judge: Judge,
        recorder: Recorder,
        settings: Settings,
        store: Store,
        tell: Tell = tell_nobody,
        accounts: Accounts | None = None,
    ) -> None:
        policy = judge.engine.policy
        self._servers = read_servers(policy.own_data)
        self.settings = settings
        self.judge = judge
        self.recorder = recorder
        teller = HelmTeller if settings.wire == "helm" else Teller
        self.teller = teller(policy.digest, settings.enforcement, judge.detectors)
        self.steering = Steering(settings, judge.detectors)
        self.drafts = Drafter(policy, judge.engine.name, settings.enforcement, judge.detectors)
        terms = Terms(
            settings.hold_seconds,
            settings.hold_max,
            settings.max_body,
            policy.volatile,
            self._servers,
        )
        self.desk = Desk(store, recorder, self.drafts, judge.detectors, terms, tell)
        self.unrecorded = Unrecorded()
        self.accounts = accounts
        """What calls may spend; None where data defines no budget."""
        self.timings = Timings() if settings.measures else None
        self.observer: Observer | None = None
        self._matcher = matcher
        self._store = store
        self._tell = tell
        self._requests = RequestJudge(
            judge, recorder, settings, self.drafts, self.desk, self._servers, accounts
        )

    def under(self, judge: Judge, accounts: Accounts | None) -> Boundary:
        """Build the same boundary under another policy; both count what waits for a person."""
        return self._succeeded_by(judge, accounts, self.settings)

    def in_mode(self, mode: Mode) -> Boundary:
        """Build the same boundary in another mode."""
        accounts, judge = self.accounts, self.judge
        if accounts is not None:
            accounts = accounts.in_mode(
                judge.engine.policy, judge.detectors, observes=mode == "observe"
            )
        return self._succeeded_by(judge, accounts, replace(self.settings, mode=mode))

    def _succeeded_by(
        self, judge: Judge, accounts: Accounts | None, settings: Settings
    ) -> Boundary:
        other = Boundary(
            self._matcher, judge, self.recorder, settings, self._store, self._tell, accounts
        )
        other.desk.waiting = self.desk.waiting
        other.unrecorded = self.unrecorded
        other.timings, other.observer = self.timings, self.observer
        return other

    @property
    def passes_unjudged(self) -> bool:
        """Whether bytes go on though judging them failed, which is a DENY like any other."""
        return self.settings.passes(_UNJUDGED)

    async def recognise(self, request: HttpRequest) -> Exchange | None:
        """Begin the exchange of the call that a request makes; None for other traffic."""
        refusal, operation = None, None
        try:
            operation = await aside(
                weigh(request),
                lambda: recognition.recognise(
                    self._matcher, request, self.settings.max_body, self._servers
                ),
            )
            if operation is None:
                return None
        except Refusal as error:
            refusal = error
        return self.begin(request, operation or UNKNOWN, refusal)

    def begin(
        self, request: HttpRequest, operation: Operation, refusal: Refusal | None = None
    ) -> Exchange:
        """Begin the exchange of a request that is known to be a call of that operation."""
        carried = credentials(request)
        key = "\n".join(carried)
        named = self.recorder.pseudonym
        return Exchange(
            request,
            operation,
            correlation_id(request),
            named(key) if key else None,
            refusal,
            keys=tuple(map(named, carried)) if len(carried) > 1 else (),
            progress=self.progress(request.header("traceparent")),
        )

    def progress(self, traceparent: str | None) -> Progress:
        """Return the progress of a call that begins now, as a part of that trace."""
        progress = Progress(timings=self.timings)
        if self.observer is not None:
            progress.trace = begin_trace(traceparent)
            progress.passes("began")
        return progress

    async def judge_request(
        self, exchange: Exchange, turn: Turn = NO_TURN, park: Park | None = None
    ) -> Forward | Reply | Again:
        """Judge a request, and make its receipt durable; `park` lets it wait for a person.

        Returns `Forward` to let it go on, a `Reply` in its place, and AGAIN where it, or the
        policy, was changed while it waited for a person.
        """
        progress = exchange.progress
        if weigh(exchange.request) > LONG:
            turn = NO_TURN  # others come meanwhile
        progress.decision = await self._requests.decide(exchange, turn)
        end: End = "denied"
        if self.settings.effect_of(progress.decision).verdict == ESCALATE:
            await self._requests.bind(exchange)
            progress.decision = self.desk.admit(exchange, progress.decision, park=park)
            if progress.decision.verdict == ESCALATE and park is not None:
                said = await self._hold(exchange, turn, park)
                if said in (Said.CHANGED, Said.VOID):
                    return await self._end_changed(exchange, turn)
                end = "client_gone" if said is Said.GONE else "denied"
        return await self._conclude(exchange, turn, end)

    async def _hold(self, exchange: Exchange, turn: Turn, park: Park) -> Said | None:
        """Wait for a person, and decide by what they said; None where they can't be asked."""
        progress = exchange.progress
        try:
            receipt = await self.recorder.record(self.drafts.request(exchange, progress.decision))
            progress.receipt_id, progress.receipt = receipt.id, receipt
            progress.judged("request", progress.decision, receipt.id)
            began = time.perf_counter()
            said = await self.desk.hold(exchange, progress.decision, park)
            progress.took("a person", began)
        except (ReceiptError, StoreError) as error:
            progress.decision = deny(not_asked(error))
            return None
        if said is Said.YES:
            progress.decision = await self._requests.decide(exchange, turn)
        elif said not in (Said.CHANGED, Said.VOID):
            progress.decision = deny(refusal_of(said))
        return said

    async def _end_changed(self, exchange: Exchange, turn: Turn) -> Reply | Again:
        drafts = []
        if exchange.progress.end():
            drafts.append(self.drafts.outcome(exchange, exchange.progress.decision, "killed"))
        return await self._record(exchange, drafts, turn) or AGAIN

    async def _conclude(self, exchange: Exchange, turn: Turn, end: End) -> Forward | Reply:
        progress = exchange.progress
        passes = self.settings.passes(progress.decision)
        if passes and self.accounts is not None:
            progress.decision = await self.accounts.reserve(exchange, progress.decision)
            passes = self.settings.passes(progress.decision)
        try:
            return await self._answer(exchange, turn, end, passes=passes)
        except BaseException:  # nobody knows whether its receipt is durable
            if self.accounts is not None:
                await self.accounts.forfeit(exchange)
            raise

    async def _answer(
        self, exchange: Exchange, turn: Turn, end: End, *, passes: bool
    ) -> Forward | Reply:
        """Record the decision on a request, and do as it says."""
        progress = exchange.progress
        was_recorded = progress.receipt_id is not None  # it waited, and now comes the answer
        drafts = []
        if passes or not was_recorded:
            foreseen = progress.take_foreseen(progress.decision)
            drafts.append(foreseen or self.drafts.request(exchange, progress.decision))
        if passes:
            drafts += self.desk.grants.used(exchange)
        elif progress.end():
            drafts.append(self.drafts.outcome(exchange, progress.decision, end))
        refusal = await self._record(exchange, drafts, turn)
        if refusal is not None:
            return refusal
        if not passes:
            self.tell_ended(exchange, end)
            return self._refuse(exchange)
        progress.passes("forwarded")
        return Forward(progress.rewritten)

    async def _record(self, exchange: Exchange, drafts: list[Draft], turn: Turn) -> Reply | None:
        """Make receipts durable, the first one being what the client is told of."""
        progress, began = exchange.progress, time.perf_counter()
        drafts, missed = self.unrecorded.told_in(drafts)
        try:
            receipts = await self.recorder.record_all(drafts, turn.seconds)
            progress.took("request receipt", began)
        except ReceiptError as error:
            progress.end()
            if self.accounts is not None:
                await self.accounts.release(exchange)
            refused = deny(no_receipt(error))
            if not self.settings.passes(refused):
                return self.teller.refuse(exchange, refused, None)
            self.unrecorded.calls += missed
            self.unrecorded.count(error)
            return None
        if receipts:
            progress.receipt_id, progress.receipt = receipts[0].id, receipts[0]
        progress.judged("request", progress.decision, progress.receipt_id)
        return None

    def note_leaving(self, exchange: Exchange) -> None:
        """Note that an upstream is connected, and gets a call's request."""
        exchange.progress.leaves()

    def tell_ended(self, exchange: Exchange, end: End) -> None:
        """Tell whoever traces calls that this one has ended."""
        if self.observer is not None and exchange.progress.trace is not None:
            exchange.progress.passes("ended")
            drafts = self.drafts
            self.observer.tell(call_facts(exchange, end, drafts.policy.digest, drafts.named))

    @property
    def dropped(self) -> dict[str, int]:
        """How many calls have no receipt, being only observed, and how many no span."""
        spans = self.observer.dropped if self.observer is not None else 0
        return {"receipts": self.unrecorded.total, "spans": spans}

    def _refuse(self, exchange: Exchange) -> Reply:
        decision, receipt_id = exchange.progress.decision, exchange.progress.receipt_id
        self.desk.grants.give_back(exchange)
        if decision.verdict == ESCALATE:
            try:
                self.desk.ask(exchange, decision)
            except (ReceiptError, StoreError) as error:
                return self.teller.refuse(exchange, deny(not_asked(error)), receipt_id)
        return self.teller.refuse(exchange, decision, receipt_id)
