"""Grants: what a person has approved, found and used by the calls that they fit.

A grant of a request fits exactly that request. A grant of tool calls fits an answer with the same
calls, whatever was asked: no two requests of an agent are the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace

from helm_boundary.approvals.binding import Binding, Cover, cover_of
from helm_boundary.approvals.entry import GRANTED, USED, Ended, Entry, Grant, Request, grant_of
from helm_boundary.approvals.receipts import draft_approval
from helm_boundary.approvals.store import Store, StoreError
from helm_boundary.calls.call import Answer
from helm_boundary.calls.refusal import Refusal
from helm_boundary.policy.decision import ALLOW, ESCALATE, Decision
from helm_receipts.envelope.statement import Draft

from .exchange import Consent, Exchange

logger = logging.getLogger(__name__)

_HOLDERS_TURN_NS = 2 * 10**9
# A flow that is held takes its own grant at once; only when its process is gone may another call.


class Grants:
    """The grants of one running boundary; `bind` says to what one for a call is bound."""

    def __init__(self, store: Store, bind: Callable[[Exchange], Binding]) -> None:
        self._store = store
        self._bind = bind

    @property
    def are_open(self) -> bool:
        """Whether any grant may be open, so that calls have to be compared with it."""
        try:
            return bool(self._store.grants())
        except StoreError:
            return False

    @property
    def may_be_carried(self) -> bool:
        """Whether a request may have a grant: one that lasts for tool calls waits for an answer.

        So while such a one is open, for a day perhaps, requests needn't be digested.
        """
        try:
            return any(map(_is_carried, self._store.grants()))
        except StoreError:
            return False

    def carry(self, exchange: Exchange) -> None:
        """Look up the grant that a person gave for exactly this call, and use it."""
        if exchange.consent.grant is None and self.may_be_carried:
            self._use_first(
                exchange,
                lambda entry, own: _is_carried(entry) and entry.request.binding == own,
            )

    def carry_answer(self, exchange: Exchange, decision: Decision, answer: Answer) -> bool:
        """Look up a grant for the tool calls of an answer that needs one; tell whether it's used.

        A call has one grant: one that it came with, and that doesn't fit its answer, is let go.
        """
        cover = cover_of(decision, answer)
        if decision.verdict != ESCALATE or not cover.tool_calls or not self.are_open:
            return False
        return self._use_first(exchange, lambda entry, own: is_alike(entry.request, own, cover))

    def cover(
        self, exchange: Exchange, decision: Decision, answer: Answer | None = None
    ) -> Decision:
        """Make an ESCALATE that the call's grant covers an ALLOW; return all else as it is."""
        grant = exchange.consent.grant
        if decision.verdict != ESCALATE or grant is None:
            return decision
        if not grant.cover.includes(cover_of(decision, answer)):
            return decision
        return replace(decision, verdict=ALLOW)

    def used(self, exchange: Exchange) -> list[Draft]:
        """Draft the receipt of the grant that a call passes with, if it passes with one."""
        consent = exchange.consent
        if consent.grant is None or consent.granted is None:
            return []
        return [draft_approval(consent.granted, USED, consent.grant.by, exchange.forwarded_body)]

    def give_back(self, exchange: Exchange) -> None:
        """Make the grant of a call that didn't pass after all good for the next one."""
        grant = exchange.consent.grant
        if grant is None or grant.lasts:
            return
        try:
            self._store.give_back(grant.id)
        except StoreError as error:
            logger.error("helm-boundary: the grant %s is lost: %s", grant.id, error)

    def _use_first(self, exchange: Exchange, fits: Callable[[Entry, Binding], bool]) -> bool:
        try:
            own = self._bind(exchange)
            fitting = (entry for entry in self._usable() if fits(entry, own))
            return any(self.use(exchange, entry, own) for entry in fitting)
        except (StoreError, OSError, Refusal) as error:
            logger.error("helm-boundary: no grant can be looked up: %s", error)
            return False

    def _usable(self) -> Iterator[Entry]:
        now = self._store.now_ns()
        for entry in self._store.grants():
            if entry.status(now) == GRANTED:
                grant = grant_of(entry)
                is_holders = entry.request.held and not grant.lasts
                if not is_holders or now - grant.granted_ns >= _HOLDERS_TURN_NS:
                    yield entry

    def use(self, exchange: Exchange, entry: Entry, own: Binding) -> bool:
        """Use a grant, up unless it lasts for a time; False where it's for another session."""
        grant = grant_of(entry)
        if not grant.is_for(own):
            return False
        if not grant.lasts:
            used = Ended(USED, exchange.request.flow_id, self._store.now_ns())
            if not self._store.end(entry.id, used):
                return False
        take(exchange.consent, grant, entry.request)
        return True


def _is_carried(entry: Entry) -> bool:
    return entry.request.phase == "request" or not grant_of(entry).lasts


def take(consent: Consent, grant: Grant, granted: Request) -> None:
    """Note the grant that a call has, and the question that it answers."""
    consent.grant, consent.granted = grant, granted


def is_alike(request: Request, binding: Binding, cover: Cover) -> bool:
    """Tell whether a question is about a call bound like this one, and about no less.

    One about tool calls is whatever its request says, but for who makes it and under which policy.
    """
    if not request.cover.includes(cover):
        return False
    if request.binding == binding:
        return True
    same = replace(request.binding, request=binding.request) == binding
    return same and request.phase == "response" and bool(cover.tool_calls)
