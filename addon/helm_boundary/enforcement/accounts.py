"""Accounts of calls: reserved before the request's receipt, settled with the outcome's.

Data goes one way here too: policy allows a call; what it may cost is reserved in all of its scopes
or in none; the request's receipt says so and is durable; the call leaves; its outcome's receipt
says what it did cost; and then the store is told. So the store never knows of a charge that no
receipt has, and what a crash leaves reserved is settled by what the receipts say.

Nothing imports this module where data defines no budget.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace

from helm_boundary.budgets import windows
from helm_boundary.budgets.amounts import Amounts
from helm_boundary.budgets.books import Recent
from helm_boundary.budgets.claims import refusal_of, told, unreadable
from helm_boundary.budgets.estimates import Estimates
from helm_boundary.budgets.orphans import Orphans
from helm_boundary.budgets.store import Place, Short, Store, StoreError
from helm_boundary.budgets.summary import FACT, write_summary
from helm_boundary.calls.refusal import Refusal
from helm_boundary.parsing.parsed_call import Recognised
from helm_boundary.policy.decision import DENY, Decision, Reason
from helm_boundary.policy.detectors.detectors import Detectors
from helm_boundary.policy.sources.policy import Policy, mentions_budgets
from helm_receipts.envelope.statement import Cost, Draft

from .account import Account
from .account_refusals import Unpriced, Untold
from .account_terms import Terms
from .batch_files import CREATE, UPLOAD, file_of, recall, remember
from .exchange import Exchange
from .reply import Shortage
from .spending import calls_made, spent
from .usage_request import asking, asks_already

logger = logging.getLogger(__name__)

_WAIT = 1
"""Seconds after which a client asks again where nobody knows when it is its turn."""
_SECOND = 1_000_000_000


class Accounts:
    """The accounts of the calls under one policy; the store and what was learnt outlive it."""

    def __init__(
        self,
        policy: Policy,
        store: Store,
        recent: Recent,
        estimates: Estimates,
        detectors: Detectors,
        *,
        observes: bool,
    ) -> None:
        """Read the policy's budgets; `PolicyError` where they can't be."""
        self._terms = Terms(policy, detectors, estimates, observes=observes)
        self._store = store
        self._recent = recent
        self._estimates = estimates
        self._observes = observes
        self._is_told = mentions_budgets(policy)
        self._orphans = Orphans(store, recent)
        self._has_begun = False

    def under(self, policy: Policy, detectors: Detectors) -> Accounts:
        """Return the accounts under another policy."""
        return self.in_mode(policy, detectors, observes=self._observes)

    def in_mode(self, policy: Policy, detectors: Detectors, *, observes: bool) -> Accounts:
        """Return the accounts where what is short is refused, or only written down."""
        return Accounts(
            policy, self._store, self._recent, self._estimates, detectors, observes=observes
        )

    def asking(self, exchange: Exchange, read: Recognised) -> Recognised | None:
        """Return a call with its stream's usage asked for, where a budget needs that; else None."""
        if asks_already(read) or not self._terms.needs_usage(exchange):
            return None
        return asking(read)

    async def look(self, exchange: Exchange) -> None:
        """Read the balances that policy sees of a call, where it looks at any."""
        if not self._is_told:
            return
        try:
            account = await self._open(exchange)
            if account is None:
                return
            places = [claim.place for _, claim in account.claims if claim.rate is None]
            used = dict(zip(places, await self._store.used(places), strict=True))
        except StoreError as error:
            raise _said(error) from error
        except (Unpriced, Untold):
            return  # said where it is reserved
        exchange.progress.budgets = told(account.claims, used)

    async def reserve(self, exchange: Exchange, decision: Decision) -> Decision:
        """Reserve what an allowed call may cost; returns the decision, or the DENY it becomes."""
        began = time.perf_counter()
        try:
            account = await self._open(exchange)
            if account is None:
                return decision
            return await self._reserve(exchange, account, decision)
        except StoreError as error:
            return _denied(decision, "budgets", _said(error))
        except (Unpriced, Untold) as missing:
            return _denied(decision, missing.definition.place, missing)
        finally:
            exchange.progress.took("budgets", began)

    async def _open(self, exchange: Exchange) -> Account | None:
        if exchange.operation.id == CREATE:
            exchange.progress.batch_file = await recall(self._store, exchange)
        return self._terms.open(exchange, self._store.now_ns())

    async def _remember(self, exchange: Exchange) -> None:
        """Remember what is in a batch's file: a batch that is made of it is charged that."""
        calls = exchange.progress.batch
        if exchange.operation.id == UPLOAD and calls:
            try:
                estimates = self._terms.estimates_of(exchange, calls)
                await remember(self._store, exchange, file_of(calls, estimates))
            except StoreError as error:  # a batch of it will be refused
                logger.error("helm-boundary: a batch's file can't be remembered: %s", error)

    async def _reserve(self, exchange: Exchange, account: Account, decision: Decision) -> Decision:
        await self._begin()
        call = exchange.request.flow_id
        claims = [claim for _, claim in account.claims]
        result = await self._store.reserve(call, claims)
        if isinstance(result, Short) and await self._orphans.settle():
            result = await self._store.reserve(call, claims)
        if isinstance(result, Short):
            decision = self._refuse(exchange, account, result, decision)
            if not self._observes:
                return decision
            # It is written down, and counts all the same.
            result = await self._store.reserve(call, [replace(c, enforced=False) for c in claims])
        if isinstance(result, Short):
            raise StoreError("what isn't enforced was refused")
        account.reserved = result
        exchange.progress.account = account
        exchange.progress.budget = account.request_lines()
        return decision

    async def _begin(self) -> None:
        """Say with the first call what is in force, and settle what was left before."""
        if not self._has_begun:
            self._has_begun = True
            await self._store.note(FACT, write_summary(self._terms.definitions))
            await self._orphans.settle()

    def _refuse(
        self, exchange: Exchange, account: Account, short: Short, decision: Decision
    ) -> Decision:
        definition = next(d for d, claim in account.claims if claim is short.claim)
        wait = None
        if definition.retry:
            ahead = 0 if short.until is None else short.until - self._store.now_ns()
            wait = max(_WAIT, -(-ahead // _SECOND))
        until = None if short.until is None else windows.stamp(short.until + _SECOND - 1)
        kind = short.kind.replace("nanodollars", "dollars")
        exchange.progress.shortage = Shortage(definition.name, kind, until, wait)
        return _denied(decision, definition.place, refusal_of(definition, short))

    async def release(self, exchange: Exchange) -> None:
        """Give back what a call reserved that isn't forwarded."""
        exchange.progress.budget = ()
        await self._close(exchange, {})

    async def forfeit(self, exchange: Exchange) -> None:
        """Charge a call what it reserved, of which nobody knows what became."""
        account = exchange.progress.account
        if account is not None:
            kept = {one.claim.place: one.claim.amounts for one in account.kept}
            await self._close(exchange, kept)

    async def charge(self, exchange: Exchange, draft: Draft) -> Draft:
        """Add what a call is charged to the draft of its outcome."""
        account = exchange.progress.account
        if account is None or draft.outcome is None:
            await self._remember(exchange)
            return draft
        used, is_known = spent(exchange, draft.outcome, account.estimates, self._estimates)
        rates = self._terms.rates_served(exchange, account, self._store.now_ns())
        money = rates.cost(used) if rates is not None else None
        calls = calls_made(exchange, account.calls)
        account.charge(Amounts(calls, used.tokens, used.output, money or 0))
        if is_known and used.output and len(account.estimates) == 1:
            model, dialect = exchange.progress.call.model, exchange.operation.dialect
            self._estimates.learn(account.estimates[0], model, dialect, used)
        digest = self._terms.prices_digest if rates is not None else None
        cost = Cost("provider" if is_known else "estimated", money, digest)
        lines = account.outcome_lines(await self._used_before(account))
        return replace(draft, budget=lines, cost=cost)

    async def settle(self, exchange: Exchange) -> None:
        """Tell the store what a call was charged, when its outcome's receipt is durable."""
        account = exchange.progress.account
        await self._close(exchange, account.charged if account is not None else {})

    def close(self) -> None:
        """Give the store back."""
        self._store.close()

    async def _used_before(self, account: Account) -> list[Amounts]:
        """Return what is used of the balances that receipts speak of; nothing if nobody knows."""
        try:
            return await self._store.used([one.claim.place for one in account.kept])
        except StoreError:
            return []

    async def _close(self, exchange: Exchange, charged: Mapping[Place, Amounts]) -> None:
        account, exchange.progress.account = exchange.progress.account, None
        if account is None:
            return
        try:
            await self._store.settle(exchange.request.flow_id, charged)
        except StoreError as error:  # the receipts say it, and `budgets rebuild` reads them
            logger.error("helm-boundary: a call's budget can't be settled: %s", error)


def _denied(decision: Decision, rule: str, refusal: Refusal) -> Decision:
    reason = Reason(refusal.code, rule, refusal.message, refusal.finality)
    return replace(decision, verdict=DENY, reasons=(reason,), rewrite=())


def _said(error: StoreError) -> Refusal:
    """Return the refusal of a call whose balances can't be read; the cause is for the log."""
    logger.error("helm-boundary: budgets can't be read: %s", error)
    return unreadable()
