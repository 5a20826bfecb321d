"""The figures of a report: sums over the receipts of a period, as the index has them."""

from __future__ import annotations

from dataclasses import replace

from helm_boundary.receipt_index.filters import Filter
from helm_boundary.receipt_index.index import ReceiptIndex

from .groups import Groups, by_group
from .tables import CALL_COLUMNS, CALLS, Table, select, table

_WHO = "coalesce(principal, 'key ' || substr(key, 1, 16), 'nobody signed in')"


def totals(index: ReceiptIndex, period: Filter) -> dict[str, int]:
    """Sum up a period; a browser does the same with the receipts that are enclosed."""
    found = select(
        index, period,
        "count(*), sum(phase = 'outcome'), sum(phase = 'outcome' AND verdict = 'ALLOW'), "
        "sum(phase = 'outcome' AND verdict = 'DENY'), "
        "sum(phase = 'outcome' AND verdict = 'ESCALATE'), sum(coalesce(input, 0)), "
        "sum(coalesce(output, 0))",
    )  # fmt: skip
    names = ("receipts", "calls", "allowed", "denied", "escalated", "tokensIn", "tokensOut")
    return {name: int(value or 0) for name, value in zip(names, found.fetchone(), strict=True)}


def tables(index: ReceiptIndex, period: Filter, groups: Groups) -> list[Table]:
    """Make every table of a report."""
    calls = replace(period, phase="outcome")
    return [
        _grouped(index, calls, "By model", "model", "coalesce(model, 'not named')"),
        _grouped(index, calls, "By whom", "who", _WHO),
        *([by_group(index, calls, groups)] if groups else []),
        _grouped(index, calls, "By operation", "operation", "operation"),
        _grouped(index, calls, "By provider", "host", "host"),
        _reasons(index, calls),
        _approvals(index, replace(period, phase="approval")),
        _policies(index, period),
        _coverage(index, calls),
        _gaps(index, period),
    ]


def _grouped(index: ReceiptIndex, wanted: Filter, title: str, name: str, by: str) -> Table:
    found = select(index, wanted, f"{by}, {CALLS}", "GROUP BY 1 ORDER BY 2 DESC")
    return table(title, (name, *CALL_COLUMNS), found)


def _reasons(index: ReceiptIndex, wanted: Filter) -> Table:
    found = select(
        index, wanted, "trim(codes), trim(rules), count(*)",
        "AND verdict != 'ALLOW' GROUP BY 1, 2 ORDER BY 3 DESC",
    )  # fmt: skip
    return table("Why calls were refused", ("reason", "rules", "calls"), found)


def _approvals(index: ReceiptIndex, wanted: Filter) -> Table:
    columns = f"{_time('at')}, kind, by, model, operation"
    names = ("time", "what", "by", "model", "operation")
    return table("Approvals", names, select(index, wanted, columns, "ORDER BY at"))


def _policies(index: ReceiptIndex, period: Filter) -> Table:
    found = select(
        index, period, f"policy, {_time('min(at)')}, {_time('max(at)')}, count(*)",
        "AND policy IS NOT NULL GROUP BY 1 ORDER BY min(at)",
    )  # fmt: skip
    return table("Policies in force", ("policy (sha256)", "from", "until", "receipts"), found)


def _coverage(index: ReceiptIndex, wanted: Filter) -> Table:
    found = select(
        index, wanted, "coalesce(coverage, 'not said'), enforcement, \"end\", count(*)",
        "GROUP BY 1, 2, 3 ORDER BY 4 DESC",
    )  # fmt: skip
    names = ("request and response", "enforcement", "ended", "calls")
    return table("Coverage: what was judged of a call", names, found)


def _gaps(index: ReceiptIndex, period: Filter) -> Table:
    """List starts, stops, set-back clocks, changed keys, calls without an end, lines not read."""
    found = select(
        index, period, f"{_time('at')}, phase || ' ' || coalesce(kind, \"end\", ''), id, writer",
        "AND (phase IN ('session', 'key', 'policy') OR \"end\" IN ('killed')) ORDER BY at",
    )  # fmt: skip
    names = ("time", "what", "receipt", "boundary's writer")
    made = table("Gaps: starts, stops, keys and calls that were cut off", names, found)
    unread = tuple(("", f"not a receipt: {what}", "", place) for place, what in index.unread())
    still_open = select(
        index, period, "count(DISTINCT flow)",
        "AND phase = 'request' AND NOT EXISTS (SELECT 1 FROM receipts AS ended "
        "WHERE ended.flow = receipts.flow AND ended.phase = 'outcome')",
    ).fetchone()[0]  # fmt: skip
    rows = made.rows + unread
    if still_open:
        rows = (*rows, ("", f"{still_open} calls have no outcome (yet)", "", ""))
    return replace(made, rows=rows)


def _time(column: str) -> str:
    return f"strftime('%Y-%m-%d %H:%M:%S', {column} / 1000000, 'unixepoch')"
