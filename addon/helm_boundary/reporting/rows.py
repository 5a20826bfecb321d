"""A period's receipts as CSV, a line each, for a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import IO, Any

from helm_boundary.receipt_index import queries
from helm_boundary.receipt_index.filters import Filter
from helm_boundary.receipt_index.index import ReceiptIndex
from helm_receipts.envelope.predicate import rfc3339

COLUMNS = (
    "time", "id", "phase", "verdict", "enforcement", "operation", "model", "host", "principal",
    "key", "call", "reasons", "rules", "end", "status", "tokens_in", "tokens_out",
    "added_microseconds", "policy", "event", "by",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_rows(index: ReceiptIndex, period: Filter, file: IO[str]) -> None:
    """Write them in the order of their times, under a line of names."""
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for row in queries.every(index, period):
        writer.writerow(_harmless(_cells(row)))


def _cells(row: dict[str, Any]) -> Iterator[Any]:
    yield rfc3339(row["at"] * 1000)
    yield from (row[n] for n in ("id", "phase", "verdict", "enforcement", "operation", "model"))
    yield from (row[n] for n in ("host", "principal", "key", "flow"))
    yield from (row[n].strip() for n in ("codes", "rules"))
    yield from (row[n] for n in ("end", "status", "input", "output", "added", "policy"))
    yield from (row[n] for n in ("kind", "by"))


def _harmless(cells: Iterator[Any]) -> Iterator[Any]:
    """Keep a spreadsheet from taking a text that a client chose for a formula."""
    for cell in cells:
        is_formula = isinstance(cell, str) and cell.startswith(_FORMULA)
        yield f"'{cell}" if is_formula else cell
