"""The boundary: each step of a call's life, without any knowledge of the proxy.

Every step either lets bytes go on, after the receipt that says so is durable, or gives the reply
that the client gets in their place.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from helm_boundary.approvals.notify import Tell, tell_nobody
from helm_boundary.approvals.refusals import refusal_of
from helm_boundary.approvals.store import Store, StoreError
from helm_boundary.approvals.wait import AGAIN, Again, Park, Said
from helm_boundary.calls.call import Call, HttpRequest, Json, Operation
from helm_boundary.calls.refusal import Refusal
from helm_boundary.evaluation.aside import CODED, LONG, aside, weight
from helm_boundary.evaluation.document import state_call
from helm_boundary.evaluation.judge import Judge, deny
from helm_boundary.evaluation.rewrite_loop import settle
from helm_boundary.matching.catalogue import UNKNOWN
from helm_boundary.matching.matcher import Matcher
from helm_boundary.parsing import requests as recognition
from helm_boundary.parsing.parsed_call import Recognised, read_value
from helm_boundary.policy.decision import ALLOW, ESCALATE, Decision
from helm_boundary.policy.detectors.detectors import Finding
from helm_boundary.policy.engines.engine import NO_TURN, Turn
from helm_boundary.policy.sources.policy import mentions_models, mentions_unclaimed
from helm_receipts.envelope.statement import Draft, End
from helm_receipts.errors import ReceiptError
from helm_receipts.recording.recorder import Recorder

from .approval_desk import Desk, Terms
from .batch_decision import MAX_NAMED, combined
from .exchange import Exchange, api_key, correlation_id
from .fallback_reply import NO_VERDICT
from .receipt_drafts import Drafter
from .refusals import cannot_rewrite, no_receipt, not_asked, several_models, unclaimed_member
from .reply import Forward, Reply
from .reply_writer import Teller
from .settings import Settings
from .unrecorded_calls import Unrecorded

FORESEEN = Decision(ALLOW, ())
"""The decision on most calls."""

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
    ) -> None:
        policy = judge.engine.policy
        self.settings = settings
        self.judge = judge
        self.recorder = recorder
        self.teller = Teller(policy.digest, settings.enforcement)
        self.drafts = Drafter(policy, judge.engine.name, settings.enforcement, judge.detectors)
        terms = Terms(settings.hold_seconds, settings.hold_max, settings.max_body)
        self.desk = Desk(store, recorder, self.drafts, judge.detectors, terms, tell)
        self.unrecorded = Unrecorded()
        self._matcher = matcher
        self._store = store
        self._tell = tell
        self._judges_models = mentions_models(policy)
        self._judges_unclaimed = mentions_unclaimed(policy)

    def under(self, judge: Judge) -> Boundary:
        """Build the same boundary under another policy; both count what waits for a person."""
        other = Boundary(
            self._matcher, judge, self.recorder, self.settings, self._store, self._tell
        )
        other.desk.waiting = self.desk.waiting
        other.unrecorded = self.unrecorded
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
                lambda: recognition.recognise(self._matcher, request, self.settings.max_body),
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
        key = api_key(request)
        pseudonym = self.recorder.pseudonym(key) if key else None
        return Exchange(request, operation, correlation_id(request), pseudonym, refusal)

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
        progress.decision = await self._decide(exchange, turn)
        end: End = "denied"
        if self.settings.effect_of(progress.decision).verdict == ESCALATE:
            await self._bind(exchange)
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
            progress.receipt_id = receipt.id
            progress.judged("request", progress.decision, receipt.id)
            began = time.perf_counter()
            said = await self.desk.hold(exchange, progress.decision, park)
            progress.took("a person", began)
        except (ReceiptError, StoreError) as error:
            progress.decision = deny(not_asked(error))
            return None
        if said is Said.YES:
            progress.decision = await self._decide(exchange, turn)
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
        was_recorded = progress.receipt_id is not None  # it waited, and now comes the answer
        drafts = []
        if passes or not was_recorded:
            drafts.append(self.drafts.request(exchange, progress.decision))
        if passes:
            drafts += self.desk.used(exchange)
        elif progress.end():
            drafts.append(self.drafts.outcome(exchange, progress.decision, end))
        refusal = await self._record(exchange, drafts, turn)
        if refusal is not None:
            return refusal
        if not passes:
            return self._refuse(exchange)
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
            refused = deny(no_receipt(error))
            if not self.settings.passes(refused):
                return self.teller.refuse(exchange, refused, None)
            self.unrecorded.calls += missed
            self.unrecorded.count(error)
            return None
        if receipts:
            progress.receipt_id = receipts[0].id
        progress.judged("request", progress.decision, progress.receipt_id)
        return None

    def _refuse(self, exchange: Exchange) -> Reply:
        decision, receipt_id = exchange.progress.decision, exchange.progress.receipt_id
        self.desk.give_back(exchange)
        if decision.verdict == ESCALATE:
            try:
                self.desk.ask(exchange, decision)
            except (ReceiptError, StoreError) as error:
                return self.teller.refuse(exchange, deny(not_asked(error)), receipt_id)
        return self.teller.refuse(exchange, decision, receipt_id)

    async def _decide(self, exchange: Exchange, turn: Turn) -> Decision:
        try:
            if exchange.refusal is not None:
                raise exchange.refusal
            read = await aside(weigh(exchange.request), partial(self._read, exchange))
            self._note(exchange, *read)
            if not self.settings.observes:  # watching uses no grant up
                if self.desk.has_grants:
                    await self._bind(exchange)
                self.desk.carry(exchange)
            return await self._judge(exchange, read[0], turn)
        except Refusal as refusal:
            return deny(refusal)

    def _read(self, exchange: Exchange) -> tuple[Recognised, bytes]:
        """Read what a request says, and state it for both phases."""
        request = exchange.request
        read = recognition.read_call(request, exchange.operation, self.settings.max_body)
        return read, self._shared(exchange, read)

    async def _bind(self, exchange: Exchange) -> None:
        """Work out to what a grant for the call is bound, before the desk asks for it."""
        with contextlib.suppress(Refusal):  # the desk says so itself
            await aside(weigh(exchange.request), partial(self.desk.bind, exchange))

    async def _judge(self, exchange: Exchange, read: Recognised, turn: Turn) -> Decision:
        progress = exchange.progress
        foreseeing = turn.doing(partial(self._foresee, exchange))
        outside = self.judge.outside.scan(exchange.request)
        whole = progress.call
        if read.inner:  # each model is judged with the call that names it
            whole = replace(whole, models=())
        decision = await self._ask(exchange, progress.shared, whole, foreseeing, outside)
        if read.inner:
            return await self._judge_batch(exchange, read, decision)
        if decision.verdict == ALLOW and self.settings.effect_of(decision).rewrite:
            return await self._rewrite(exchange, read, decision, turn, outside)
        return decision

    async def _judge_batch(self, exchange: Exchange, read: Recognised, whole: Decision) -> Decision:
        """Judge every call in a batch, until as many are refused as are named."""
        refused: list[tuple[Recognised, Decision]] = []
        for inner in read.inner:
            decision = await self._judge_inner(exchange, inner)
            if decision.verdict != ALLOW:
                refused.append((inner, decision))
            if len(refused) == MAX_NAMED:
                break
        return combined(self._unchanged(whole), refused)

    async def _judge_inner(self, exchange: Exchange, inner: Recognised) -> Decision:
        try:
            shared = await aside(len(inner.body), partial(self._shared, exchange, inner))
            # Without a turn of its own: other calls go on between those of a batch.
            return self._unchanged(await self._ask(exchange, shared, inner.call, NO_TURN))
        except Refusal as refusal:
            return deny(refusal)

    def _unchanged(self, decision: Decision) -> Decision:
        """Return a decision on what can't be rewritten: a DENY where it would be."""
        rewrites = decision.verdict == ALLOW and self.settings.effect_of(decision).rewrite
        return deny(cannot_rewrite()) if rewrites else decision

    async def _rewrite(
        self,
        exchange: Exchange,
        read: Recognised,
        decision: Decision,
        turn: Turn,
        outside: Sequence[Finding],
    ) -> Decision:
        if not read.can_rewrite:
            return deny(cannot_rewrite())
        progress = exchange.progress

        def reread(value: Json, body: bytes) -> tuple[Recognised, bytes]:
            call = read_value(exchange.operation, value, read.model)
            rewritten = Recognised(exchange.operation, call, body)
            return rewritten, self._shared(exchange, rewritten)

        async def again(value: Json, body: bytes) -> Decision:
            self._note(exchange, *await aside(len(body), partial(reread, value, body)))
            return await self._ask(exchange, progress.shared, progress.call, turn, outside)

        decision, body = await settle(progress.call.body, decision, again, len(read.body))
        if decision.verdict == ALLOW:
            progress.rewritten = body
        return decision

    def _foresee(self, exchange: Exchange) -> None:
        """Prepare the receipt that most calls get."""
        self.recorder.foresee(self.drafts.request(exchange, FORESEEN))

    async def _ask(
        self,
        exchange: Exchange,
        shared: bytes,
        call: Call,
        turn: Turn,
        outside: Sequence[Finding] = (),
    ) -> Decision:
        if not self._judges_models and any(model != call.model for model in call.models):
            raise several_models()
        if not self._judges_unclaimed and call.unclaimed:
            raise unclaimed_member()
        began = time.perf_counter()
        context = exchange.context(time.time_ns())
        decision = await self.judge.request(shared, call, context, turn, outside)
        exchange.progress.took("request policy", began)
        return self.desk.cover(exchange, decision)

    def _note(self, exchange: Exchange, read: Recognised, shared: bytes) -> None:
        """Note what a request says: what is judged, and what receipts tell of."""
        progress = exchange.progress
        progress.call, progress.facts = read.call, None
        progress.shared = shared

    def _shared(self, exchange: Exchange, read: Recognised) -> bytes:
        return state_call(
            exchange.request,
            read.operation,
            read.call,
            read.body,
            mode=self.settings.mode,
            key_id=exchange.key_id,
        )


def weigh(request: HttpRequest) -> int:
    """Estimate the bytes of a request's body, decoded; a form's parts are heavier than JSON."""
    if "multipart" in (request.header("content-type") or "").lower():
        return len(request.body) * CODED
    return weight(request.body, request.header("content-encoding"))
