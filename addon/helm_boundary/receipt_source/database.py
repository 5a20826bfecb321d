"""A fleet's database as a source: a position is the number of a writer's receipt."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from helm_receipts.database.address import Address
from helm_receipts.database.connections import Connection, open_pool, unavailable
from helm_receipts.database.migrations import require_current
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.envelope.record import Record
from helm_receipts.errors import ReceiptError
from helm_receipts.journal.reader import Line
from helm_receipts.log.inclusion import InclusionProof
from helm_receipts.log.published_keys import PublishedKeys
from helm_receipts.tables.proofs import prove_row
from helm_receipts.tables.pull import published_keys
from helm_receipts.tables.registered_keys import read_keys

from .database_cursor import DatabaseCursor
from .source import LogState, Part, Place

_MOST_CONNECTIONS = 4
_DEADLINE_SECONDS = 20.0
_PAGE = 1000
_NAME = "SELECT name FROM helm_boundary.identity"
_HEADS = """
SELECT writer, number, digest FROM helm_boundary.writers WHERE number > 0 ORDER BY writer
"""
_LINES = """
SELECT number, line FROM helm_boundary.receipts
WHERE writer = %s AND number > %s AND number <= %s ORDER BY number LIMIT %s
"""
_LINE = "SELECT line FROM helm_boundary.receipts WHERE writer = %s AND number = %s"
_LOG = """
SELECT size, extract(epoch FROM now() - published_at)::float FROM helm_boundary.pub_coord
WHERE id = 0 AND length(note) > 0
"""


class Row(Line):
    """A line that is a row; `offset` is its number."""

    __slots__ = ()

    def __str__(self) -> str:
        """Say which row it is, for messages."""
        return f"receipt {self.segment.name}-{self.offset:06d} in the table"


class DatabaseSource:
    """The receipts of every boundary on a database. Used by any number of threads."""

    def __init__(self, address: Address) -> None:
        """Look which database it is; ReceiptError where it can't be used."""
        self._address = address
        self._pool = open_pool(address, _MOST_CONNECTIONS, _DEADLINE_SECONDS)
        with self._connection() as connection:
            require_current(connection)
            (self.name,) = connection.execute(_NAME).fetchone() or ("",)

    def parts(self, *, durable: bool = False) -> Iterator[Part]:
        """Yield every writer. What others see of a table is durable."""
        for writer, number, digest in self._rows(_HEADS):
            yield Part(str(writer), str(number), str(digest))

    def read(self, part: Part, position: str) -> Iterator[tuple[str, Line]]:
        """Yield a writer's rows; those that somebody deleted are missing here too."""
        after = int(position or 0)
        while page := self._rows(_LINES, part.writer, after, int(part.end), _PAGE):
            for number, line in page:
                yield str(number), Row(Path(part.writer), number, bytes(line))
            after = page[-1][0]

    def is_before(self, position: str, other: str) -> bool:
        """Compare numbers."""
        return int(position or 0) < int(other or 0)

    def line(self, place: Place) -> Line:
        """Read a row."""
        rows = self._rows(_LINE, place.writer, place.offset)
        if not rows:
            raise ReceiptError(
                f"expected receipt {place.writer}-{place.offset:06d} in {self._address}, found no "
                "such row: it was deleted"
            )
        return Row(Path(place.writer), place.offset, bytes(rows[0][0]))

    def prove(self, key: PublicKey, log: LogKey, record: Record) -> InclusionProof:
        """Prove from the tiles in the database."""
        with self._connection() as connection:
            return prove_row(connection, key, log, record)

    def published(self) -> PublishedKeys | None:
        """Read the registered keys; None while there is no log."""
        with self._connection() as connection, contextlib.suppress(ReceiptError):
            return published_keys(connection)
        return None

    def successors(self, trusted: dict[str, PublicKey]) -> dict[str, PublicKey]:
        """Return every key that is registered by now, if those that are trusted are among them.

        They are trusted because they were found here, so that no handover makes a difference.
        """
        with self._connection() as connection:
            known = {each.key.keyid: each.key for each in read_keys(connection)}
        return known if trusted.keys() <= known.keys() else trusted

    def log_state(self) -> LogState | None:
        """Look at the checkpoint's row."""
        rows = self._rows(_LOG)
        return LogState(int(rows[0][0]), float(rows[0][1])) if rows else None

    @contextlib.contextmanager
    def shipping(self, destination: str) -> Iterator[DatabaseCursor]:
        """Take the lease of a destination's cursor."""
        name = hashlib.sha256(destination.encode()).hexdigest()[:16]
        with DatabaseCursor.taken(self._connection, name) as cursor:
            yield cursor

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._connection() as connection:
            return connection.execute(statement.encode(), values).fetchall()

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Connection]:
        with unavailable(self._address), self._pool.connection() as connection:
            yield connection
