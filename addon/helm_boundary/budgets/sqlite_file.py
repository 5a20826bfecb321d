"""The file of the embedded store: opened, asked, and changed in transactions.

It isn't synced: what an ended machine loses of it is in the receipts.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .sqlite_statements import SCHEMA
from .store import StoreDamaged, StoreError

type Connection = sqlite3.Connection
type Row = tuple[Any, ...]

_PATIENCE = 2.0
"""Seconds for which a transaction waits for those of other processes."""
_AT_START = 60.0
"""The same while the balances are written again from receipts, as another process may do it."""
_PAUSE = 0.0005


class SqliteFile:
    """One connection of this process to a file that others use too; belongs to one thread."""

    def __init__(self, path: Path) -> None:
        """Open the file, made on first use; `StoreError` where that can't be done."""
        self.path, self._name = path, str(path)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            self._db = _connect(path)
            if self._db.execute("PRAGMA quick_check").fetchone() != ("ok",):
                self._db.close()
                raise sqlite3.DatabaseError("it is damaged")
            self._number = path.stat().st_ino
        except (OSError, sqlite3.Error) as error:
            # What is locked, or can't be opened, is another of SQLite's errors.
            is_damaged = type(error) is sqlite3.DatabaseError
            kind = StoreDamaged if is_damaged else StoreError
            raise kind(f"{path} can't be used: {error}") from error

    def ask(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """Return what a statement finds."""
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def ask_patiently(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """Do the same at a start, or on a change of policy, when it may wait for others."""
        self.ask(f"PRAGMA busy_timeout = {int(_PATIENCE * 1000)}")
        try:
            return self.ask(statement, values)
        finally:
            self._db.execute("PRAGMA busy_timeout = 0")

    async def transact[T](self, work: Callable[[Connection], T]) -> T:
        """Do some work in a transaction of its own, in this process's turn among the others."""
        deadline = time.monotonic() + _PATIENCE
        while not self._began():
            if time.monotonic() > deadline:
                raise StoreError(f"{self.path} is locked by another process for {_PATIENCE} s")
            await asyncio.sleep(_PAUSE * (1 + random.random()))  # noqa: S311 - nothing secret
        return self._finish(work)

    def transact_at_start[T](self, work: Callable[[Connection], T]) -> T:
        """Do the same before anything else is done with the file, however long it takes."""
        self.ask(f"PRAGMA busy_timeout = {int(_AT_START * 1000)}")
        try:
            self.ask("BEGIN IMMEDIATE")
            return self._finish(work)
        finally:
            self._db.execute("PRAGMA busy_timeout = 0")

    def close(self) -> None:
        """Give the file back. Idempotent."""
        self._db.close()

    def _began(self) -> bool:
        """Begin a transaction; False while another process has one."""
        try:
            if os.stat(self._name).st_ino != self._number:  # noqa: PTH116 - a fifth of the cost
                raise StoreError(f"{self.path} was replaced; start the boundary again")
            self._db.execute("BEGIN IMMEDIATE")
        except OSError as error:
            raise StoreError(f"{self.path} is gone; start the boundary again") from error
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                return False
            raise self._failed(error) from error
        return True

    def _finish[T](self, work: Callable[[Connection], T]) -> T:
        """Do the work of a transaction that has begun, and end it."""
        try:
            result = work(self._db)
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise self._failed(error) from error
            raise
        return result

    def _failed(self, error: sqlite3.Error) -> StoreError:
        return StoreError(f"{self.path}: {error}")


def _connect(path: Path) -> Connection:
    db = sqlite3.connect(path, timeout=_AT_START, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = OFF")
    db.executescript(SCHEMA)
    db.execute("PRAGMA busy_timeout = 0")
    return db
