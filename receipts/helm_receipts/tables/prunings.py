"""Rows of receipts that were pruned, and the receipts that say so."""

import hashlib
from typing import Any

import psycopg

_LAST = "SELECT line FROM helm_boundary.receipts WHERE writer = %s AND number = %s"
_DELETE = "DELETE FROM helm_boundary.receipts WHERE writer = %s AND number <= %s"
_SAY = "INSERT INTO helm_boundary.prunings (writer, number, line) VALUES (%s, %s, %s)"


class _Others(Exception):
    """Other rows are there than were meant."""


def prune_rows(
    connection: psycopg.Connection[Any],
    writer: str,
    last: int,
    digest: bytes,
    count: int,
    receipt: bytes,
) -> bool:
    """Delete a writer's receipts up to a number and keep the receipt that says so.

    Returns False, with nothing changed, where there aren't so many, or the last one has another
    SHA-256.
    """
    try:
        with connection.transaction():
            row = connection.execute(_LAST, (writer, last)).fetchone()
            if row is None or hashlib.sha256(bytes(row[0])).digest() != digest:
                raise _Others
            connection.execute(_SAY, (writer, last, receipt))
            if connection.execute(_DELETE, (writer, last)).rowcount != count:
                raise _Others
    except _Others:
        return False
    return True


def pruned_until(connection: psycopg.Connection[Any], writer: str) -> int:
    """Return the number of the last receipt of a writer that was pruned; 0 for none."""
    row = connection.execute(
        "SELECT coalesce(max(number), 0) FROM helm_boundary.prunings WHERE writer = %s", (writer,)
    ).fetchone()
    return int(row[0]) if row else 0


def read_prunings(connection: psycopg.Connection[Any]) -> list[bytes]:
    """Read the receipts of all prunings."""
    rows = connection.execute("SELECT line FROM helm_boundary.prunings ORDER BY writer, number")
    return [bytes(line) for (line,) in rows]
