"""The embedded store: an SQLite file in the state folder, shared by all processes on it.

Each reservation is one transaction, which another process sees whole or not at all. The file isn't
synced: what an ended machine loses of it is in the receipts, and `books` writes it again.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .amounts import NOTHING, Amounts
from .claim_text import read_claims, write_claims
from .decisions import find_short, next_time
from .owner import Owner, is_gone
from .sqlite_statements import ADJUST, ALL, READ, RESERVE, SCHEMA, SETTLE, TAKE
from .store import (
    FILE_FACT,
    KEPT_NS,
    Balance,
    Claim,
    Orphan,
    Place,
    Reserved,
    Short,
    StoreDamaged,
    StoreError,
)

_PATIENCE = 2.0
"""Seconds for which a transaction waits for those of other processes."""
_AT_START = 60.0
"""The same while the balances are written again from receipts, as another process may do it."""
_PAUSE = 0.0005


class SqliteStore:
    """Balances in one file, by one connection of this process; belongs to one thread."""

    def __init__(self, path: Path) -> None:
        """Open the file, made on first use; `StoreError` where that can't be done."""
        self.path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            self._db = _connect(path)
            if self._db.execute("PRAGMA quick_check").fetchone() != ("ok",):
                self._db.close()
                raise sqlite3.DatabaseError("it is damaged")
            self._owner = Owner(path.parent)
            self._file = path.stat().st_ino
        except (OSError, sqlite3.Error) as error:
            # What is locked, or can't be opened, is another of SQLite's errors.
            is_damaged = type(error) is sqlite3.DatabaseError
            kind = StoreDamaged if is_damaged else StoreError
            raise kind(f"{path} can't be used: {error}") from error
        self._closed = False

    def now_ns(self) -> int:
        """Return this machine's time."""
        return time.time_ns()

    async def used(self, places: Sequence[Place]) -> list[Amounts]:
        """Return what is used of each balance, reservations included."""
        try:
            rows = [self._db.execute(READ, place).fetchone() for place in places]
        except sqlite3.Error as error:
            raise self._failed(error) from error
        return [Amounts(*row[:4]) if row else NOTHING for row in rows]

    async def reserve(self, call: str, claims: Sequence[Claim]) -> tuple[Reserved, ...] | Short:
        """Reserve for a call in all of its scopes, or in none."""
        return await self._transact(lambda: self._reserve(call, claims))

    def _reserve(self, call: str, claims: Sequence[Claim]) -> tuple[Reserved, ...] | Short:
        execute, now = self._db.execute, self.now_ns()
        met, paces = [], []
        for claim in claims:
            if claim.rate is not None:
                row = execute(
                    "SELECT arrival FROM paces WHERE scope = ?", (claim.scope,)
                ).fetchone()
                soonest, arrival = next_time(claim, row[0] if row else 0, now)
                if soonest > now and claim.enforced:
                    return Short(claim, "rate", soonest)
                paces.append((claim.scope, arrival))
                continue
            row = execute(READ, (claim.scope, claim.span.start)).fetchone()
            before = Amounts(*row[:4]) if row else NOTHING
            if claim.enforced:
                if (kind := find_short(claim, before)) is not None:
                    return Short(claim, kind, claim.span.end)
                if claim.lasts is not None and row and now - row[4] > claim.lasts:
                    return Short(claim, "minutes", None)
            met.append(Reserved(claim, before))
        for scope, arrival in paces:
            execute("INSERT OR REPLACE INTO paces VALUES (?, ?)", (scope, arrival))
        for one in met:
            claim = one.claim
            execute(RESERVE, (claim.scope, *claim.span, now, *claim.amounts))
        execute(
            "INSERT INTO reservations VALUES (?, ?, ?, ?)",
            (call, self._owner.name, now, write_claims(one.claim for one in met)),
        )
        return tuple(met)

    async def settle(self, call: str, charged: Mapping[Place, Amounts]) -> bool:
        """Replace a call's reservation by what it cost; False where it is settled already."""
        return await self._transact(lambda: self._settle(call, charged))

    def _settle(self, call: str, charged: Mapping[Place, Amounts]) -> bool:
        execute = self._db.execute
        row = execute(TAKE, (call,)).fetchone()
        if row is None:
            return False
        for place, reserved in read_claims(row[0]).items():
            execute(SETTLE, (*charged.get(place, NOTHING), *reserved, *place))
        return True

    async def orphans(self) -> list[Orphan]:
        """Return the reservations of processes that are gone."""
        try:
            rows = self._db.execute("SELECT call, owner, made, claims FROM reservations").fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from error
        folder, own = self.path.parent, self._owner.name
        gone = {owner: is_gone(folder, owner) for owner in {row[1] for row in rows} - {own}}
        return [
            Orphan(call, made, read_claims(c)) for call, owner, made, c in rows if gone.get(owner)
        ]

    async def balances(self) -> list[Balance]:
        """Return every balance there is, by scope and window."""
        return self.balances_now()

    def balances_now(self) -> list[Balance]:
        """Return the same, also before anything else is done with the file."""
        try:
            return [_balance(row) for row in self._db.execute(ALL)]
        except sqlite3.Error as error:
            raise self._failed(error) from error

    async def adjust(self, place: Place, end: int | None, amounts: Amounts) -> Balance:
        """Add to what is settled of a balance; returns it as it is now."""

        def work() -> Balance:
            self._db.execute(ADJUST, (*place, end, self.now_ns(), *amounts))
            return next(b for b in map(_balance, self._db.execute(ALL)) if b.place == place)

        return await self._transact(work)

    async def rebuild(self, read: Callable[[Collection[str]], Iterable[Balance]]) -> None:
        """Replace what is settled, whole; reservations of calls that go on stay as they are."""
        await self._transact(lambda: self._rebuild(read))

    def rebuild_from(self, read: Callable[[Collection[str]], Iterable[Balance]]) -> None:
        """Do the same before anything else is done with the file."""
        self._db.execute(f"PRAGMA busy_timeout = {int(_AT_START * 1000)}")
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._rebuild(read)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._failed(error) from error
        finally:
            self._db.execute("PRAGMA busy_timeout = 0")

    def _rebuild(self, read: Callable[[Collection[str]], Iterable[Balance]]) -> None:
        execute, now = self._db.execute, self.now_ns()
        going_on = {row[0] for row in execute("SELECT call FROM reservations")}
        settled = list(read(going_on))
        execute("UPDATE balances SET calls = 0, tokens = 0, output_tokens = 0, nanodollars = 0")
        for each in settled:
            execute(ADJUST, (*each.place, each.end, now, *each.settled))

    async def open_calls(self) -> frozenset[str]:
        """Return the ids of the calls that have something reserved."""
        try:
            return frozenset(row[0] for row in self._db.execute("SELECT call FROM reservations"))
        except sqlite3.Error as error:
            raise self._failed(error) from error

    async def fact(self, name: str) -> str | None:
        """Return what was noted beside the balances under that name."""
        return self.fact_now(name)

    async def note(self, name: str, value: str) -> None:
        """Note something beside the balances."""
        self.note_now(name, value)

    def fact_now(self, name: str) -> str | None:
        """Return the same before anything else is done with the file."""
        row = self._patiently("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def note_now(self, name: str, value: str) -> None:
        """Note the same before anything else is done with the file."""
        self._patiently("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def tidy(self) -> None:
        """Forget windows that have long been over, and paces that bind nobody any more."""
        now = self.now_ns()
        self._patiently('DELETE FROM balances WHERE "end" < ?', (now - KEPT_NS,))
        self._patiently("DELETE FROM paces WHERE arrival < ?", (now,))
        self._patiently(
            "DELETE FROM facts WHERE name LIKE ? AND json_extract(value, '$.at') < ?",
            (f"{FILE_FACT}%", now - KEPT_NS),
        )

    def close(self) -> None:
        """Give the file back. Idempotent."""
        if not self._closed:
            self._closed = True
            self._db.close()
            self._owner.close()

    def _patiently(self, statement: str, values: tuple[object, ...]) -> sqlite3.Cursor:
        """Run one statement at a start, or on a change of policy, when it may wait for others."""
        try:
            self._db.execute(f"PRAGMA busy_timeout = {int(_PATIENCE * 1000)}")
            found = self._db.execute(statement, values)
            self._db.execute("PRAGMA busy_timeout = 0")
        except sqlite3.Error as error:
            raise self._failed(error) from error
        return found

    async def _transact[T](self, work: Callable[[], T]) -> T:
        """Do some work in a transaction of its own, in this process's turn among the others."""
        deadline = time.monotonic() + _PATIENCE
        while not self._began():
            if time.monotonic() > deadline:
                raise StoreError(f"{self.path} is locked by another process for {_PATIENCE} s")
            await asyncio.sleep(_PAUSE * (1 + random.random()))  # noqa: S311 - nothing secret
        try:
            result = work()
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise self._failed(error) from error
            raise
        return result

    def _began(self) -> bool:
        """Begin a transaction; False while another process has one."""
        try:
            if self.path.stat().st_ino != self._file:
                raise StoreError(f"{self.path} was replaced; start the boundary again")
            self._db.execute("BEGIN IMMEDIATE")
        except OSError as error:
            raise StoreError(f"{self.path} is gone; start the boundary again") from error
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                return False
            raise self._failed(error) from error
        except sqlite3.Error as error:
            raise self._failed(error) from error
        return True

    def _failed(self, error: sqlite3.Error) -> StoreError:
        return StoreError(f"{self.path}: {error}")


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=_AT_START, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = OFF")
    db.executescript(SCHEMA)
    db.execute("PRAGMA busy_timeout = 0")
    return db


def _balance(row: Sequence[Any]) -> Balance:
    return Balance(Place(row[0], row[1]), row[2], Amounts(*row[3:7]), Amounts(*row[7:]))
