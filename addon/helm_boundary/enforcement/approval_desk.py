"""The approval desk: it asks a person about calls that need one, and takes their answer."""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

from helm_boundary.approvals import decisions as deciding
from helm_boundary.approvals.binding import Binding, Cover, bind, cover_of
from helm_boundary.approvals.entry import (
    EXPIRED,
    GRANTED,
    PENDING,
    REFUSED,
    WITHDRAWN,
    Entry,
    Request,
)
from helm_boundary.approvals.extent import ONCE, Extent
from helm_boundary.approvals.network import network_of
from helm_boundary.approvals.notify import Tell
from helm_boundary.approvals.receipts import REQUESTED, draft_approval
from helm_boundary.approvals.refusals import crowded, refused, stopped, unavailable
from helm_boundary.approvals.store import Store, StoreError
from helm_boundary.approvals.summary import summarise
from helm_boundary.approvals.wait import Answered, Park, Said
from helm_boundary.calls.call import Answer
from helm_boundary.calls.volatile import Volatile
from helm_boundary.evaluation.judge import deny
from helm_boundary.matching.mcp_servers import Servers
from helm_boundary.parsing import requests as recognition
from helm_boundary.policy.decision import Decision
from helm_boundary.policy.detectors.detectors import Detectors
from helm_receipts.envelope.predicate import rfc3339
from helm_receipts.errors import ReceiptError
from helm_receipts.recording.recorder import Recorder

from .crowd import crowd_of
from .exchange import Exchange
from .grants import Grants, is_alike
from .owed_decisions import OwedDecisions
from .receipt_drafts import Drafter
from .reply import Approval

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """The operator's terms: seconds for an approval, flows that may wait, bytes of a body."""

    seconds: int = 300
    waiting: int = 100
    max_body: int = 32 << 20
    volatile: tuple[Volatile, ...] = ()
    """What makes no difference between two requests; the policy's data says so."""
    servers: Servers = field(default_factory=Servers)
    """The MCP servers that the policy names."""


class Desk:
    """The approvals of one running boundary."""

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        drafts: Drafter,
        detectors: Detectors,
        terms: Terms,
        tell: Tell,
    ) -> None:
        self.store = store
        self.waiting: dict[str, Exchange] = {}
        self._owed = OwedDecisions(store, recorder.record_now)
        self._stopping = False
        self._superseded = False
        self._recorder = recorder
        self._drafts = drafts
        self._detectors = detectors
        self._terms = terms
        self._tell = tell
        self.grants = Grants(store, self.bind)
        """What calls pass with that a person has approved."""

    # -- asking --------------------------------------------------------------------------------

    def admit(
        self,
        exchange: Exchange,
        decision: Decision,
        answer: Answer | None = None,
        park: Park | None = None,
    ) -> Decision:
        """Return the decision if a person may be asked, else the DENY that says why not.

        `park` is how the call would wait for the answer; None where it can't.
        """
        try:
            now, cover = self.store.now_ns(), self._cover(exchange, decision, answer)
            for entry in self._alike(exchange, cover):
                if entry.status(now) == REFUSED:
                    return deny(refused())
                if park is None and self._is_asked(entry, exchange, now):
                    return decision
            if park is not None and self._is_full():
                return deny(crowded())
            crowd = crowd_of(self.store, exchange, now, is_held=park is not None)
            if crowd is not None:
                return deny(unavailable(f"too many calls {crowd}wait for a person"))
        except (StoreError, OSError) as error:
            logger.error("helm-boundary: nobody can be asked: %s", error)
            return deny(unavailable("requests for approval can't be kept; see the boundary's log"))
        return decision

    def ask(self, exchange: Exchange, decision: Decision, answer: Answer | None = None) -> Request:
        """Ask for a person's approval, once for identical calls; the consent says what to tell.

        Raises:
            ReceiptError: the question has no receipt, so it isn't asked.
            StoreError: it can't be kept.
        """
        request = self._pending(exchange, decision, answer)
        if request is None:
            crowd = crowd_of(self.store, exchange, self.store.now_ns(), is_held=False)
            if crowd is not None:  # others may have come since it was admitted
                raise StoreError(f"too many calls {crowd}wait for a person")
            request = self._request(exchange, decision, answer, held=False)
            self._put(request, exchange)
        exchange.consent.approval = _approval(request)
        return request

    async def hold(
        self,
        exchange: Exchange,
        decision: Decision,
        park: Park,
        answer: Answer | None = None,
    ) -> Said:
        """Ask, and wait for the answer; YES comes with a grant, already used.

        Raises as `ask` does.
        """
        if self._is_full():  # others may have come since it was admitted
            return Said.CROWDED
        request = self._request(exchange, decision, answer, held=True)
        self._put(request, exchange)
        exchange.consent.approval = _approval(request)
        self.waiting[request.id] = exchange
        try:
            answered = await park(request, lambda: self._is_decided(request.id))
        finally:
            self.waiting.pop(request.id, None)
        return self._settle(exchange, request, answered)

    def expire(self) -> Iterator[None]:
        """Write down what has expired, and forget what ended long ago; raises as `ask` does.

        Step by step: whoever calls it lets others have their turn after each.
        """
        yield from self._owed.pay()
        yield from deciding.expire(self.store, self._recorder.record_now)
        self.store.prune(self.store.now_ns())

    def decide(self, identity: str, decision: str, by: str, extent: Extent = ONCE) -> Entry:
        """Record what a person at this process decided; as `deciding.decide`."""
        record = self._recorder.record_now
        return deciding.decide(self.store, record, identity, decision, by, extent)

    def stop(self) -> None:
        """End every wait; the questions stay, and can be answered later."""
        self._stopping = True

    def supersede(self) -> None:
        """Void what waits here: it asks about a policy that is no longer in force."""
        self._superseded = True

    def close(self) -> None:
        """Deny what still waits, where there is no time to tell its clients."""
        for exchange in list(self.waiting.values()):
            if not exchange.progress.end():
                continue
            draft = self._drafts.outcome(exchange, deny(stopped()), "denied")
            try:
                self._recorder.record_now(draft)
            except ReceiptError as error:
                logger.error("no outcome receipt for %s: %s", exchange.progress.receipt_id, error)

    # -- within --------------------------------------------------------------------------------

    def _put(self, request: Request, exchange: Exchange) -> None:
        """Put a question to whoever may answer it, once its receipt is durable."""
        asker, body = request.binding.principal, exchange.forwarded_body
        self._recorder.record_now(draft_approval(request, REQUESTED, asker, body))
        try:
            self.store.add(request)
        except StoreError as error:
            logger.error("helm-boundary: the question %s isn't asked: %s", request.id, error)
            raise
        self._tell(request)

    def _settle(self, exchange: Exchange, request: Request, answered: Answered) -> Said:
        decisions = {
            Said.YES: GRANTED,
            Said.NO: REFUSED,
            Said.SILENCE: EXPIRED,
            Said.GONE: WITHDRAWN,
            Said.CHANGED: WITHDRAWN,
            Said.FLOODED: WITHDRAWN,
        }
        decision, by = decisions.get(answered.said), answered.by
        if answered.said is Said.SILENCE:
            by = deciding.CLOCK
        elif self._superseded and answered.said in (Said.YES, Said.DECIDED):
            decision, by = WITHDRAWN, deciding.NEW_POLICY
        is_decided = decision is None or self._decide_now(request.id, decision, by)
        if answered.said in (Said.GONE, Said.CHANGED, Said.FLOODED):
            return answered.said
        if not is_decided:
            return Said.VOID if decision == WITHDRAWN else answered.said
        return self._take(exchange, request)

    def _decide_now(self, identity: str, decision: str, by: str) -> bool:
        """Tell whether a question is decided now, this way or by somebody who was faster."""
        if decision != GRANTED:
            return self._owed.decide(identity, decision, by)
        with contextlib.suppress(deciding.NotPending):
            self.decide(identity, decision, by)
        return True

    def _take(self, exchange: Exchange, request: Request) -> Said:
        now = self.store.now_ns()
        entry = self.store.find(request.id)
        status = EXPIRED if entry is None else entry.status(now)
        if entry is None or status != GRANTED:
            ends = {EXPIRED: Said.SILENCE, PENDING: Said.STOPPED, WITHDRAWN: Said.VOID}
            return ends.get(status, Said.NO)
        if self._superseded:  # granted, but for a policy that doesn't count any more
            return Said.VOID
        own = self.bind(exchange)
        return Said.YES if self.grants.use(exchange, entry, own) else Said.NO

    def _is_full(self) -> bool:
        return len(self.waiting) >= self._terms.waiting

    def _is_decided(self, identity: str) -> bool:
        if self._stopping or self._superseded:
            return True
        # A yes would be lost on a call that can't have its receipt yet.
        return self.store.is_decided(identity) and not self._recorder.is_coming_back

    def _pending(
        self, exchange: Exchange, decision: Decision, answer: Answer | None
    ) -> Request | None:
        now, cover = self.store.now_ns(), self._cover(exchange, decision, answer)
        alike = self._alike(exchange, cover)
        asked = (entry.request for entry in alike if self._is_asked(entry, exchange, now))
        return next(asked, None)

    def _is_asked(self, entry: Entry, exchange: Exchange, now_ns: int) -> bool:
        """Tell whether a question waits that is of the call's session as well."""
        own = self.bind(exchange).session
        return entry.status(now_ns) == PENDING and entry.request.binding.session == own

    def _alike(self, exchange: Exchange, cover: Cover) -> Iterator[Entry]:
        """Yield the questions that were about the same, newest first."""
        binding = self.bind(exchange)
        entries = reversed(self.store.entries())
        return (entry for entry in entries if is_alike(entry.request, binding, cover))

    def _cover(self, exchange: Exchange, decision: Decision, answer: Answer | None) -> Cover:
        # What its own grant covers was approved already, and the next call needs it again.
        grant = exchange.consent.grant
        carried = grant.cover if grant else Cover()
        return carried | cover_of(decision, answer)

    def _request(
        self, exchange: Exchange, decision: Decision, answer: Answer | None, *, held: bool
    ) -> Request:
        now = self.store.now_ns()
        draft = self._drafts.outcome(exchange, decision, "denied")
        if draft.flow is None or draft.client is None or draft.policy is None:
            raise StoreError("the call has no facts to ask about")
        return Request(
            id="apr_" + secrets.token_hex(8),
            phase="request" if answer is None else "response",
            binding=self.bind(exchange),
            cover=self._cover(exchange, decision, answer),
            reasons=draft.reasons,
            messages=tuple(reason.message for reason in decision.reasons),
            summary=summarise(
                exchange.request,
                exchange.progress.call,
                answer,
                self._detectors,
                [reason.pointer for reason in decision.reasons if reason.pointer],
            ),
            flow=draft.flow,
            client=draft.client,
            policy=draft.policy,
            request_receipt=exchange.progress.receipt_id or "",
            created_ns=now,
            expires_ns=now + self._terms.seconds * 10**9,
            held=held,
            network=network_of(exchange.request.client_address),
        )

    def bind(self, exchange: Exchange) -> Binding:
        """Return what a grant for a call is bound to; for a long call, ask for it aside first."""
        request, operation, consent = exchange.request, exchange.operation, exchange.consent
        if consent.binding is None:
            # The call may have been rewritten since; what counts is what the client sent.
            limits = self._terms.max_body, self._terms.servers
            read = recognition.read_call(request, operation, *limits)
            consent.binding = bind(
                request,
                operation,
                read.call,
                exchange.key_id,
                self._drafts.policy.digest,
                self._pseudonym(exchange.progress.session),
                self._terms.volatile,
            )
        return consent.binding

    def _pseudonym(self, session: str | None) -> str:
        """Return what a session is known by: clients name it, and say what they like in it."""
        return self._recorder.pseudonym(f"session {session}") if session else ""


def _approval(request: Request) -> Approval:
    return Approval(request.id, rfc3339(request.expires_ns))
