"""The terms of accounts: which balances a call counts in, and what it may take of them.

They are those of one policy: its definitions, prices and groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial

from helm_boundary.budgets import windows
from helm_boundary.budgets.amounts import Amounts
from helm_boundary.budgets.claims import Scoped, claims_of, scoped
from helm_boundary.budgets.definition_data import read_definitions
from helm_boundary.budgets.estimates import Estimate, Estimates
from helm_boundary.budgets.prices import read_prices
from helm_boundary.budgets.rates import Rates
from helm_boundary.budgets.scopes import Caller, groups_of, scopes_of
from helm_boundary.calls.call import Call, Text
from helm_boundary.calls.hosts import provider_of
from helm_boundary.policy.detectors.detectors import Detectors
from helm_boundary.policy.sources.policy import Policy

from .account import Account, Claimed
from .account_refusals import Unpriced, Untold
from .exchange import Exchange
from .spending import UNTOLD, calls_in, has_words, models_in, server_of, tier_in


class Terms:
    """The terms under one policy; `estimates` learn from calls under any."""

    def __init__(
        self, policy: Policy, detectors: Detectors, estimates: Estimates, *, observes: bool
    ) -> None:
        """Read the policy's budgets; `PolicyError` where they can't be."""
        self.definitions = read_definitions(policy.own_data)
        self._counts_money = any(each.counts_money for each in self.definitions)
        self._prices = read_prices(policy.own_data, tables=self._counts_money)
        self._ways = {each.strict for each in self.definitions}
        self._asking = [d for d in self.definitions if d.include_usage and d.counts_tokens]
        self._groups = policy.own_data.get("groups")
        self._named = lru_cache(4096)(partial(_without_secrets, detectors))
        self._scopes = lru_cache(4096)(partial(scoped, self.definitions))
        self._estimates = estimates
        self._spans = windows.Spans()
        self._observes = observes

    @property
    def prices_digest(self) -> str:
        """The SHA-256 of the price table, in hex."""
        return self._prices.digest

    def needs_usage(self, exchange: Exchange) -> bool:
        """Tell whether a call counts in a budget that needs its usage, and may have it asked for.

        What is only observed passes as it came.
        """
        if not self._asking or self._observes or not calls_in(exchange):
            return False
        caller = self._caller(exchange)
        return any(scopes_of(each, caller) for each in self._asking)

    def open(self, exchange: Exchange, now_ns: int) -> Account | None:
        """Open the account of a call; None where no definition is about it.

        Raises:
            Unpriced: it may run a model without a price, under a budget in money.
            Untold: nobody knows what it will use, under a budget that counts that.
        """
        calls = calls_in(exchange)
        if not calls:
            return None
        if server_of(exchange) is not None:
            return self._open_tool_calls(exchange, len(calls), now_ns)
        file = exchange.progress.batch_file
        if file is None and exchange.operation.id in UNTOLD:
            self._refuse_untold(exchange)
        count = len(calls) if file is None else file.calls
        estimates = self.estimates_of(exchange, calls) if file is None else (file.estimate,)
        rates = self._dearest(exchange, now_ns)
        amounts = {
            strict: _expected(count, estimates, rates, strict=strict) for strict in self._ways
        }
        claims = self._claims(self._scopes(self._caller(exchange)), amounts, now_ns)
        if rates is None:
            self._refuse_unpriced(exchange, claims, now_ns)
        return Account(count, estimates, rates, claims) if claims else None

    def estimates_of(self, exchange: Exchange, calls: Sequence[Call]) -> tuple[Estimate, ...]:
        """Estimate what each of an exchange's calls will use."""
        size = len(exchange.forwarded_body) // len(calls)
        dialect, words = exchange.operation.dialect, has_words(exchange.operation)
        estimate = self._estimates.estimate
        return tuple(estimate(call, size, dialect, words=words) for call in calls)

    def _refuse_unpriced(self, exchange: Exchange, claims: Claimed, now_ns: int) -> None:
        """Refuse a call whose cost isn't known, where an enforced budget is in money."""
        for definition, _ in claims:
            if definition.counts_money and not (definition.shadow or self._observes):
                model = self._unpriced(exchange, now_ns)
                raise Unpriced(definition, None if model is None else self._named(model))

    def _refuse_untold(self, exchange: Exchange) -> None:
        """Refuse work whose use nobody can tell, where an enforced budget counts that."""
        caller = self._caller(exchange)
        for definition in self.definitions:
            if definition.shadow or self._observes or not definition.counts_tokens:
                continue
            # Which models will run isn't known either.
            match = tuple(each for each in definition.match if each[0] != "models")
            if scopes_of(replace(definition, match=match), caller):
                raise Untold(definition, exchange.operation.id)

    def _open_tool_calls(self, exchange: Exchange, calls: int, now_ns: int) -> Account | None:
        """Open the account of calls of an MCP server's tools, which use no tokens."""
        amounts = Amounts(calls=calls)
        scopes = self._scopes(self._caller(exchange))
        claims = self._claims(scopes, {True: amounts, False: amounts}, now_ns)
        return Account(calls, (), None, claims) if claims else None

    def _claims(self, scopes: Scoped, amounts: Mapping[bool, Amounts], now_ns: int) -> Claimed:
        return claims_of(scopes, amounts, lambda window: self._spans.at(window, now_ns))

    def rates_served(self, exchange: Exchange, account: Account, now_ns: int) -> Rates | None:
        """Return the prices of the model that the provider says it served, where they're known."""
        answer, asked = exchange.progress.answer, exchange.progress.call.model
        if account.rates is None or answer is None:
            return account.rates
        tier, model = tier_in(exchange, answer), answer.model or asked
        if model is None or (model == asked and tier == tier_in(exchange)):
            return account.rates
        provider = provider_of(exchange.request.host)
        return self._prices.rates(model, provider, now_ns, tier) or account.rates

    def _caller(self, exchange: Exchange) -> Caller:
        request, session = exchange.request, exchange.progress.session
        return Caller(
            request.principal,
            exchange.key_id,
            request.client_address,
            tuple(map(self._named, models_in(exchange))),
            f"{request.host}:{request.port}",
            exchange.operation.id,
            None if session is None else self._named(session),
            server_of(exchange),
            groups_of(self._groups, request.principal, exchange.key_id, *exchange.keys),
            exchange.keys,
        )

    def _dearest(self, exchange: Exchange, now_ns: int) -> Rates | None:
        """Return the prices of the dearest model that may run; None where one isn't known."""
        if not self._counts_money:
            return None
        provider, tier = provider_of(exchange.request.host), tier_in(exchange)
        found = [self._prices.rates(m, provider, now_ns, tier) for m in models_in(exchange)]
        known = [rates for rates in found if rates is not None]
        if not known or len(known) < len(found):
            return None
        return max(known, key=lambda rates: (rates.output.base, rates.input.base))

    def _unpriced(self, exchange: Exchange, now_ns: int) -> str | None:
        """Name the model whose price isn't known; None where the request names none."""
        provider = provider_of(exchange.request.host)
        models = models_in(exchange)
        return next((m for m in models if self._prices.rates(m, provider, now_ns) is None), None)


def _expected(
    calls: int, estimates: tuple[Estimate, ...], rates: Rates | None, *, strict: bool
) -> Amounts:
    total = Amounts(calls=calls)
    for estimate in estimates:
        used = estimate.used(strict=strict)
        money = rates.cost(used) if rates is not None else 0
        total = total.plus(Amounts(0, used.tokens, used.output, money))
    return total


def _without_secrets(detectors: Detectors, name: str) -> str:
    """Return a name that a client gave; where it is a credential, only what it looks like."""
    found = detectors.scan((Text("", "", name),))
    return f"({found[0].detector})" if found else name
