"""`budgets set` and `budgets reset`: a person changes what counts as used, with a receipt."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import click

from helm_boundary.approvals import decisions
from helm_boundary.budgets import windows
from helm_boundary.budgets.amounts import NANO, NOTHING, Amounts
from helm_boundary.budgets.store import Balance, Store
from helm_boundary.budgets.windows import Span
from helm_boundary.runtime.shared_state import SharedState
from helm_receipts.envelope.statement import BudgetLine, Draft
from helm_receipts.recording.recorder import Receipt

from .budget_state import io_errors, is_current, opened
from .exits import NO, CommandError
from .shared_state import shared_state_option

_MOST = 1 << 52
"""The most of any kind, as in data."""
_COUNT = click.IntRange(0, _MOST)


class Dollars(click.ParamType[int]):
    """An amount such as 12.5, in nanodollars."""

    name = "dollars"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the amount; fail with what is expected."""
        try:
            amount = Decimal(str(value)) * NANO
        except ArithmeticError:
            amount = Decimal("NaN")
        if not amount.is_finite() or not 0 <= amount <= _MOST:
            self.fail(f"expected dollars such as 12.5, found {value!r}")
        return int(amount)


@click.command("set")
@shared_state_option
@click.argument("scope")
@click.option("--calls", type=_COUNT, help="Calls that count as made.")
@click.option("--tokens", type=_COUNT, help="Tokens that count as used.")
@click.option("--output-tokens", type=_COUNT, help="Output tokens, the same.")
@click.option("--dollars", type=Dollars(), help="Dollars that count as spent.")
def set_(
    state: SharedState,
    scope: str,
    calls: int | None,
    tokens: int | None,
    output_tokens: int | None,
    dollars: int | None,
) -> None:
    """Set what a scope has used in its window.

    What isn't named stays. What calls have reserved comes on top. A receipt says who did it.
    """
    wanted = (calls, tokens, output_tokens, dollars)
    if wanted == (None, None, None, None):
        raise click.UsageError("say what counts as used: --calls, --tokens, … or --dollars")
    _change(state, scope, "set", wanted)


@click.command()
@shared_state_option
@click.argument("scope")
def reset(state: SharedState, scope: str) -> None:
    """Start a scope's window again at zero.

    What calls have reserved still counts. A receipt says who did it.
    """
    _change(state, scope, "reset", tuple(NOTHING))


def _change(state: SharedState, scope: str, kind: str, wanted: tuple[int | None, ...]) -> None:
    with io_errors(), opened(state) as store:
        balance = _current(store, scope)
        settled = balance.settled
        target = Amounts(*(s if w is None else w for s, w in zip(settled, wanted, strict=True)))
        change = target.minus(settled)
        receipt = _record(state, balance, change, kind)
        now = asyncio.run(store.adjust(balance.place, balance.end, change))
    used = ", ".join(f"{name} {amount}" for name, amount in now.used.named().items())
    click.echo(f"{scope}: {used} (receipt {receipt.id}).")


def _current(store: Store, scope: str) -> Balance:
    found = [b for b in asyncio.run(store.balances()) if b.place.scope == scope]
    chosen = next((b for b in found if is_current(b)), None)
    if chosen is None:
        raise CommandError(
            f"nothing is used of a scope {scope!r} in its window; `budgets list` shows all", NO
        )
    return chosen


def _record(state: SharedState, balance: Balance, change: Amounts, kind: str) -> Receipt:
    """Make the receipt of a change durable: it comes before the change, as with calls."""
    span = Span(balance.place.start, balance.end)
    line = BudgetLine(
        balance.place.scope,
        windows.told(span),
        before=balance.used.named(),
        charged=change.named(),
        after=balance.used.plus(change).named(),
    )
    event = {"kind": kind, "by": f"{decisions.person()} (command line)"}
    draft = Draft(
        phase="budget",
        verdict="ALLOW",
        enforcement="enforced",
        policy=None,
        reasons=(),
        flow=None,
        coverage=None,
        event=event,
        budget=(line,),
    )
    with state.recording("budgets") as recorder:
        return recorder.record_now(draft)
