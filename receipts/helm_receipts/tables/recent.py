"""The newest receipts of a table, for whoever looks for what became of a call."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from helm_receipts.envelope.record import Record
from helm_receipts.journal.reader import Line, read_record

_PAGE = 200
_WRITERS = "SELECT writer, number FROM helm_boundary.writers ORDER BY writer"
_BEFORE = """
SELECT number, line FROM helm_boundary.receipts
WHERE writer = %s AND number <= %s ORDER BY number DESC LIMIT %s
"""


def read_recent(connection: psycopg.Connection[Any], since: float) -> Iterator[Record]:
    """Read the receipts of each writer from a time on (seconds since 1970), in their order.

    Raises:
        Broken: a row isn't a receipt.
    """
    for writer, number in connection.execute(_WRITERS).fetchall():
        yield from reversed(list(_backwards(connection, writer, number, since)))


def _backwards(
    connection: psycopg.Connection[Any], writer: str, number: int, since: float
) -> Iterator[Record]:
    while number > 0:
        page = connection.execute(_BEFORE, (writer, number, _PAGE)).fetchall()
        for at, line in page:
            record = read_record(Line(Path(writer), at, bytes(line)))
            if _time_of(record) < since:
                return
            yield record
        number = page[-1][0] - 1 if page else 0


def _time_of(record: Record) -> float:
    return datetime.fromisoformat(record.predicate["decidedAt"]).timestamp()
