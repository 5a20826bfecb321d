"""What is asked of the index: lists, a call's receipts, sums over time, names to choose from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from helm_boundary.receipt_source.source import Place as LinePlace

from .filters import Filter
from .index import ReceiptIndex
from .schema import COLUMNS

_SHOWN = ("seq", *(name for name in COLUMNS if name not in ("segment", "offset", "size")))
_SELECT = f"SELECT {', '.join(_SHOWN)} FROM receipts WHERE "  # noqa: S608 - names of our own
_LATEST = 20_000
_CHOICES = ("model", "principal", "operation", "host", "code", "writer")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list goes on: behind the receipt of this time and number."""

    at: int
    seq: int


def latest(
    index: ReceiptIndex, wanted: Filter, limit: int, before: Place | None = None
) -> list[dict[str, Any]]:
    """List receipts, the latest first."""
    where, values = wanted.condition()
    if before is not None:
        where += " AND (at, seq) < (?, ?)"
        values += [before.at, before.seq]
    return _rows(index, f"{where} ORDER BY at DESC, seq DESC LIMIT ?", [*values, limit])


def since(index: ReceiptIndex, wanted: Filter, seq: int, limit: int) -> list[dict[str, Any]]:
    """List receipts that were brought in after that number, the latest first."""
    where, values = wanted.condition()
    where += " AND seq > ? ORDER BY at DESC, seq DESC LIMIT ?"
    return _rows(index, where, [*values, seq, limit])


def of_call(index: ReceiptIndex, flow: str) -> list[dict[str, Any]]:
    """List the receipts of one call, in order."""
    return _rows(index, "flow = ? ORDER BY at, seq LIMIT 1000", [flow])


def of_same_call(index: ReceiptIndex, identity: str) -> list[dict[str, Any]]:
    """List the receipts of the call that a receipt is about; the receipt alone if it has none."""
    found = index.connection.execute("SELECT flow FROM receipts WHERE id = ?", (identity,))
    row = found.fetchone()
    if row is not None and row[0] is not None:
        return of_call(index, str(row[0]))
    return _rows(index, "id = ?", [identity])


def every(index: ReceiptIndex, wanted: Filter, after: int = 0) -> Iterator[dict[str, Any]]:
    """Yield receipts in the order of their times, however many; those after a number."""
    where, values = wanted.condition()
    where += " AND seq > ? ORDER BY at, seq"
    found = index.connection.execute(_SELECT + where, [*values, after])
    for row in found:
        yield dict(zip(_SHOWN, row, strict=True))


def last_number(index: ReceiptIndex) -> int:
    """Return the number of the receipt that was brought in last; 0 before the first."""
    row = index.connection.execute("SELECT max(seq) FROM receipts").fetchone()
    return int(row[0] or 0)


def count(index: ReceiptIndex, wanted: Filter) -> int:
    """Count receipts."""
    where, values = wanted.condition()
    found = index.connection.execute(f"SELECT count(*) FROM receipts WHERE {where}", values)  # noqa: S608 - see above
    return int(found.fetchone()[0])


def over_time(
    index: ReceiptIndex, wanted: Filter, begin: int, width: int, buckets: int
) -> list[dict[str, int]]:
    """Sum up ended calls in `buckets` spans of `width` microseconds from `begin` on.

    `cost` is in nanodollars; `added` is how long the boundary itself took, in microseconds, over
    the `timed` calls that say so. Spans without a call are left out.
    """
    where, values = replace(wanted, phase="outcome").condition()
    found = index.connection.execute(
        "SELECT (at - ?) / ? AS span, count(*), "  # noqa: S608 - see above
        "sum(verdict = 'ALLOW'), sum(verdict = 'DENY'), sum(verdict = 'ESCALATE'), "
        "sum(coalesce(input, 0)), sum(coalesce(output, 0)), sum(added), count(added), "
        "sum(coalesce(cost, 0)) "
        f"FROM receipts WHERE at >= ? AND at < ? AND {where} GROUP BY span ORDER BY span",
        [begin, width, begin, begin + width * buckets, *values],
    )
    names = (
        "span",
        "calls",
        "allow",
        "deny",
        "escalate",
        "input",
        "output",
        "added",
        "timed",
        "cost",
    )
    return [dict(zip(names, (each or 0 for each in row), strict=True)) for row in found]


def choices(index: ReceiptIndex, most: int = 50) -> dict[str, list[str]]:
    """List the names to filter by, those of the most of the latest receipts first."""
    return {name: _names(index, name, most) for name in _CHOICES}


def place_of(index: ReceiptIndex, identity: str) -> LinePlace | None:
    """Return where a receipt's line is; None for an unknown one."""
    found = index.connection.execute(
        'SELECT writer, segment, "offset", size FROM receipts WHERE id = ?', (identity,)
    )
    row = found.fetchone()
    return None if row is None else LinePlace(str(row[0]), str(row[1]), int(row[2]), int(row[3]))


def _names(index: ReceiptIndex, column: str, most: int) -> list[str]:
    found = index.connection.execute(
        f"SELECT {column} FROM (SELECT {column} FROM receipts ORDER BY seq DESC LIMIT ?) "  # noqa: S608 - see above
        f"WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC LIMIT ?",
        (_LATEST, most),
    )
    return [str(row[0]) for row in found]


def _rows(index: ReceiptIndex, where: str, values: list[Any]) -> list[dict[str, Any]]:
    found = index.connection.execute(_SELECT + where, values)
    return [dict(zip(_SHOWN, row, strict=True)) for row in found]


def policies(index: ReceiptIndex) -> list[str]:
    """List the digests of the policies that receipts name, the latest first."""
    found = index.connection.execute(
        "SELECT policy FROM receipts WHERE policy IS NOT NULL GROUP BY policy ORDER BY MAX(at) DESC"
    )
    return [str(row[0]) for row in found]
