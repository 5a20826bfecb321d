"""How much of each budget is used, for whoever shows or measures it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

from helm_receipts.layout import Layout

from .amounts import KINDS
from .embedded import books_file
from .scopes import name_of
from .sqlite_store import SqliteStore
from .summary import FACT, read_summary


@dataclass(frozen=True, slots=True)
class Share:
    """What is used of one limit in its window that runs now. `resets_ns` is None for never."""

    budget: str
    scope: str
    kind: str
    used: int
    limit: int
    resets_ns: int | None

    @property
    def ratio(self) -> float:
        """How much of the limit is used; above 1 where it is passed, or where it is nothing."""
        return self.used / self.limit if self.limit else float(self.used > 0)


def shares(layout: Layout) -> list[Share]:
    """List what is used of every limit; none where no boundary has kept a budget.

    Raises:
        StoreError: the balances can't be read.
    """
    if not books_file(layout).exists():
        return []
    store = SqliteStore(books_file(layout))
    try:
        return list(_shares(store))
    finally:
        store.close()


def _shares(store: SqliteStore) -> Iterator[Share]:
    known, now = read_summary(asyncio.run(store.fact(FACT))), time.time_ns()
    for balance in asyncio.run(store.balances()):
        if balance.end is not None and not balance.place.start <= now < balance.end:
            continue
        name = name_of(balance.place.scope)
        limits = known.get(name, {}).get("limits", {})
        for kind, used in zip(KINDS, balance.used, strict=True):
            if kind in limits:
                yield Share(name, balance.place.scope, kind, used, limits[kind], balance.end)
