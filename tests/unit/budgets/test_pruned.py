"""Balances of windows whose receipts were pruned: what was spent stays spent."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner

from helm_boundary.budgets.amounts import NOTHING, Amounts
from helm_boundary.budgets.books import still_kept, with_pruned
from helm_boundary.budgets.embedded import open_store, rebuild
from helm_boundary.budgets.store import KEPT_NS, Balance, Place
from helm_boundary.cli import main
from helm_receipts.envelope.statement import BudgetLine
from helm_receipts.layout import Layout
from support.receipts import outcome, record_calls, recording, request


def spend(state: Path, calls: int) -> None:
    """Record so many calls that count in a budget for ever, in several segments."""
    with recording(state, segment_bytes=9000) as recorder:
        for at in range(calls):
            before, one, after = (Amounts(calls=n).named() for n in (at, 1, at + 1))
            asked = BudgetLine("b", "ever", before=before, reserved=one, after=after)
            ended = BudgetLine("b", "ever", charged=one, after=after)
            recorder.record_now(replace(request(f"c{at}"), budget=(asked,)))
            recorder.record_now(replace(outcome(f"c{at}"), budget=(ended,)))
    record_calls(state, 1)


def test_what_was_pruned_stays_spent(tmp_path: Path) -> None:
    """Else a budget would be whole again after the next start of the machine."""
    spend(tmp_path / "state", 12)
    layout = Layout(tmp_path / "state")
    open_store(layout).close()

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(main, [*arguments, "--state", str(layout.state)])
        assert done.exit_code == 0, done.output
        return done.output

    assert "pruned" in run("receipts", "prune", "--before", "0s", "--yes")
    store = open_store(layout)
    rebuild(store, layout)
    (balance,) = asyncio.run(store.balances())
    store.close()
    assert balance.settled == Amounts(calls=12)
    run("budgets", "recompute")
    run("budgets", "rebuild")
    assert json.loads(run("budgets", "list", "--json"))["used"]["calls"] == 12


def test_windows_that_began_later_follow_the_receipts() -> None:
    """And what is left of pruned ones is never less than nothing: a reset may be all there is."""
    old, new = Place("b", 10), Place("b", 30)
    told = [Balance(old, 20, Amounts(-5, 7), NOTHING), Balance(new, 40, Amounts(3), NOTHING)]
    kept = [Balance(old, 20, Amounts(2, 4), NOTHING), Balance(new, 40, Amounts(9), NOTHING)]
    assert with_pruned(told, kept, 30) == [
        Balance(old, 20, Amounts(2, 7), NOTHING),
        Balance(new, 40, Amounts(3), NOTHING),
    ]
    assert with_pruned(told[:1], [], 30)[0].settled == Amounts(0, 7)
    assert with_pruned(told, kept, 0) == told


def test_windows_that_no_store_has_any_more_are_left_out() -> None:
    """However long their receipts are kept, so that recomputing doesn't miss them."""
    now = 500 * 86_400 * 10**9
    ends = (None, now - KEPT_NS - 1, now - KEPT_NS, now + 1)
    told = [Balance(Place("a", at), end, NOTHING, NOTHING) for at, end in enumerate(ends)]
    assert [each.place.start for each in still_kept(told, now)] == [0, 2, 3]
