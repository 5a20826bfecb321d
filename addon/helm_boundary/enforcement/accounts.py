"""Accounts of calls: reserved before the request's receipt, settled with the outcome's.

Data goes one way here too: policy allows a call; what it may cost is reserved in all of its scopes
or in none; the request's receipt says so and is durable; the call leaves; its outcome's receipt
says what it did cost; and then the store is told. So the store never knows of a charge that no
receipt has, and what a crash leaves reserved is settled by what the receipts say.

Nothing imports this module where data defines no budget.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

from helm_boundary.budgets import windows
from helm_boundary.budgets.amounts import NOTHING, Amounts
from helm_boundary.budgets.books import fates_of
from helm_boundary.budgets.claims import BROKEN, claims_of, refusal_of, told, unpriced
from helm_boundary.budgets.definitions import Definition, read_definitions
from helm_boundary.budgets.estimates import Estimate, Estimates
from helm_boundary.budgets.prices import Prices, Rates, read_prices
from helm_boundary.budgets.scopes import Caller, groups_of, scopes_of
from helm_boundary.budgets.store import Claim, Reserved, Short, Store, StoreError
from helm_boundary.budgets.summary import FACT, write_summary
from helm_boundary.budgets.usage import Used
from helm_boundary.calls.call import Text
from helm_boundary.calls.hosts import provider_of
from helm_boundary.calls.refusal import Refusal
from helm_boundary.parsing.parsed_call import Recognised
from helm_boundary.policy.decision import DENY, Decision, Reason
from helm_boundary.policy.detectors.detectors import Detectors
from helm_boundary.policy.sources.policy import Policy, mentions_budgets
from helm_receipts.envelope.statement import BudgetLine, Cost, Draft
from helm_receipts.errors import ReceiptError
from helm_receipts.layout import Layout

from .exchange import Exchange
from .reply import Shortage
from .spending import calls_in, has_words, is_warm_up, models_in, spent
from .usage_request import asking, asks_already

logger = logging.getLogger(__name__)

_WAIT = 1
"""Seconds after which a client asks again where nobody knows when it is its turn."""

type Claimed = tuple[tuple[Definition, Claim], ...]


@dataclass(slots=True)
class Account:
    """One call's account: what it was expected to use, what it reserved, what it was charged."""

    calls: int
    estimates: tuple[Estimate, ...]
    rates: Rates | None
    claims: Claimed
    reserved: tuple[Reserved, ...] = ()
    lines: tuple[tuple[Reserved, BudgetLine], ...] = ()
    """What receipts say: not of what is only held while the call goes on."""
    charged: dict[Any, Amounts] = field(default_factory=dict)


class Accounts:
    """The accounts of the calls under one policy; the store and what was learnt outlive it."""

    def __init__(
        self,
        policy: Policy,
        store: Store,
        layout: Layout,
        estimates: Estimates,
        detectors: Detectors,
        *,
        observes: bool,
    ) -> None:
        """Read the policy's budgets; `PolicyError` where they can't be."""
        self._named = lru_cache(4096)(partial(_without_secrets, detectors))
        self.store = store
        self.layout = layout
        self.estimates = estimates
        self._observes = observes
        self._definitions = read_definitions(policy.data)
        self._ways = {each.strict for each in self._definitions}
        self._spans = windows.Spans()
        self._counts_money = any(each.counts_money for each in self._definitions)
        self._prices: Prices = read_prices(policy.data, tables=self._counts_money)
        self._groups = policy.data.get("groups")
        self._is_told = mentions_budgets(policy)
        self._asks = any(d.include_usage and d.counts_tokens for d in self._definitions)
        self._sweeping = asyncio.Lock()
        self._has_begun = False

    def under(self, policy: Policy, detectors: Detectors) -> Accounts:
        """Return the accounts under another policy."""
        return Accounts(
            policy, self.store, self.layout, self.estimates, detectors, observes=self._observes
        )

    def asking(self, exchange: Exchange, read: Recognised) -> Recognised | None:
        """Return a call with its stream's usage asked for, where a budget needs that; else None.

        What is only observed passes as it came.
        """
        if not self._asks or self._observes or asks_already(read) or not calls_in(exchange):
            return None
        caller = self._caller(exchange)
        needed = any(
            each.include_usage and each.counts_tokens and scopes_of(each, caller)
            for each in self._definitions
        )
        return asking(read) if needed else None

    async def look(self, exchange: Exchange) -> None:
        """Read the balances that policy sees of a call, where it looks at any."""
        if not self._is_told:
            return
        try:
            account = self._open(exchange)
            if account is None:
                return
            places = [claim.place for _, claim in account.claims if claim.rate is None]
            used = dict(zip(places, await self.store.used(places), strict=True))
        except StoreError as error:
            raise _unreadable(error) from error
        except Refusal:
            return  # a model without a price: said where it is reserved
        exchange.progress.budgets = told(account.claims, used)

    async def reserve(self, exchange: Exchange, decision: Decision) -> Decision:
        """Reserve what an allowed call may cost; returns the decision, or the DENY it becomes."""
        began = time.perf_counter()
        try:
            account = self._open(exchange)
            if account is None:
                return decision
            return await self._reserve(exchange, account, decision)
        except StoreError as error:
            return _denied(decision, "budgets", _unreadable(error))
        except _Unpriced as missing:
            return _denied(decision, missing.definition.place, missing)
        finally:
            exchange.progress.took("budgets", began)

    async def _reserve(self, exchange: Exchange, account: Account, decision: Decision) -> Decision:
        if not self._has_begun:
            await self._begin()
        call = exchange.request.flow_id
        claims = [claim for _, claim in account.claims]
        result = await self.store.reserve(call, claims)
        if isinstance(result, Short) and await self._sweep():
            result = await self.store.reserve(call, claims)
        if isinstance(result, Short):
            decision = self._refuse(exchange, account, result, decision)
            if not self._observes:
                return decision
            # It is written down, and counts all the same.
            result = await self.store.reserve(call, [replace(c, enforced=False) for c in claims])
        if isinstance(result, Short):
            raise StoreError("what isn't enforced was refused")
        account.reserved = result
        shadow = {claim.place for definition, claim in account.claims if definition.shadow}
        account.lines = tuple(
            (one, _request_line(one, one.claim.place in shadow))
            for one in result
            if not one.claim.returned
        )
        exchange.progress.account = account
        exchange.progress.budget = tuple(line for _, line in account.lines)
        return decision

    async def _begin(self) -> None:
        """Say with the first call what is in force, and settle what was left before."""
        self._has_begun = True
        await self.store.note(FACT, write_summary(self._definitions))
        await self._sweep()

    def _refuse(
        self, exchange: Exchange, account: Account, short: Short, decision: Decision
    ) -> Decision:
        definition = next(d for d, claim in account.claims if claim is short.claim)
        wait = None
        if definition.retry:
            ahead = 0 if short.until is None else short.until - self.store.now_ns()
            wait = max(_WAIT, -(-ahead // 1_000_000_000))
        until = None if short.until is None else windows.stamp(short.until + 999_999_999)
        kind = short.kind.replace("nanodollars", "dollars")
        exchange.progress.shortage = Shortage(definition.name, kind, until, wait)
        return _denied(decision, definition.place, refusal_of(definition, short))

    async def release(self, exchange: Exchange) -> None:
        """Give back what a call reserved that isn't forwarded."""
        account, exchange.progress.account = exchange.progress.account, None
        exchange.progress.budget = ()
        if account is not None:
            await self._tell_store(exchange, account, {})

    async def charge(self, exchange: Exchange, draft: Draft) -> Draft:
        """Add what a call is charged to the draft of its outcome."""
        account = exchange.progress.account
        if account is None or draft.outcome is None:
            return draft
        used, is_known = spent(exchange, draft.outcome, account.estimates, self.estimates)
        rates = self._rates_served(exchange, account)
        money = rates.cost(used) if rates is not None else 0
        calls = 0 if is_warm_up(exchange) else account.calls
        amounts = Amounts(calls, used.tokens, used.output, money)
        for one in account.reserved:
            account.charged[one.claim.place] = _charged(one.claim, amounts)
        if is_known and used.output and len(account.estimates) == 1:
            dialect = exchange.operation.dialect
            self.estimates.learn(account.estimates[0], exchange.progress.call.model, dialect, used)
        cost = Cost(
            "provider" if is_known else "estimated",
            money if rates is not None else None,
            self._prices.digest if rates is not None else None,
        )
        return replace(draft, budget=await self._outcome_lines(account), cost=cost)

    async def settle(self, exchange: Exchange) -> None:
        """Tell the store what a call was charged, when its outcome's receipt is durable."""
        account, exchange.progress.account = exchange.progress.account, None
        if account is not None:
            await self._tell_store(exchange, account, account.charged)

    def close(self) -> None:
        """Give the store back."""
        self.store.close()

    async def sweep(self) -> int:
        """Settle what processes that are gone have left reserved; returns how much that was.

        A call without a request receipt was never forwarded, and gets back what it reserved.
        """
        orphans = await self.store.orphans()
        if not orphans:
            return 0
        calls = {each.call: each.made for each in orphans}
        fates = await asyncio.to_thread(fates_of, self.layout.journal, calls)
        for each in orphans:
            fate = fates.get(each.call)
            await self.store.settle(each.call, {} if fate is None else fate.charged)
        return len(orphans)

    async def _sweep(self) -> bool:
        """Settle what others have left, one at a time; tell whether there was anything."""
        try:
            async with self._sweeping:
                return bool(await self.sweep())
        except (ReceiptError, OSError, KeyError, ValueError) as error:
            logger.error("helm-boundary: what was left reserved can't be settled: %s", error)
            return False

    async def _tell_store(
        self, exchange: Exchange, account: Account, charged: dict[Any, Amounts]
    ) -> None:
        try:
            await self.store.settle(exchange.request.flow_id, charged)
        except StoreError as error:  # the receipts say it, and `budgets rebuild` reads them
            logger.error("helm-boundary: a call's budget can't be settled: %s", error)

    async def _outcome_lines(self, account: Account) -> tuple[BudgetLine, ...]:
        places = [one.claim.place for one, _ in account.lines]
        try:
            used = await self.store.used(places)
        except StoreError:
            used = []
        lines = []
        for at, (one, line) in enumerate(account.lines):
            charged = account.charged[one.claim.place]
            after = used[at].minus(one.claim.amounts).plus(charged) if used else None
            lines.append(
                BudgetLine(
                    line.scope,
                    line.window,
                    charged=charged.named(),
                    after=after.named() if after is not None else None,
                    shadow=line.shadow,
                )
            )
        return tuple(lines)

    def _open(self, exchange: Exchange) -> Account | None:
        """Open the account of a call; None where no definition is about it."""
        calls = calls_in(exchange)
        if not calls:
            return None
        caller = self._caller(exchange)
        dialect = exchange.operation.dialect
        size = len(exchange.forwarded_body)
        estimates = tuple(
            self.estimates.estimate(
                call, size // len(calls), dialect, words=has_words(exchange.operation)
            )
            for call in calls
        )
        rates = self._rates(exchange)
        amounts = {strict: _expected(len(calls), estimates, rates, strict) for strict in self._ways}
        now = self.store.now_ns()
        claims = claims_of(
            self._definitions, caller, amounts, lambda window: self._spans.at(window, now)
        )
        if not claims:
            return None
        for definition, _ in claims:
            enforced = not (definition.shadow or self._observes)
            if definition.counts_money and rates is None and enforced:
                raise _Unpriced(definition, self._unpriced(exchange))
        return Account(len(calls), estimates, rates, claims)

    def _caller(self, exchange: Exchange) -> Caller:
        request, progress = exchange.request, exchange.progress
        return Caller(
            request.principal,
            exchange.key_id,
            request.client_address,
            tuple(map(self._named, models_in(exchange))),
            f"{request.host}:{request.port}",
            exchange.operation.id,
            None if progress.session is None else self._named(progress.session),
            groups_of(self._groups, request.principal, exchange.key_id),
        )

    def _rates(self, exchange: Exchange) -> Rates | None:
        """Return the prices of the dearest model that may run; None where one isn't known."""
        if not self._counts_money:
            return None
        provider, now = provider_of(exchange.request.host), self.store.now_ns()
        found = [self._prices.rates(model, provider, now) for model in models_in(exchange)]
        known = [rates for rates in found if rates is not None]
        if not known or len(known) < len(found):
            return None
        return max(known, key=lambda rates: (rates.output.base, rates.input.base))

    def _unpriced(self, exchange: Exchange) -> str | None:
        """Name the model whose price isn't known; None where the request names none."""
        provider, now = provider_of(exchange.request.host), self.store.now_ns()
        models = models_in(exchange)
        return next((m for m in models if self._prices.rates(m, provider, now) is None), None)

    def _rates_served(self, exchange: Exchange, account: Account) -> Rates | None:
        """Return the prices of the model that the provider says it served, where it's known."""
        answer = exchange.progress.answer
        if account.rates is None or answer is None or not answer.model:
            return account.rates
        if answer.model == exchange.progress.call.model:
            return account.rates
        provider = provider_of(exchange.request.host)
        found = self._prices.rates(answer.model, provider, self.store.now_ns())
        return found or account.rates


class _Unpriced(Refusal):
    """A call under a budget in money, to a model without a price."""

    def __init__(self, definition: Definition, model: str | None) -> None:
        refusal = unpriced(definition, model)
        super().__init__(refusal.code, refusal.message, refusal.finality)
        self.definition = definition


def _without_secrets(detectors: Detectors, name: str) -> str:
    """Return a name that a client gave; where it is a credential, only what it looks like."""
    found = detectors.scan((Text("", "", name),))
    return f"({found[0].detector})" if found else name


def _expected(
    calls: int, estimates: tuple[Estimate, ...], rates: Rates | None, strict: bool
) -> Amounts:
    total, money = NOTHING, 0
    for estimate in estimates:
        used: Used = estimate.used(strict=strict)
        money += rates.cost(used) if rates is not None else 0
        total = total.plus(Amounts(0, used.tokens, used.output))
    return Amounts(calls, total.tokens, total.output_tokens, money)


def _charged(claim: Claim, amounts: Amounts) -> Amounts:
    """Return what of a call's amounts a claim's balance is charged."""
    if claim.returned:
        return NOTHING
    only_calls = claim.amounts.tokens == 0 and claim.limits[1:] == (None, None, None)
    return Amounts(calls=amounts.calls) if only_calls else amounts


def _request_line(one: Reserved, shadow: bool) -> BudgetLine:
    claim = one.claim
    return BudgetLine(
        claim.scope,
        windows.told(claim.span),
        before=one.before.named(),
        reserved=claim.amounts.named(),
        after=one.after.named(),
        shadow=shadow,
    )


def _denied(decision: Decision, rule: str, refusal: Refusal) -> Decision:
    reason = Reason(refusal.code, rule, refusal.message, refusal.finality)
    return replace(decision, verdict=DENY, reasons=(reason,), rewrite=())


def _unreadable(error: StoreError) -> Refusal:
    logger.error("helm-boundary: budgets can't be read: %s", error)
    return Refusal(
        BROKEN,
        "the balances of budgets can't be read or written, so nothing may be spent; see the "
        "boundary's log",
        "instance_context",
    )
