"""Balances in a database: many calls at once, lost confirmations, processes that are gone."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from typing import Any

import pytest
from psycopg.pq import TransactionStatus

from helm_boundary.budgets import database_owner
from helm_boundary.budgets.amounts import NO_LIMITS, NOTHING, Amounts
from helm_boundary.budgets.database_store import DatabaseStore
from helm_boundary.budgets.store import Claim, Place, Short, StoreError
from helm_boundary.budgets.windows import EVER
from helm_receipts.database.address import Address
from helm_receipts.database.connections import Connection, DeadlinePassed, connect

CALL = Amounts(calls=1)
_GONE = "UPDATE helm_boundary.budget_owners SET seen = now() - interval '61 s' WHERE name = %s"


def claim(scope: str, calls: int) -> Claim:
    """Return a claim of one call in a window that never ends."""
    return Claim(scope, EVER, CALL, (calls, *NO_LIMITS[1:]))


def test_a_limit_is_met_exactly_however_many_ask_at_once(database: Address) -> None:
    """Four boundaries, sixteen calls at a time each, in scopes that overlap in any order."""
    stores = [DatabaseStore(database) for _ in range(4)]
    chance = random.Random(3)
    granted: list[str] = []

    async def one(store: DatabaseStore, name: str) -> None:
        scopes = chance.sample(["all", "team", "user", "model"], 3)
        result = await store.reserve(name, sorted([claim("k", 25)] + [claim(s, 99) for s in scopes],
                                                  key=lambda each: each.place))  # fmt: skip
        if not isinstance(result, Short):
            granted.append(name)
            await store.settle(name, {each.claim.place: CALL for each in result})

    async def sixteen(at: int) -> None:
        await asyncio.gather(*(one(stores[at], f"{at}-{n}") for n in range(16)))

    threads = [threading.Thread(target=asyncio.run, args=(sixteen(at),)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    balances = {each.place.scope: each for each in stores[0].balances_now()}
    for store in stores:
        store.close()
    assert len(granted) == 25
    assert balances["k"].settled == Amounts(calls=25)
    assert all(each.reserved == NOTHING for each in balances.values())


@pytest.mark.parametrize("is_there", [True, False])
def test_a_reservation_whose_confirmation_is_lost_is_given_back(
    database: Address, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    """It stands, and nobody would ever settle it; so its owner does.

    Where a balance isn't there yet, it takes a transaction to make it.
    """
    monkeypatch.setattr(database_owner, "_BEAT_SECONDS", 0.1)
    store = DatabaseStore(database)
    if is_there:
        asyncio.run(store.reserve("w", [claim("a", 1)]))
        asyncio.run(store.settle("w", {}))
    # First it is tried in one statement, behind which the pool has a commit of its own.
    lose_next_commit(monkeypatch, after=0 if is_there else 2)
    with pytest.raises(StoreError, match="no answer"):
        asyncio.run(store.reserve("x", [claim("a", 1)]))
    end = time.monotonic() + 20
    while store.balances_now()[0].reserved != NOTHING:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert not isinstance(asyncio.run(store.reserve("y", [claim("a", 1)])), Short)
    store.close()


def test_a_charge_whose_confirmation_is_lost_is_charged_once(
    database: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the database had made it or not."""
    monkeypatch.setattr(database_owner, "_BEAT_SECONDS", 0.1)
    store = DatabaseStore(database)
    asyncio.run(store.reserve("x", [claim("a", 5)]))
    lose_next_commit(monkeypatch)
    with pytest.raises(StoreError, match="no answer"):
        asyncio.run(store.settle("x", {Place("a", 0): CALL}))
    time.sleep(0.5)
    (balance,) = store.balances_now()
    store.close()
    assert (balance.settled, balance.reserved) == (CALL, NOTHING)


def test_what_a_process_that_is_gone_reserved_is_found(database: Address) -> None:
    """When it wasn't seen for a minute, by the server's clock; a living one's isn't."""
    gone, here = DatabaseStore(database), DatabaseStore(database)
    asyncio.run(gone.reserve("x", [claim("a", 5)]))
    asyncio.run(here.reserve("y", [claim("a", 5)]))
    assert asyncio.run(here.orphans()) == []
    with connect(database) as connection:
        connection.execute(_GONE, (gone._owner.name,))
        assert [each.call for each in asyncio.run(here.orphans())] == ["x"]
    gone.close()
    here.close()


def lose_next_commit(monkeypatch: pytest.MonkeyPatch, after: int = 0) -> None:
    """Let a transaction, or a statement alone, be committed, and its confirmation be lost.

    The next one, or one that comes `after` so many others.
    """
    wait: Any = Connection.wait
    commits: list[Connection] = []

    def lose(self: Connection, gen: Any, *arguments: Any) -> Any:
        result = wait(self, gen, *arguments)
        is_over = self.info.transaction_status == TransactionStatus.IDLE
        if is_over and threading.current_thread().name != "helm-budgets-owner":
            commits.append(self)
            if len(commits) == after + 1:
                self.pgconn.finish()
                raise DeadlinePassed("no answer")
        return result

    monkeypatch.setattr(Connection, "wait", lose)
