"""How much of each budget is used, for whoever shows or measures it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from .amounts import KINDS
from .scopes import name_of
from .store import Store
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


def shares(store: Store) -> list[Share]:
    """List what is used of every limit.

    Raises:
        StoreError: the balances can't be read.
    """
    return asyncio.run(_shares(store))


async def _shares(store: Store) -> list[Share]:
    known, now, found = read_summary(await store.fact(FACT)), time.time_ns(), list[Share]()
    for balance in await store.balances():
        if balance.end is not None and not balance.place.start <= now < balance.end:
            continue
        name = name_of(balance.place.scope)
        limits = known.get(name, {}).get("limits", {})
        for kind, used in zip(KINDS, balance.used, strict=True):
            if kind in limits:
                found.append(
                    Share(name, balance.place.scope, kind, used, limits[kind], balance.end)
                )
    return found
