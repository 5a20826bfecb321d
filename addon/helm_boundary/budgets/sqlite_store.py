"""The embedded store: an SQLite file in the state folder, shared by all processes on it.

Each reservation is one transaction, which another process sees whole or not at all. What the file
has lost at a machine's end, `books` writes again from the receipts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import batched, chain
from pathlib import Path
from typing import Any

from . import sqlite_statements as sql
from .amounts import NOTHING, Amounts
from .claim_text import read_claims, write_claims
from .decisions import meet, pace
from .owner import Owner, is_gone
from .sqlite_file import Connection, Row, SqliteFile
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


class SqliteStore:
    """Balances in one file, by one connection of this process; belongs to one thread."""

    def __init__(self, path: Path) -> None:
        """Open the file, made on first use; `StoreError` where that can't be done."""
        self._file = SqliteFile(path)
        try:
            self._owner = Owner(path.parent)
        except OSError as error:
            self._file.close()
            raise StoreError(f"{path} can't be used: {error}") from error

    def now_ns(self) -> int:
        """Return this machine's time."""
        return time.time_ns()

    async def used(self, places: Sequence[Place]) -> list[Amounts]:
        """Return what is used of each balance, reservations included."""
        found = _read(self._file.ask, places)
        return [found[place][0] if place in found else NOTHING for place in places]

    async def reserve(self, call: str, claims: Sequence[Claim]) -> tuple[Reserved, ...] | Short:
        """Reserve for a call in all of its scopes, or in none."""
        now = self.now_ns()
        paced = [each for each in claims if each.rate is not None]
        taken = [each for each in claims if each.rate is None] if paced else claims

        def work(db: Connection) -> tuple[Reserved, ...] | Short:
            paces = pace(paced, _arrivals(db, paced), now)
            if isinstance(paces, Short):
                return paces
            met = meet(taken, _read(db.execute, [each.place for each in taken]), now)
            if isinstance(met, Short):
                return met
            if paces:
                db.executemany(sql.SET_PACE, paces)
            db.executemany(sql.RESERVE, [(c.scope, *c.span, now, *c.amounts) for c in taken])
            db.execute(sql.KEEP, (call, self._owner.name, now, write_claims(taken)))
            return met

        return await self._file.transact(work)

    async def settle(self, call: str, charged: Mapping[Place, Amounts]) -> bool:
        """Replace a call's reservation by what it cost; False where it is settled already."""

        def work(db: Connection) -> bool:
            row = db.execute(sql.TAKE, (call,)).fetchone()
            if row is None:
                return False
            held = read_claims(row[0]).items()
            db.executemany(
                sql.SETTLE,
                [(*charged.get(place, NOTHING), *reserved, *place) for place, reserved in held],
            )
            return True

        return await self._file.transact(work)

    async def orphans(self) -> list[Orphan]:
        """Return the reservations of processes that are gone."""
        rows = self._file.ask("SELECT call, owner, made, claims FROM reservations")
        folder, own = self._file.path.parent, self._owner.name
        gone = {owner: is_gone(folder, owner) for owner in {row[1] for row in rows} - {own}}
        return [
            Orphan(call, made, read_claims(c)) for call, owner, made, c in rows if gone.get(owner)
        ]

    async def balances(self) -> list[Balance]:
        """Return every balance there is, by scope and window."""
        return self.balances_now()

    def balances_now(self) -> list[Balance]:
        """Return the same, also before anything else is done with the file."""
        return [_balance(row) for row in self._file.ask(sql.ALL)]

    async def adjust(self, place: Place, end: int | None, amounts: Amounts) -> Balance:
        """Add to what is settled of a balance; returns it as it is now."""

        def work(db: Connection) -> Balance:
            db.execute(sql.ADJUST, (*place, end, self.now_ns(), *amounts))
            return next(b for b in map(_balance, db.execute(sql.ALL)) if b.place == place)

        return await self._file.transact(work)

    async def rebuild(self, read: Callable[[Collection[str]], Iterable[Balance]]) -> None:
        """Replace what is settled, whole; reservations of calls that go on stay as they are."""
        await self._file.transact(lambda db: _rebuild(db, read, self.now_ns()))

    def rebuild_from(self, read: Callable[[Collection[str]], Iterable[Balance]]) -> None:
        """Do the same before anything else is done with the file."""
        self._file.transact_at_start(lambda db: _rebuild(db, read, self.now_ns()))

    async def open_calls(self) -> frozenset[str]:
        """Return the ids of the calls that have something reserved."""
        return frozenset(row[0] for row in self._file.ask("SELECT call FROM reservations"))

    async def fact(self, name: str) -> str | None:
        """Return what was noted beside the balances under that name."""
        return self.fact_now(name)

    async def note(self, name: str, value: str) -> None:
        """Note something beside the balances."""
        self.note_now(name, value)

    def fact_now(self, name: str) -> str | None:
        """Return the same before anything else is done with the file."""
        rows = self._file.ask_patiently("SELECT value FROM facts WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def note_now(self, name: str, value: str) -> None:
        """Note the same before anything else is done with the file."""
        self._file.ask_patiently("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def tidy(self) -> None:
        """Forget windows that have long been over, and paces that bind nobody any more."""
        now = self.now_ns()
        self._file.ask_patiently('DELETE FROM balances WHERE "end" < ?', (now - KEPT_NS,))
        self._file.ask_patiently("DELETE FROM paces WHERE arrival < ?", (now,))
        self._file.ask_patiently(
            "DELETE FROM facts WHERE name LIKE ? AND json_extract(value, '$.at') < ?",
            (f"{FILE_FACT}%", now - KEPT_NS),
        )

    def close(self) -> None:
        """Give the file back. Idempotent."""
        self._file.close()
        self._owner.close()


def _arrivals(db: Connection, claims: Sequence[Claim]) -> dict[str, int]:
    """Read the arrivals that were noted for rates."""
    rows = (db.execute(sql.ARRIVAL, (claim.scope,)).fetchone() for claim in claims)
    return dict(row for row in rows if row)


def _read(
    ask: Callable[[str, Sequence[Any]], Iterable[Row]], places: Sequence[Place]
) -> dict[Place, tuple[Amounts, int]]:
    """Read balances, as many at a time as a statement can: what is used, and since when."""
    found = {}
    for some in batched(places, sql.MOST):
        for row in ask(sql.read(len(some)), tuple(chain.from_iterable(some))):
            found[Place(*row[:2])] = Amounts(*row[2:6]), row[6]
    return found


def _rebuild(
    db: Connection, read: Callable[[Collection[str]], Iterable[Balance]], now: int
) -> None:
    going_on = {row[0] for row in db.execute("SELECT call FROM reservations")}
    settled = list(read(going_on))
    db.execute("UPDATE balances SET calls = 0, tokens = 0, output_tokens = 0, nanodollars = 0")
    for each in settled:
        db.execute(sql.ADJUST, (*each.place, each.end, now, *each.settled))


def _balance(row: Row) -> Balance:
    return Balance(Place(row[0], row[1]), row[2], Amounts(*row[3:7]), Amounts(*row[7:]))
