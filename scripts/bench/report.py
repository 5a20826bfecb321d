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
class Difference:
    """A turn beside the reference's turn of the same round: calls' `ratio`, and what is added."""

    ratio: float
    p50: float
    p99: float
    first_event: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A case's medians over all rounds; `spread` is half the distance between the quartiles."""

    case: str
    reference: Round
    boundary: Round
    added: Difference
    spread: Difference


def as_values(compared: list[Comparison], reference: str) -> dict[str, object]:
    """Return the comparison and the machine's state as JSON values."""
    return {
        "reference": reference,
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        "cases": [asdict(row) for row in compared],
    }


def as_table(compared: list[Comparison], reference: str) -> Table:
    """Return the comparison as a table; its caption says what may have disturbed it."""
    table = Table(
        title=f"{reference}, and what the boundary adds: milliseconds, medians of all rounds "
        "± half the distance between the quartiles",
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
    reference, added, spread = row.reference, row.added, row.spread
    return (
        f"{reference.calls_a_second:.0f}",
        f"{row.boundary.calls_a_second:.0f}",
        f"{added.ratio:.2f} ±{spread.ratio:.2f}",
        f"{reference.p50:.2f}",
        f"{added.p50:+.2f} ±{spread.p50:.2f}",
        f"{reference.p99:.2f}",
        f"{added.p99:+.2f} ±{spread.p99:.2f}",
        f"{reference.cpu:.2f}",
        f"{added.cpu:+.2f} ±{spread.cpu:.2f}",
        f"{added.first_event:+.2f} ±{spread.first_event:.2f}" if "SSE" in row.case else "",
    )
