"""The comparison, as a table for people and as values for programs."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass

from rich.table import Table

COLUMNS = (
    ("calls/s", ""),
    ("with", ""),
    ("ratio", "bold"),
    ("p50", ""),
    ("added", "bold"),
    ("p99", ""),
    ("added", "bold"),
    ("CPU", ""),
    ("added", "bold"),
    ("first event", "bold"),
)


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of one proxy at one case; times in milliseconds, `cpu` of the proxy, a call."""

    calls_a_second: float
    p50: float
    p99: float
    first_event: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A case's medians over all rounds; `ratio` and what is added, of pairs of turns."""

    case: str
    stock: Round
    boundary: Round
    ratio: float
    added_p50: float
    added_p99: float
    added_first_event: float
    added_cpu: float


def as_values(compared: list[Comparison]) -> dict[str, object]:
    """Return the comparison and the machine's state as JSON values."""
    return {
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        "cases": [asdict(row) for row in compared],
    }


def as_table(compared: list[Comparison]) -> Table:
    """Return the comparison as a table; its caption says what may have disturbed it."""
    table = Table(
        title="stock mitmdump, and what the boundary adds: milliseconds, medians of all rounds",
        caption=f"{os.cpu_count()} cores; load average {os.getloadavg()[0]:.1f}, "
        "of which the bench itself makes about 1",
    )
    table.add_column("case")
    for name, style in COLUMNS:
        table.add_column(name, justify="right", style=style)
    for row in compared:
        table.add_row(row.case, *_cells(row))
    return table


def _cells(row: Comparison) -> tuple[str, ...]:
    stock = row.stock
    return (
        f"{stock.calls_a_second:.0f}",
        f"{row.boundary.calls_a_second:.0f}",
        f"{row.ratio:.2f}",
        f"{stock.p50:.2f}",
        f"{row.added_p50:+.2f}",
        f"{stock.p99:.2f}",
        f"{row.added_p99:+.2f}",
        f"{stock.cpu:.2f}",
        f"{row.added_cpu:+.2f}",
        f"{row.added_first_event:+.2f}" if "SSE" in row.case else "",
    )
