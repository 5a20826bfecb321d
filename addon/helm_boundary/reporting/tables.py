"""Tables of a report, and the one question that all of them ask the index."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from helm_boundary.receipt_index.filters import Filter
from helm_boundary.receipt_index.index import ReceiptIndex

MOST = 200
"""Lines of a table; what is beyond them is counted."""

CALLS = (
    "count(*), sum(verdict = 'DENY'), sum(verdict = 'ESCALATE'), "
    "sum(coalesce(input, 0)), sum(coalesce(output, 0)), "
    "printf('%.4f', sum(coalesce(cost, 0)) / 1e9)"
)
CALL_COLUMNS = ("calls", "denied", "escalated", "tokens in", "tokens out", "dollars")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a report: what it shows, its columns, its rows, and how many rows aren't shown."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    more: int = 0


def select(index: ReceiptIndex, wanted: Filter, what: str, then: str = "") -> sqlite3.Cursor:
    """Ask for columns of the receipts that are wanted; `then` goes on after the condition."""
    where, values = wanted.condition()
    query = f"SELECT {what} FROM receipts WHERE {where} {then}"  # noqa: S608 - names of our own
    return index.connection.execute(query, values)


def table(title: str, columns: tuple[str, ...], found: Iterable[tuple[Any, ...]]) -> Table:
    """Make a table of what was found."""
    rows = iter(found)
    return Table(title, columns, tuple(islice(rows, MOST)), sum(1 for _ in rows))
