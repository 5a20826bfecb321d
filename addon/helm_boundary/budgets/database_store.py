"""The store of a fleet: PostgreSQL, in which each reservation is one transaction.

Threads of its own talk to the database, so that it may be used from any event loop. A reservation
whose confirmation is lost may stand all the same; its owner gives it back as soon as it can.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from helm_receipts.database.address import Address
from helm_receipts.database.connections import Connection

from . import database_statements as sql
from .amounts import NOTHING, Amounts
from .claim_text import read_claims, write_claims
from .database_access import Database, Row
from .database_owner import GONE_SECONDS, DatabaseOwner
from .decisions import meet, pace
from .store import (
    FILE_FACT,
    KEPT_NS,
    Balance,
    Claim,
    Orphan,
    Place,
    Reserved,
    Short,
    StoreError,
)

_COLUMNS: Mapping[str, Callable[[Claim], str | int | None]] = {
    "scopes": lambda claim: claim.scope,
    "starts": lambda claim: claim.span.start,
    "calls": lambda claim: claim.amounts.calls,
    "tokens": lambda claim: claim.amounts.tokens,
    "output_tokens": lambda claim: claim.amounts.output_tokens,
    "nanodollars": lambda claim: claim.amounts.nanodollars,
    "most_calls": lambda claim: claim.limits[0] if claim.enforced else None,
    "most_tokens": lambda claim: claim.limits[1] if claim.enforced else None,
    "most_output_tokens": lambda claim: claim.limits[2] if claim.enforced else None,
    "most_nanodollars": lambda claim: claim.limits[3] if claim.enforced else None,
    "lasts": lambda claim: claim.lasts if claim.enforced else None,
}
"""What one statement is told of claims."""

type Change = tuple[Place, Amounts, Amounts]
"""What is added to a balance: settled, and reserved."""


class DatabaseStore:
    """Balances of a fleet, by a few connections of this process."""

    def __init__(self, address: Address) -> None:
        """Open the store; `StoreError` where the database can't be reached."""
        self._database = Database(address)
        try:
            self._owner = DatabaseOwner(self._database, self._settle)
        except StoreError:
            self._database.close()
            raise
        self._closed = False

    def now_ns(self) -> int:
        """Return the server's time, as it was found a moment ago and has gone on since."""
        return self._owner.now_ns()

    async def used(self, places: Sequence[Place]) -> list[Amounts]:
        """Return what is used of each balance, reservations included."""
        database = self._database
        rows = await database.aside(lambda: database.ask(sql.READ, _columns(places, 2)))
        found = {Place(*row[:2]): Amounts(*row[2:6]) for row in rows}
        return [found.get(place, NOTHING) for place in places]

    async def reserve(self, call: str, claims: Sequence[Claim]) -> tuple[Reserved, ...] | Short:
        """Reserve for a call in all of its scopes, or in none."""
        try:
            return await self._database.aside(lambda: self._reserve(call, claims))
        except StoreError:
            self._owner.doubt(call, {})
            raise

    def _reserve(self, call: str, claims: Sequence[Claim]) -> tuple[Reserved, ...] | Short:
        paced = [each for each in claims if each.rate is not None]
        if not paced and (met := self._reserve_at_once(call, claims)):
            return met
        taken = [each for each in claims if each.rate is None]

        def work(connection: Connection) -> tuple[Reserved, ...] | Short:
            now = self.now_ns()
            paces = pace(paced, _arrivals(connection, paced), now) if paced else []
            if isinstance(paces, Short):
                return paces
            met = meet(taken, _locked(connection, taken, now), now)
            if isinstance(met, Short):
                return met
            with connection.pipeline():
                _add(connection, [(each.claim.place, NOTHING, each.claim.amounts) for each in met])
                if paces:
                    connection.execute(sql.SET_PACE, _columns(paces, 2))
                connection.execute(sql.KEEP, (call, self._owner.name, now, write_claims(taken)))
            return met

        return self._database.transact(work)

    def _reserve_at_once(self, call: str, claims: Sequence[Claim]) -> tuple[Reserved, ...]:
        """Reserve in one statement, where every balance is there and all claims can be met."""
        said = {"call": call, "owner": self._owner.name, "now": self.now_ns()}
        columns = {name: [ask(each) for each in claims] for name, ask in _COLUMNS.items()}
        rows = self._database.ask(sql.RESERVE, {**said, **columns, "claims": write_claims(claims)})
        found = {Place(*row[:2]): Amounts(*row[2:6]) for row in rows}
        return tuple(Reserved(each, found[each.place]) for each in claims) if found else ()

    async def settle(self, call: str, charged: Mapping[Place, Amounts]) -> bool:
        """Replace a call's reservation by what it cost; False where it is settled already."""
        try:
            return await self._database.aside(lambda: self._settle(call, charged))
        except StoreError:
            self._owner.doubt(call, charged)
            raise

    def _settle(self, call: str, charged: Mapping[Place, Amounts]) -> bool:
        rows = [(*place, *amounts) for place, amounts in charged.items()]
        return bool(self._database.ask(sql.SETTLE, (call, *_columns(rows, 6))))

    async def orphans(self) -> list[Orphan]:
        """Return the reservations of processes that haven't been seen for a while."""
        database = self._database
        rows = await database.aside(lambda: database.ask(sql.ORPHANS, (GONE_SECONDS,)))
        return [Orphan(call, made, read_claims(claims)) for call, made, claims in rows]

    async def balances(self) -> list[Balance]:
        """Return every balance there is, by scope and window."""
        return await self._database.aside(self.balances_now)

    def balances_now(self) -> list[Balance]:
        """Return the same, from any thread."""
        return [_balance(row) for row in self._database.ask(sql.ALL)]

    async def adjust(self, place: Place, end: int | None, amounts: Amounts) -> Balance:
        """Add to what is settled of a balance; returns it as it is now."""

        def work(connection: Connection) -> Balance:
            _make(connection, [(place, end)], self.now_ns())
            _add(connection, [(place, amounts, NOTHING)])
            return next(b for b in map(_balance, connection.execute(sql.ALL)) if b.place == place)

        return await self._database.aside(lambda: self._database.transact(work))

    async def rebuild(self, read: Callable[[Collection[str]], Iterable[Balance]]) -> None:
        """Replace what is settled, whole; reservations of calls that go on stay as they are."""

        def work(connection: Connection) -> None:
            connection.execute(sql.NO_OTHER_CHANGE)
            going_on = frozenset(row[0] for row in connection.execute(sql.CALLS))
            settled = list(read(going_on))
            connection.execute(sql.NOTHING_SETTLED)
            _make(connection, [(each.place, each.end) for each in settled], self.now_ns())
            _add(connection, [(each.place, each.settled, NOTHING) for each in settled])

        await self._database.aside(lambda: self._database.transact(work))

    async def open_calls(self) -> frozenset[str]:
        """Return the ids of the calls that have something reserved."""
        rows = await self._database.aside(lambda: self._database.ask(sql.CALLS))
        return frozenset(row[0] for row in rows)

    async def fact(self, name: str) -> str | None:
        """Return what was noted beside the balances under that name."""
        rows = await self._database.aside(lambda: self._database.ask(sql.FACT, (name,)))
        return str(rows[0][0]) if rows else None

    async def note(self, name: str, value: str) -> None:
        """Note something beside the balances."""
        await self._database.aside(lambda: self._database.ask(sql.NOTE, (name, value)))

    def tidy(self) -> None:
        """Forget windows that have long been over, paces that bind nobody, processes long gone."""
        now = self.now_ns()
        self._database.ask(sql.TIDY_BALANCES, (now - KEPT_NS,))
        self._database.ask(sql.TIDY_PACES, (now,))
        self._database.ask(sql.TIDY_OWNERS)
        self._database.ask(sql.TIDY_FACTS, (f"{FILE_FACT}%", now - KEPT_NS))

    def close(self) -> None:
        """Give the connections back. Idempotent."""
        if not self._closed:
            self._closed = True
            self._owner.close()
            self._database.close()


def _arrivals(connection: Connection, claims: Sequence[Claim]) -> dict[str, int]:
    """Lock the paces of rates, and return the arrivals that were noted."""
    scopes = [each.scope for each in claims]
    with connection.pipeline():
        connection.execute(sql.MAKE_PACE, (scopes,))
        found = connection.execute(sql.LOCK_PACE, (scopes,))
    return dict(found.fetchall())


def _locked(
    connection: Connection, claims: Sequence[Claim], now: int
) -> dict[Place, tuple[Amounts, int]]:
    """Lock the balances of claims, made where they aren't there yet, and return them."""
    _make(connection, [(each.place, each.span.end) for each in claims], now)
    rows = connection.execute(sql.LOCK, _columns([each.place for each in claims], 2)).fetchall()
    return {Place(*row[:2]): (Amounts(*row[2:6]), row[6]) for row in rows}


def _make(connection: Connection, places: Iterable[tuple[Place, int | None]], now: int) -> None:
    """Make the balances that aren't there yet."""
    ends = _columns([(*place, end) for place, end in places], 3)
    connection.execute(sql.MAKE, (now, *ends))


def _add(connection: Connection, changes: Iterable[Change]) -> None:
    """Add to balances that are there."""
    rows = [(*place, *settled, *reserved) for place, settled, reserved in changes]
    connection.execute(sql.ADD, _columns(rows, 10))


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Turn rows into what `unnest` takes."""
    return [[row[at] for row in rows] for at in range(width)]


def _balance(row: Row) -> Balance:
    return Balance(Place(row[0], row[1]), row[2], Amounts(*row[3:7]), Amounts(*row[7:]))
