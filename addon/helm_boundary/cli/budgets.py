"""`helm-boundary budgets`: what was used of each budget, and the books behind it.

Exit codes: 0 yes, 1 no (the books differ, or there is no such scope), 2 usage or I/O.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import click

from helm_boundary.budgets import windows
from helm_boundary.budgets.amounts import KINDS, dollars
from helm_boundary.budgets.scopes import name_of
from helm_boundary.budgets.store import Balance
from helm_boundary.budgets.summary import FACT, read_summary
from helm_boundary.runtime.shared_state import SharedState
from helm_receipts.export.explain import printable

from .budget_books import rebuild, recompute, reconcile
from .budget_changes import reset, set_
from .budget_state import io_errors, is_current, opened
from .exits import NO, CommandError
from .shared_state import shared_state_option
from .state_options import json_option

_HEAD = ("SCOPE", "RESETS", "CALLS", "TOKENS", "OUTPUT", "DOLLARS")


@click.group()
def budgets() -> None:
    """Show what calls have used, correct it, and check the books."""


@budgets.command("list")
@shared_state_option
@json_option
@click.option("--all", "everything", is_flag=True, help="Include windows that are over.")
def list_budgets(state: SharedState, as_json: bool, everything: bool) -> None:
    """List what is used of every budget.

    With its limit; what calls have reserved counts as used.
    """
    with io_errors(), opened(state) as store:
        found = asyncio.run(store.balances())
        known = read_summary(asyncio.run(store.fact(FACT)))
    _print([b for b in found if everything or is_current(b)], known, as_json)


@budgets.command()
@shared_state_option
@json_option
@click.argument("name")
def show(state: SharedState, as_json: bool, name: str) -> None:
    """Show one budget, or one of its scopes.

    What is used in each of its windows.
    """
    with io_errors(), opened(state) as store:
        found = asyncio.run(store.balances())
        known = read_summary(asyncio.run(store.fact(FACT)))
    chosen = [b for b in found if name in (b.place.scope, name_of(b.place.scope))]
    if not chosen and name not in known:
        raise CommandError(f"there is no budget or scope {name!r}; `budgets list` shows all", NO)
    definition = known.get(name_of(name))
    if definition is not None and not as_json:
        per = ", ".join(definition["per"]) or "all together"
        shadow = ", counted only" if definition["shadow"] else ""
        click.echo(f"{name_of(name)}: {definition['kind']}, {per}, {definition['window']}{shadow}")
    _print(chosen, known, as_json)


def as_value(balance: Balance, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return a balance for programs; money in dollars."""
    limits = known.get(name_of(balance.place.scope), {}).get("limits", {})
    return {
        "scope": balance.place.scope,
        "starts_at": windows.stamp(balance.place.start) if balance.end else None,
        "resets_at": windows.stamp(balance.end) if balance.end else None,
        "used": _named(dict(zip(KINDS, balance.used, strict=True))),
        "reserved": _named(dict(zip(KINDS, balance.reserved, strict=True))),
        "limit": _named(limits),
    }


def _named(amounts: Mapping[str, int]) -> dict[str, float]:
    return {
        "dollars" if kind == "nanodollars" else kind: (
            dollars(amount) if kind == "nanodollars" else amount
        )
        for kind, amount in amounts.items()
    }


def _print(found: list[Balance], known: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        for balance in found:
            click.echo(json.dumps(as_value(balance, known)))
        return
    if not found:
        click.echo("Nothing was used yet.")
        return
    rows = [_HEAD, *(_row(balance, known) for balance in found)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_HEAD))]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _row(balance: Balance, known: Mapping[str, Any]) -> tuple[str, ...]:
    limits = known.get(name_of(balance.place.scope), {}).get("limits", {})
    cells = [printable(balance.place.scope)]
    cells.append(windows.stamp(balance.end) if balance.end is not None else "never")
    for kind, amount in zip(KINDS, balance.used, strict=True):
        limit = limits.get(kind)
        cells.append(
            _cell(kind, amount) + (f" / {_cell(kind, limit)}" if limit is not None else "")
        )
    return tuple(cells)


def _cell(kind: str, amount: int) -> str:
    return f"{dollars(amount):.4f}" if kind == "nanodollars" else str(amount)


for _command in (set_, reset, recompute, reconcile, rebuild):
    budgets.add_command(_command)
