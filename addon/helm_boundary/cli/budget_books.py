"""`budgets recompute`, `rebuild` and `reconcile`: the books, against receipts and bills."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click

from helm_boundary.budgets import windows
from helm_boundary.budgets.amounts import NOTHING, Amounts, dollars
from helm_boundary.budgets.bills import BillError, compare, read_bill
from helm_boundary.budgets.books import pruned_until, read_books, still_kept, with_pruned
from helm_boundary.budgets.embedded import reader_of
from helm_boundary.budgets.store import Place, Store
from helm_boundary.runtime.shared_state import SharedState

from .budget_state import io_errors, opened, receipts_of
from .exits import NO, CommandError
from .shared_state import shared_state_option
from .state_options import FILE, journal_of, json_option

_TRIES = 5

type Differences = dict[Place, tuple[Amounts, Amounts]]


@click.command()
@shared_state_option
@json_option
def recompute(state: SharedState, as_json: bool) -> None:
    """Compare the balances with the receipts.

    All receipts are added up; exit 1 where a balance differs. Calls that go on are left out.
    Where that is no fault in the receipts, `budgets rebuild` makes the balances follow them.
    """
    with io_errors(), opened(state) as store:
        different, count = _compare(store, state)
    for place, (told, kept) in different.items():
        if as_json:
            click.echo(json.dumps({"scope": place.scope, "start": windows.stamp(place.start),
                                   "receipts": told.named(), "balance": kept.named()}))  # fmt: skip
        else:
            click.echo(f"{place.scope}, window of {windows.stamp(place.start)}")
            click.echo(f"  receipts say {told.named()}")
            click.echo(f"  balance is   {kept.named()}")
    if different:
        raise CommandError(
            f"{len(different)} of {count} balances aren't what the receipts come to", NO
        )
    if not as_json:
        click.echo(f"{count} balances are what the receipts come to.")


@click.command()
@shared_state_option
def rebuild(state: SharedState) -> None:
    """Write the balances again from the receipts.

    Calls of a running boundary wait for it, and are denied where it takes longer than two seconds.
    """
    with io_errors(), opened(state) as store:
        asyncio.run(store.rebuild(reader_of(partial(receipts_of, state), store)))
        count = len(asyncio.run(store.balances()))
    click.echo(f"{count} balances were written from the receipts.")


@click.command()
@shared_state_option
@json_option
@click.option(
    "--costs",
    type=FILE,
    required=True,
    help="The provider's bill: OpenAI's or Anthropic's costs in JSON, or CSV with date and cost.",
)
def reconcile(state: SharedState, as_json: bool, costs: Path) -> None:
    """Compare the receipts with a provider's bill, day by day (UTC)."""
    with io_errors():
        try:
            days = compare(read_bill(costs), journal_of(receipts_of(state)))
        except BillError as error:
            raise CommandError(str(error)) from None
    if as_json:
        for day in days:
            click.echo(json.dumps(asdict(day)))
        return
    click.echo("DAY         BILLED        RECEIPTS      DIFFERENCE    CALLS   ESTIMATED")
    for day in days:
        money = (day.billed, day.charged, day.charged - day.billed)
        cells = "".join(f"{dollars(amount):<14.4f}" for amount in money)
        click.echo(f"{day.date}  {cells}{day.calls:<8}{day.estimated}")


def _compare(store: Store, state: SharedState) -> tuple[Differences, int]:
    """Compare receipts with balances; again where calls have come or gone meanwhile."""
    different, count = _compare_once(store, state)
    for _ in range(_TRIES):
        if not different:
            break
        again, count = _compare_once(store, state)
        if again == different:
            break
        different = again
    return different, count


def _compare_once(store: Store, state: SharedState) -> tuple[Differences, int]:
    going_on = asyncio.run(store.open_calls())
    now = store.now_ns()
    balances = still_kept(asyncio.run(store.balances()), now)
    layout = receipts_of(state)
    said = still_kept(read_books(layout.journal, going_on).balances(), now)
    said = with_pruned(said, balances, pruned_until(layout))
    told = {each.place: each.settled for each in said}
    kept = {each.place: each.settled for each in balances}
    places = sorted({*told, *kept})
    both = {place: (told.get(place, NOTHING), kept.get(place, NOTHING)) for place in places}
    return {place: pair for place, pair in both.items() if pair[0] != pair[1]}, len(places)
