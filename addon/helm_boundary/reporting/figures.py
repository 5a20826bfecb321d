"""The figures of a report: sums over the receipts of a period, as the index has them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from helm_boundary.receipt_index.filters import Filter
from helm_boundary.receipt_index.index import ReceiptIndex

MOST = 200
"""Lines of a table; what is beyond them is counted."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a report: what it shows, its columns, its rows, and how many rows aren't shown."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    more: int = 0


_CALLS = (
    "count(*), sum(verdict = 'DENY'), sum(verdict = 'ESCALATE'), "
    "sum(coalesce(input, 0)), sum(coalesce(output, 0)), "
    "printf('%.4f', sum(coalesce(cost, 0)) / 1e9)"
)
_CALL_COLUMNS = ("calls", "denied", "escalated", "tokens in", "tokens out", "dollars")
_WHO = "coalesce(principal, 'key ' || substr(key, 1, 16), 'nobody signed in')"


def totals(index: ReceiptIndex, period: Filter) -> dict[str, int]:
    """Sum up a period; a browser does the same with the receipts that are enclosed."""
    where, values = period.condition()
    found = index.connection.execute(
        "SELECT count(*), sum(phase = 'outcome'), "  # noqa: S608 - names of our own
        "sum(phase = 'outcome' AND verdict = 'ALLOW'), "
        "sum(phase = 'outcome' AND verdict = 'DENY'), "
        "sum(phase = 'outcome' AND verdict = 'ESCALATE'), sum(coalesce(input, 0)), "
        f"sum(coalesce(output, 0)) FROM receipts WHERE {where}",
        values,
    )
    names = ("receipts", "calls", "allowed", "denied", "escalated", "tokensIn", "tokensOut")
    return {name: int(value or 0) for name, value in zip(names, found.fetchone(), strict=True)}


def tables(index: ReceiptIndex, period: Filter) -> list[Table]:
    """Make every table of a report."""
    calls = replace(period, phase="outcome")
    return [
        _grouped(index, calls, "By model", "model", "coalesce(model, 'not named')"),
        _grouped(index, calls, "By whom", "who", _WHO),
        _grouped(index, calls, "By operation", "operation", "operation"),
        _grouped(index, calls, "By provider", "host", "host"),
        _reasons(index, calls),
        _listed(index, replace(period, phase="approval"), "Approvals",
                ("time", "what", "by", "model", "operation"), _time("at"), "kind", "by", "model",
                "operation"),
        _policies(index, period),
        _coverage(index, calls),
        _gaps(index, period),
    ]  # fmt: skip


def _grouped(index: ReceiptIndex, wanted: Filter, title: str, name: str, by: str) -> Table:
    where, values = wanted.condition()
    return _table(
        index, title, (name, *_CALL_COLUMNS),
        f"SELECT {by}, {_CALLS} FROM receipts WHERE {where} GROUP BY 1 ORDER BY 2 DESC",  # noqa: S608 - names of our own
        values,
    )  # fmt: skip


def _reasons(index: ReceiptIndex, wanted: Filter) -> Table:
    where, values = wanted.condition()
    return _table(
        index, "Why calls were refused", ("reason", "rules", "calls"),
        "SELECT trim(codes), trim(rules), count(*) FROM receipts "  # noqa: S608 - see above
        f"WHERE {where} AND verdict != 'ALLOW' GROUP BY 1, 2 ORDER BY 3 DESC",
        values,
    )  # fmt: skip


def _policies(index: ReceiptIndex, period: Filter) -> Table:
    where, values = period.condition()
    return _table(
        index, "Policies in force", ("policy (sha256)", "from", "until", "receipts"),
        f"SELECT policy, {_time('min(at)')}, {_time('max(at)')}, count(*) FROM receipts "  # noqa: S608 - see above
        f"WHERE {where} AND policy IS NOT NULL GROUP BY 1 ORDER BY min(at)",
        values,
    )  # fmt: skip


def _coverage(index: ReceiptIndex, wanted: Filter) -> Table:
    where, values = wanted.condition()
    return _table(
        index, "Coverage: what was judged of a call",
        ("request and response", "enforcement", "ended", "calls"),
        "SELECT coalesce(coverage, 'not said'), enforcement, \"end\", count(*) FROM receipts "  # noqa: S608 - see above
        f"WHERE {where} GROUP BY 1, 2, 3 ORDER BY 4 DESC",
        values,
    )  # fmt: skip


def _gaps(index: ReceiptIndex, period: Filter) -> Table:
    """List starts, stops, set-back clocks, changed keys, calls without an end, lines not read."""
    where, values = period.condition()
    table = _table(
        index, "Gaps: starts, stops, keys and calls that were cut off",
        ("time", "what", "receipt", "boundary's writer"),
        f"SELECT {_time('at')}, phase || ' ' || coalesce(kind, \"end\", ''), id, writer "  # noqa: S608 - see above
        f"FROM receipts WHERE {where} AND (phase IN ('session', 'key', 'policy') "
        "OR \"end\" IN ('killed')) ORDER BY at",
        values,
    )  # fmt: skip
    unread = tuple(("", f"not a receipt: {what}", "", place) for place, what in index.unread())
    still_open = index.connection.execute(
        "SELECT count(DISTINCT flow) FROM receipts AS asked WHERE phase = 'request' "  # noqa: S608 - see above
        f"AND {where} AND NOT EXISTS (SELECT 1 FROM receipts AS ended "
        "WHERE ended.flow = asked.flow AND ended.phase = 'outcome')",
        values,
    ).fetchone()[0]
    rows = table.rows + unread
    if still_open:
        rows = (*rows, ("", f"{still_open} calls have no outcome (yet)", "", ""))
    return replace(table, rows=rows)


def _listed(
    index: ReceiptIndex, wanted: Filter, title: str, names: tuple[str, ...], *columns: str
) -> Table:
    where, values = wanted.condition()
    query = f"SELECT {', '.join(columns)} FROM receipts WHERE {where} ORDER BY at"  # noqa: S608 - see above
    return _table(index, title, names, query, values)


def _table(
    index: ReceiptIndex, title: str, columns: tuple[str, ...], query: str, values: list[Any]
) -> Table:
    found = index.connection.execute(query, values)
    rows = tuple(found.fetchmany(MOST))
    return Table(title, columns, rows, sum(1 for _ in found))


def _time(column: str) -> str:
    return f"strftime('%Y-%m-%d %H:%M:%S', {column} / 1000000, 'unixepoch')"
