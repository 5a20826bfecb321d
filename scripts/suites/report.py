"""The suites' results side by side, as a table and as a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.table import Table

from suites.results import Results, counts, lost
from suites.routes import ROUTES, Route


@dataclass(frozen=True, slots=True)
class Turn:
    """A suite that was run once: its results, and the calls that its mock server has seen.

    `receipts` are the calls that have one, None where there was no boundary.
    """

    results: Results
    calls: int
    receipts: int | None = None
    remarks: Mapping[str, int] = field(default_factory=dict)


type Turns = Mapping[Route, Turn]
"""A suite's turns, by the route that its calls took."""


def as_table(suites: Mapping[str, Turns]) -> Table:
    """Return the table of tests passed, failed and skipped, of calls and of receipts."""
    table = Table("suite", title="passed / failed / skipped", title_justify="left")
    for column in (*ROUTES, "calls", "receipts"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, turns in suites.items():
        cells = [_cell(turns.get(route)) for route in ROUTES]
        judged = turns.get("boundary")
        calls, receipts = ("", "") if judged is None else (judged.calls, judged.receipts)
        table.add_row(name, *cells, str(calls), str(receipts))
    return table


def problems(turns: Turns) -> list[str]:
    """List what a boundary that changes nothing would not have done to a suite."""
    direct, judged = turns.get("direct"), turns.get("boundary")
    if judged is None:
        return []
    found = [] if direct is None else lost(direct.results, judged.results)
    found = [f"passes directly, not through the boundary: {name}" for name in found]
    if judged.receipts != judged.calls:
        told = f"{judged.receipts} receipts for {judged.calls} calls that reached the mock server"
        found.append(told)
    return found


def remarks(turns: Turns) -> Sequence[str]:
    """List the kinds of calls that were refused or not recognised, most frequent first."""
    judged = turns.get("boundary")
    kinds = {} if judged is None else judged.remarks
    ordered = sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))
    return [f"{number} x {what}" for what, number in ordered]


def _cell(turn: Turn | None) -> str:
    return "" if turn is None else " / ".join(f"{number:,}" for number in counts(turn.results))
