"""The boundary: each step of a call's life, without any knowledge of the proxy.

Every step either lets bytes go on, after the receipt that says so is durable, or gives the reply
that the client gets in their place.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial

from helm_boundary.approvals.notify import Tell, tell_nobody
from helm_boundary.approvals.refusals import refusal_of, unavailable
from helm_boundary.approvals.store import Store, StoreError
from helm_boundary.approvals.wait import AGAIN, Again, Said
from helm_boundary.calls.call import Call, HttpRequest, Json, Mode
from helm_boundary.calls.refusal import Refusal
from helm_boundary.evaluation.document import state_call
from helm_boundary.evaluation.judge import Judge, deny
from helm_boundary.evaluation.rewrite_loop import settle
from helm_boundary.matching.catalogue import UNKNOWN
from helm_boundary.matching.matcher import Matcher
from helm_boundary.parsing import requests as recognition
from helm_boundary.parsing.parsed_call import Recognised, read_value
from helm_boundary.policy.decision import ALLOW, ESCALATE, Decision
from helm_boundary.policy.engines.engine import Meanwhile, nothing
from helm_boundary.policy.sources.policy import mentions_models
from helm_receipts.envelope.statement import Draft, End, Enforcement
from helm_receipts.errors import ReceiptError
from helm_receipts.recording.recorder import Recorder

from .approval_desk import Desk, Terms
from .exchange import Judged, Live, api_key, correlation_id
from .receipt_drafts import Drafter
from .reply import Forward, Reply
from .reply_writer import Teller
from .unrecorded_calls import Unrecorded

FORESEEN = Decision(ALLOW, ())
"""What policy says of most calls."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator chose; `max_body` in bytes, decoded; `mode` is enforce or observe."""

    mode: Mode = "enforce"
    max_body: int = 32 << 20
    hold_seconds: int = 300
    hold_max: int = 100

    @property
    def observes(self) -> bool:
        """Whether verdicts are only written down."""
        return self.mode == "observe"


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
    ) -> None:
        policy = judge.engine.policy
        self.settings = settings
        self.judge = judge
        self.recorder = recorder
        self.teller = Teller(policy.digest, settings.observes)
        enforcement: Enforcement = "observed" if settings.observes else "enforced"
        self.drafts = Drafter(policy, judge.engine.name, enforcement, judge.detectors)
        terms = Terms(settings.hold_seconds, settings.hold_max, settings.max_body)
        self.desk = Desk(store, recorder, self.drafts, judge.detectors, terms, tell)
        self.unrecorded = Unrecorded()
        self._matcher = matcher
        self._store = store
        self._tell = tell
        self._judges_models = mentions_models(policy)

    def under(self, judge: Judge) -> Boundary:
        """The same boundary under another policy; what waits for a person waits for both."""
        other = Boundary(
            self._matcher, judge, self.recorder, self.settings, self._store, self._tell
        )
        other.desk.waiting = self.desk.waiting
        other.unrecorded = self.unrecorded
        return other

    def recognise(self, request: HttpRequest) -> Live | None:
        """The call that a request makes, or None for traffic that is none of ours."""
        refusal, operation = None, None
        try:
            operation = recognition.recognise(self._matcher, request, self.settings.max_body)
            if operation is None:
                return None
        except Refusal as error:
            refusal = error
        key = api_key(request)
        return Live(
            request,
            operation or UNKNOWN,
            correlation_id(request),
            self.recorder.pseudonym(key) if key else None,
            refusal,
        )

    async def judge_request(self, live: Live) -> Forward | Reply | Again:
        """Judge a request, and make its receipt durable.

        Returns `Forward` to let it go on, a `Reply` in its place, and AGAIN where it, or the
        policy, was changed while it waited for a person.
        """
        live.decision = await self._decide(live)
        end: End = "denied"
        if live.decision.verdict == ESCALATE and not self.settings.observes:
            live.decision = self.desk.admit(live, live.decision)
            if live.decision.verdict == ESCALATE and live.park is not None:
                said = await self._hold(live)
                if said in (Said.CHANGED, Said.VOID):
                    return await self._end_changed(live)
                end = "client_gone" if said is Said.GONE else "denied"
        return await self._conclude(live, end)

    async def _hold(self, live: Live) -> Said | None:
        """Wait for a person; `live.decision` is then what they made of it, None for not asked."""
        try:
            receipt = await self.recorder.record(self.drafts.request(live, live.decision))
            live.receipt_id = receipt.id
            live.judgements.append(Judged("request", live.decision, receipt.id))
            began = time.perf_counter()
            said = await self.desk.hold(live, live.decision)
            live.took("a person", began)
        except (ReceiptError, StoreError) as error:
            live.decision = deny(not_asked(error))
            return None
        if said is Said.YES:
            live.decision = await self._decide(live)
        elif said not in (Said.CHANGED, Said.VOID):
            live.decision = deny(refusal_of(said))
        return said

    async def _end_changed(self, live: Live) -> Reply | Again:
        drafts = [self.drafts.outcome(live, live.decision, "killed")] if live.end() else []
        return await self._record(live, drafts) or AGAIN

    async def _conclude(self, live: Live, end: End) -> Forward | Reply:
        passes = live.decision.verdict == ALLOW or self.settings.observes
        was_recorded = live.receipt_id is not None  # it waited, and what comes now is the answer
        drafts = []
        if passes or not was_recorded:
            drafts.append(self.drafts.request(live, live.decision))
        if passes:
            drafts += self.desk.used(live)
        elif live.end():
            drafts.append(self.drafts.outcome(live, live.decision, end))
        refusal = await self._record(live, drafts)
        if refusal is not None:
            return refusal
        if not passes:
            return self._refuse(live)
        return Forward(live.rewritten)

    async def _record(self, live: Live, drafts: list[Draft]) -> Reply | None:
        """Make receipts durable, the first one being what the client is told of."""
        began = time.perf_counter()
        drafts, missed = self.unrecorded.told_in(drafts)
        try:
            receipts = await self.recorder.record_all(drafts, live.patience)
            live.took("request receipt", began)
        except ReceiptError as error:
            live.end()
            if not self.settings.observes:
                return self.teller.refuse(live, deny(no_receipt(error)), None)
            self.unrecorded.calls += missed
            self.unrecorded.count(error)
            return None
        if receipts:
            live.receipt_id = receipts[0].id
        live.judgements.append(Judged("request", live.decision, live.receipt_id))
        return None

    def _refuse(self, live: Live) -> Reply:
        self.desk.give_back(live)
        if live.decision.verdict == ESCALATE:
            try:
                self.desk.ask(live, live.decision)
            except (ReceiptError, StoreError) as error:
                return self.teller.refuse(live, deny(not_asked(error)), live.receipt_id)
        return self.teller.refuse(live, live.decision, live.receipt_id)

    async def _decide(self, live: Live) -> Decision:
        try:
            if live.refusal is not None:
                raise live.refusal
            read = recognition.read_call(live.request, live.operation, self.settings.max_body)
            live.call = read.call
            live.shared = self._shared(live, read)
            if not self.settings.observes:
                self.desk.carry(live)
            return await self._judge(live, read)
        except Refusal as refusal:
            return deny(refusal)

    async def _judge(self, live: Live, read: Recognised) -> Decision:
        decision = await self._ask(live, live.shared, live.call, partial(self._foresee, live))
        for inner in read.inner:
            if decision.verdict != ALLOW or decision.rewrite:
                break
            decision = await self._ask(live, self._shared(live, inner), inner.call)
            decision = _told_of(inner, decision)
        if decision.verdict == ALLOW and decision.rewrite and not self.settings.observes:
            return await self._rewrite(live, read, decision)
        return decision

    async def _rewrite(self, live: Live, read: Recognised, decision: Decision) -> Decision:
        if not read.can_rewrite or read.inner:
            return deny(cannot_rewrite())

        async def again(value: Json, body: bytes) -> Decision:
            live.call = read_value(live.operation, value, read.model)
            live.shared = self._shared(live, Recognised(live.operation, live.call, body))
            return await self._ask(live, live.shared, live.call)

        decision, body = await settle(live.call.body, decision, again)
        if decision.verdict == ALLOW:
            live.rewritten = body
        return decision

    def _foresee(self, live: Live) -> None:
        """Get the receipt ready that most calls get."""
        self.recorder.foresee(self.drafts.request(live, FORESEEN))

    async def _ask(
        self, live: Live, shared: bytes, call: Call, meanwhile: Meanwhile = nothing
    ) -> Decision:
        if not self._judges_models and any(model != call.model for model in call.models):
            raise several_models()
        began = time.perf_counter()
        context = live.context(time.time_ns())
        decision = await self.judge.request(shared, call.texts, context, live.patience, meanwhile)
        live.took("request policy", began)
        return self.desk.cover(live, decision)

    def _shared(self, live: Live, read: Recognised) -> bytes:
        return state_call(
            live.request,
            read.operation,
            read.call,
            read.body,
            mode=self.settings.mode,
            key_id=live.key_id,
        )


def _told_of(inner: Recognised, decision: Decision) -> Decision:
    """The decision on one of a batch's calls, saying which of them it is."""
    reasons = tuple(
        replace(
            reason,
            message=f"{inner.name}: {reason.message}",
            pointer=None if reason.pointer is None else inner.pointer + reason.pointer,
        )
        for reason in decision.reasons
    )
    return replace(decision, reasons=reasons) if inner.name else decision


def several_models() -> Refusal:
    """The refusal of a call whose other models no rule would look at."""
    return Refusal(
        "CAPABILITY_UNKNOWN",
        "the request names several models, and no rule of the policy in force reads input.models; "
        "name one model",
        "instance_parameter",
    )


def cannot_rewrite() -> Refusal:
    """The refusal of a call that policy wants to rewrite where that can't be done."""
    return Refusal(
        "PDP_ERROR",
        "the policy rewrites a body that isn't one JSON value (a form, or a batch's line)",
    )


def not_asked(error: Exception) -> Refusal:
    """The refusal of a call that needs a person, when none can be asked."""
    return unavailable(f"none can be asked ({type(error).__name__}); see the boundary's log")


def no_receipt(error: ReceiptError) -> Refusal:
    """The refusal of a call whose receipt couldn't be made durable."""
    return Refusal(
        "RECEIPT_UNAVAILABLE",
        f"the receipt could not be made durable ({type(error).__name__}), so nothing may pass",
        "instance_context",
    )
