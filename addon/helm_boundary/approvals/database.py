"""Facts in a database that a fleet of boundaries shares.

What calls ask for is answered from memory, which a thread keeps up with the database: no call waits
for a look there. What counts, whether a grant is used for the first time say, the database decides.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg

from helm_receipts.database.address import Address
from helm_receipts.database.connections import Connection, DeadlinePassed, connect, has_ended, said
from helm_receipts.errors import ReceiptError

from .entry import EntryError
from .facts import StoreError

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.25
"""Between two looks at what others have changed."""
_STALE_SECONDS = 5.0
"""What is known counts for so long when the database can't be asked."""
_DEADLINE_SECONDS = 2.0

_MAKE = """
WITH change AS (
    UPDATE helm_boundary.approvals_changes SET version = version + 1 RETURNING version
)
INSERT INTO helm_boundary.approvals (name, content, version)
SELECT %s, %s, version FROM change
ON CONFLICT (name) DO NOTHING RETURNING 1"""
_REMOVE = """
WITH change AS (UPDATE helm_boundary.approvals_changes SET version = version + 1)
DELETE FROM helm_boundary.approvals WHERE name = ANY(%s) RETURNING 1"""
_VERSION = """
SELECT version, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
FROM helm_boundary.approvals_changes"""
_NAMES = "SELECT name FROM helm_boundary.approvals"
_NEW = "SELECT name, content FROM helm_boundary.approvals WHERE version > %s"
_CONTENT = "SELECT content FROM helm_boundary.approvals WHERE name = %s"
_LOCK = "SELECT 1 FROM helm_boundary.approvals_decider FOR UPDATE"


class DatabaseFacts:
    """The facts of a fleet, as this process knows them."""

    def __init__(self, address: Address) -> None:
        """Read what there is, and follow it until `close`."""
        self._address = address
        self._known: dict[str, str] = {}
        self._version = -1
        self._told = -1
        self._ahead = 0
        self._loading = threading.Lock()
        self._reader = _Line(address)
        self._writer = _Line(address)
        self._closed = threading.Event()
        self._load()
        threading.Thread(target=self._follow, name="helm-approvals", daemon=True).start()

    def changed(self) -> bool:
        """Tell whether there may be others than `names` returned last; asks nobody."""
        self._require_fresh()
        return self._told != self._version

    def names(self) -> set[str]:
        """Return the names of all facts, as they were at the last look."""
        self._told = self._version
        return set(self._known)

    def read(self, name: str) -> Any:
        """Return a fact, as JSON reads it; `EntryError` where it isn't one of ours."""
        try:
            return json.loads(self._known[name])
        except (KeyError, ValueError) as error:
            raise EntryError(f"{name} can't be read: {error}") from error

    def has(self, name: str) -> bool:
        """Tell whether there was such a fact at the last look."""
        return name in self._known

    def make(self, name: str, content: bytes) -> bool:
        """Keep a fact, durably; False where there is one of that name.

        Where the answer is lost, the database may have made it all the same, so it is asked.
        """
        text = content.decode("ascii")
        try:
            made = self._writer.ask(_MAKE, (name, text))
        except StoreError:
            if self._writer.ask(_CONTENT, (name,)) != [(text,)]:
                raise
            made = [(1,)]
        self._load()
        return bool(made)

    def remove(self, *names: str) -> None:
        """Take facts back, all at once."""
        self._writer.ask(_REMOVE, (list(names),))
        self._load()

    def now_ns(self) -> int:
        """Return the server's time: this machine's, and how far the server's was ahead of it.

        Else a boundary whose clock is wrong would end what others ask, and go on with old grants.
        """
        return time.time_ns() + self._ahead

    @contextlib.contextmanager
    def deciding(self) -> Iterator[None]:
        """Lock a row, which the server gives back with the connection."""
        self._require_fresh()  # at once: calls wait while a way that leads nowhere is tried
        try:
            with _errors(self._address):
                connection = connect(self._address, _DEADLINE_SECONDS)
        except StoreError:
            self._loaded = -math.inf  # the next one needn't wait for the same
            raise
        try:
            with _errors(self._address):
                _lock(connection)
            self._load()
            yield
        finally:
            connection.close()

    def close(self) -> None:
        """Follow the database no more. Idempotent."""
        self._closed.set()

    def _require_fresh(self) -> None:
        # Without the exact time: the log says the same thing once.
        if time.monotonic() - self._loaded > _STALE_SECONDS:
            raise StoreError(f"approvals in {self._address} can't be reached at the moment")

    def _load(self) -> None:
        """Take over what has changed; one at a time, and a change is never taken back."""
        with self._loading:
            began, before = time.monotonic(), time.time_ns()
            ((version, there),) = self._reader.ask(_VERSION, ())
            self._ahead = there * 1000 - (before + time.time_ns()) // 2
            if version != self._version:
                # What comes in between has a higher version, and so is read at the next look.
                new = dict(self._reader.ask(_NEW, (self._version,)))
                there = {name for (name,) in self._reader.ask(_NAMES, ())}
                known = {**self._known, **new}
                self._known = {name: known[name] for name in there if name in known}
                self._version = version
            self._loaded = began

    def _follow(self) -> None:
        is_away = False
        while not self._closed.wait(_LOOK_SECONDS):
            try:
                self._load()
                is_away = False
            except StoreError as error:
                if not is_away:  # said once, not at every look
                    logger.error("helm-boundary: %s", error)
                is_away = True
        self._reader.close()
        self._writer.close()


class _Line:
    """A connection that is made when it is needed, and again when it broke; one user at a time."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    def ask(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Return the rows that a statement returns; `StoreError` where there is no answer."""
        with self._lock, _errors(self._address):
            if self._connection is None or has_ended(self._connection):
                self._connection = connect(self._address, _DEADLINE_SECONDS)
            try:
                return self._connection.execute(statement, values).fetchall()
            except psycopg.OperationalError:
                self.close()
                raise

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _lock(connection: Connection) -> None:
    connection.execute("BEGIN")
    try:
        connection.execute(_LOCK)
    except DeadlinePassed:
        raise StoreError("another process is deciding on an approval; try again") from None


@contextlib.contextmanager
def _errors(address: Address) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise StoreError(f"approvals in {address} can't be reached: {said(error)}") from error
    except ReceiptError as error:
        raise StoreError(f"approvals can't be reached: {error}") from error
