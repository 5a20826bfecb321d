"""Calls summed up by the groups of callers that a policy's data names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from helm_boundary.budgets.amounts import NANO
from helm_boundary.budgets.scopes import groups_of
from helm_boundary.receipt_index.filters import Filter
from helm_boundary.receipt_index.index import ReceiptIndex

from .tables import CALL_COLUMNS, Table, select, table

type Groups = Mapping[str, Any]
"""`groups` of a policy's data: principals and keys by a group's name."""

NOBODY = "in no group"
_SUMS = (
    "count(*), sum(verdict = 'DENY'), sum(verdict = 'ESCALATE'), sum(coalesce(input, 0)), "
    "sum(coalesce(output, 0)), sum(coalesce(cost, 0))"
)


def by_group(index: ReceiptIndex, calls: Filter, groups: Groups) -> Table:
    """Sum up calls by group; a caller in two of them counts in both, as in budgets."""
    sums: dict[str, list[int]] = {}
    found = select(index, calls, f"principal, key, {_SUMS}", "GROUP BY 1, 2")
    for principal, key, *counts in found:
        for name in groups_of(groups, principal, key) or (NOBODY,):
            total = sums.setdefault(name, [0] * len(counts))
            sums[name] = [a + b for a, b in zip(total, counts, strict=True)]
    rows = sorted(sums.items(), key=lambda each: (-each[1][0], each[0]))
    return table(
        "By group", ("group", *CALL_COLUMNS),
        ((name, *counts, f"{cost / NANO:.4f}") for name, (*counts, cost) in rows),
    )  # fmt: skip
