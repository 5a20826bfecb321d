"""A writer's journal in a table: lines that are durable when `append` returns.

One statement moves the head of the chain on and inserts the lines, in a transaction of its own. A
statement whose answer is lost is sent again as it is: only one of the two can find the head where
it must be, and the other one then finds its own lines there.

What became of lines isn't known once an append has been given up. `come_back` raises the place's
epoch first, so that a statement which is still on its way changes nothing any more, and then looks.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

import psycopg

from helm_receipts.database.address import Address
from helm_receipts.database.connections import Connection, connect, replicated, said
from helm_receipts.database.errors import StateUnavailable
from helm_receipts.errors import Broken, RecorderError
from helm_receipts.journal.engine import Reopened

from .places import LEASE_SECONDS, Place

_SIGN_OF_LIFE_SECONDS = 10.0
_RETRY_SECONDS = 0.05

_APPEND = """
WITH head AS (
    UPDATE helm_boundary.writers
    SET number = %(last)s, digest = %(digest)s, open_from = %(open_from)s,
        held_until = now() + make_interval(secs => %(lease)s)
    WHERE writer = %(writer)s AND epoch = %(epoch)s
        AND number = %(before)s AND digest IS NOT DISTINCT FROM %(previous)s
        AND set_config('synchronous_commit', 'on', true) = 'on'
    RETURNING writer
)
INSERT INTO helm_boundary.receipts (writer, number, line)
SELECT head.writer, %(before)s + given.place, given.line
FROM head, unnest(%(lines)b::bytea[]) WITH ORDINALITY AS given (line, place)
"""
# Its commit also shows that whatever was committed before it is durable.
_LIVE = """
UPDATE helm_boundary.writers SET held_until = now() + make_interval(secs => %(lease)s)
WHERE writer = %(writer)s AND epoch = %(epoch)s
    AND set_config('synchronous_commit', 'on', true) = 'on'
RETURNING number, digest
"""
_COME_BACK = """
UPDATE helm_boundary.writers SET epoch = epoch + 1,
    held_until = now() + make_interval(secs => %(lease)s)
WHERE writer = %(writer)s AND holder = %(holder)s
    AND set_config('synchronous_commit', 'on', true) = 'on'
RETURNING number, digest, epoch
"""
_GIVE_BACK = """
UPDATE helm_boundary.writers SET held_until = to_timestamp(0)
WHERE writer = %(writer)s AND epoch = %(epoch)s
"""


@dataclass(frozen=True, slots=True)
class _Lines:
    """Lines that are to be appended, and the head of the chain once they are."""

    lines: list[bytes]
    last: int
    digest: str
    open_from: int


class TableJournal:
    """One writer's rows, for the process that took its place. Appends in the caller's thread."""

    is_remote = True

    def __init__(
        self,
        address: Address,
        place: Place,
        deadline_seconds: float,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        """Go on with a place. `release` is called when it is given back."""
        self._address = address
        self._taken = place
        self._epoch = place.epoch
        self._head = place.number, place.digest
        self._deadline = deadline_seconds
        self._release = release
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        self._unsure: _Lines | None = None
        """Lines of which it isn't known whether they were committed."""
        self._closed = False
        self._quiet_since = time.monotonic()
        self._ended = threading.Event()
        threading.Thread(target=self._keep_alive, name="writer", daemon=True).start()

    @property
    def writer(self) -> str:
        """The writer's id."""
        return self._taken.writer

    @property
    def is_closed(self) -> bool:
        """Whether a failed append closed the journal."""
        return self._closed

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return str(self._address)

    def append(self, lines: bytes, first_number: int, open_from: int = 1) -> None:
        """Insert whole lines and commit; `RecorderError` closes the journal."""
        each = lines.removesuffix(b"\n").split(b"\n")
        last = first_number + len(each) - 1
        wanted = _Lines(each, last, hashlib.sha256(each[-1]).hexdigest(), open_from)
        with self._lock:
            if self._closed:
                raise RecorderError(f"no receipt can be written into {self.place} at the moment")
            try:
                self._until_deadline(lambda: self._commit(wanted))
            except (psycopg.Error, StateUnavailable, Broken) as error:
                self._unsure = wanted
                self._give_up(error)
            self._head = wanted.last, wanted.digest

    def come_back(self, number: int, digest: str | None) -> Reopened:
        """Take the place anew, look where its chain stands and go on from there."""
        with self._lock:
            found = self._once(self._taken_anew)
            if found is None:
                raise self._fork("another process has taken its place; restart this one")
            head = found[0], found[1]
            has_last = self._unsure is not None and head == (self._unsure.last, self._unsure.digest)
            if head != (number, digest) and not has_last:
                raise self._fork(f"its last receipt in the table is {head[0]}, not {number}: rows "
                                 "are lost or were changed; look what became of them")  # fmt: skip
            self._epoch, self._head, self._unsure = found[2], head, None
            self._closed = False
            return Reopened(0, has_last)

    def close(self) -> None:
        """Give the place back. Idempotent."""
        if self._ended.is_set():
            return
        self._ended.set()
        with self._lock, suppress(psycopg.Error, StateUnavailable):
            if not self._closed:
                self._execute(_GIVE_BACK)
        self._drop()
        self._release()

    def _commit(self, wanted: _Lines) -> None:
        values = {
            "before": self._head[0],
            "previous": self._head[1],
            "last": wanted.last,
            "digest": wanted.digest,
            "open_from": wanted.open_from,
            "lines": wanted.lines,
        }
        if self._execute(_APPEND, **values).rowcount == len(wanted.lines):
            return
        # The head isn't where it was: by this very statement, whose answer was lost, or not.
        found = self._execute(_LIVE).fetchone()
        if found is None or found != (wanted.last, wanted.digest):
            raise self._fork("another process writes in its place, or its row was changed")

    def _taken_anew(self) -> tuple[int, str | None, int] | None:
        found: Any = self._execute(_COME_BACK).fetchone()
        if found is not None:
            return (found[0], found[1], found[2])
        return None

    def _execute(self, sql: str, **values: Any) -> psycopg.Cursor[Any]:
        """Run one statement, which is its own transaction."""
        if self._connection is None:
            self._connection = connect(self._address, self._deadline)
        values |= {"writer": self.writer, "holder": self._taken.holder, "epoch": self._epoch}
        values["lease"] = LEASE_SECONDS
        with replicated(self._connection):
            done = self._connection.execute(sql.encode(), values)
        self._quiet_since = time.monotonic()
        return done

    def _once[T](self, do: Callable[[], T]) -> T:
        """Do something on a connection that is dropped where it fails."""
        try:
            return do()
        except psycopg.Error as error:
            self._drop()
            raise StateUnavailable(f"{self.place}: {said(error)}") from error

    def _until_deadline(self, do: Callable[[], None]) -> None:
        """Do something again and again, on new connections, until it is done or it is too late."""
        end = time.monotonic() + self._deadline
        while True:
            try:
                self._once(do)
                return
            except StateUnavailable:
                if time.monotonic() + _RETRY_SECONDS >= end:
                    raise
                time.sleep(_RETRY_SECONDS)

    def _give_up(self, error: Exception) -> NoReturn:
        self._closed = True
        raise RecorderError(
            f"expected to write a receipt within {self._deadline:g} s, found {error}; nothing is "
            "allowed until one can be written: look at the database and the way to it"
        ) from error

    def _fork(self, why: str) -> Broken:
        return Broken("forked", f"writer {self.writer}", why)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _keep_alive(self) -> None:
        """Give signs of life while nothing is recorded."""
        while not self._ended.wait(_SIGN_OF_LIFE_SECONDS / 2):
            if time.monotonic() - self._quiet_since < _SIGN_OF_LIFE_SECONDS:
                continue
            with self._lock, suppress(StateUnavailable):
                if not self._closed and not self._ended.is_set():
                    self._once(lambda: self._execute(_LIVE))
