"""Claims: what a call asks of each balance that it counts in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from helm_boundary.calls.refusal import Refusal

from . import windows
from .amounts import KINDS, Amounts, dollars
from .definitions import Definition
from .scopes import Caller, scopes_of
from .store import Claim, Place, Short
from .windows import EVER, Span, Window

REFUSED = "BUDGET_EXCEEDED"
BROKEN = "BUDGET_ERROR"


type Scoped = tuple[tuple[Definition, str], ...]
"""The scopes of a call, each with the definition that it is of."""


def scoped(definitions: Iterable[Definition], caller: Caller) -> Scoped:
    """Return the scopes of a call under all definitions, in the order of their names.

    One order for all, so that no two reservations wait for each other.
    """
    found = [(each, scope) for each in definitions for scope in scopes_of(each, caller)]
    return tuple(sorted(found, key=lambda one: one[1]))


def claims_of(
    scopes: Scoped, amounts: Mapping[bool, Amounts], span_of: Callable[[Window], Span]
) -> tuple[tuple[Definition, Claim], ...]:
    """Return what a call claims in each of its scopes.

    `amounts` are what it may take: under definitions that are `strict`, and under the others.
    `span_of` says in which of its spans a window is now.
    """
    return tuple(
        (definition, _claim(definition, scope, amounts[definition.strict], span_of))
        for definition, scope in scopes
    )


def _claim(
    definition: Definition,
    scope: str,
    amounts: Amounts,
    span_of: Callable[[Window], Span],
) -> Claim:
    counts = not definition.shadow
    match definition.kind:
        case "budget":
            return Claim(scope, span_of(definition.window), amounts, definition.limits, counts)
        case "in_flight":
            one = Amounts(calls=1)
            return Claim(scope, EVER, one, definition.limits, counts, returned=True)
        case "run":
            return Claim(scope, EVER, amounts, definition.limits, counts, lasts=definition.lasts)
        case "rate":
            return Claim(scope, EVER, enforced=counts, rate=definition.rate)


def told(
    claims: Sequence[tuple[Definition, Claim]], used: Mapping[Place, Amounts]
) -> tuple[dict[str, Any], ...]:
    """Tell policy of balances: `input.budgets`, one for each kind that a definition limits."""
    found = []
    for definition, claim in claims:
        for at, kind in enumerate(KINDS):
            limit = claim.limits[at]
            if limit is None or claim.place not in used:
                continue
            amount = used[claim.place][at]
            ratio = amount / limit if limit else 1.0
            money = kind == "nanodollars"
            found.append(
                {
                    "budget": definition.name,
                    "scope": claim.scope,
                    "kind": "dollars" if money else kind,
                    "limit": dollars(limit) if money else limit,
                    "balance": dollars(limit - amount) if money else limit - amount,
                    "used_ratio": round(ratio, 6),
                    "near": ratio >= definition.near,
                    "shadow": definition.shadow,
                    "resets_at": windows.stamp(claim.span.end) if claim.span.end else None,
                }
            )
    return tuple(found)


def refusal_of(definition: Definition, short: Short) -> Refusal:
    """Refuse a call whose claim couldn't be met, without anybody's balance or limit."""
    name, kind = definition.name, short.kind.replace("nanodollars", "dollars")
    if short.kind == "rate":
        said = f"calls come faster than the limit {name} allows"
    elif short.kind == "minutes":
        said = f"this run has lasted as long as the limit {name} allows; begin another session"
    elif definition.kind == "in_flight":
        said = f"as many calls as the limit {name} allows are being answered; wait for one of them"
    elif definition.kind == "run":
        said = f"this run has made as many calls as the limit {name} allows; begin another session"
    else:
        said = f"the budget {name} hasn't enough {kind.replace('_', ' ')} left for this call"
    if short.until is not None:
        said += f"; it resets at {windows.stamp(_up(short.until))}"
    return Refusal(REFUSED, f"{said}.", "instance_context")


def unpriced(definition: Definition, model: str | None) -> Refusal:
    """Refuse a call to a model without a price, under a budget in money."""
    return Refusal(
        REFUSED,
        f"the budget {definition.name} is in dollars, and no price is known for the model "
        f"{(model or 'that the request leaves open')[:100]!r}; whoever keeps the policy can give "
        "one in data.prices, or take another model",
        "instance_parameter",
    )


def untold(definition: Definition, operation: str, *, is_batch: bool) -> Refusal:
    """Refuse what a provider does later, where nobody can tell how much a budget would need."""
    kinds = [
        kind
        for kind, limit in zip(KINDS[1:], definition.limits[1:], strict=True)
        if limit is not None
    ]
    counted = " and ".join(kinds).replace("nanodollars", "dollars").replace("_", " ")
    remedy = (
        "upload its file by way of this boundary, which then knows"
        if is_batch
        else "whoever keeps the policy can have a budget of calls instead, or one in shadow"
    )
    return Refusal(
        REFUSED,
        f"the budget {definition.name} is in {counted}, and nobody can tell beforehand how much "
        f"{operation} will use; {remedy}",
        "instance_parameter",
    )


def unreadable() -> Refusal:
    """Refuse a call while the balances can't be read or written."""
    return Refusal(
        BROKEN,
        "the balances of budgets can't be read or written, so nothing may be spent; see the "
        "boundary's log",
        "instance_context",
    )


def _up(at_ns: int) -> int:
    """Round up to a whole second: what is said to be over then must be."""
    return -(-at_ns // 1_000_000_000) * 1_000_000_000
