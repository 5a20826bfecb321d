"""Ends of receipt keys: which one follows, and by which receipt of whom it is said.

A row is there before anything is signed by the new key. Whoever takes a place looks for one after
that, and whoever makes one looks for places that are taken after that: so one of the two sees the
other, and no decision is signed by a key that was retired.
"""

from typing import Any

import psycopg

from helm_receipts.errors import KeyRefused

_MARK = """
INSERT INTO helm_boundary.key_ends (keyid, successor, writer) VALUES (%s, %s, %s)
ON CONFLICT (keyid) DO UPDATE SET number = NULL
WHERE key_ends.successor = excluded.successor AND key_ends.writer = excluded.writer
"""
_ENDS = """
SELECT key_ends.keyid, successor, seq.index
FROM helm_boundary.key_ends JOIN helm_boundary.writers USING (writer)
LEFT JOIN helm_boundary.seq ON seq.writer = key_ends.writer AND seq.number = key_ends.number
WHERE writers.number >= key_ends.number
"""


def mark_end(connection: psycopg.Connection[Any], keyid: str, successor: str, writer: str) -> None:
    """Say that a key is about to end; `KeyRefused` where it ends otherwise already."""
    if not connection.execute(_MARK, (keyid, successor, writer)).rowcount:
        raise KeyRefused(
            f"expected a receipt key that hands over here, found that {keyid[:16]}… hands over to "
            "another key, or in another place: finish that, and give its new key to whoever had it"
        )


def set_end(connection: psycopg.Connection[Any], keyid: str, number: int) -> None:
    """Say which receipt will be a key's last; it counts once that is there."""
    connection.execute(
        "UPDATE helm_boundary.key_ends SET number = %s WHERE keyid = %s", (number, keyid)
    )


def writer_of_end(connection: psycopg.Connection[Any], keyid: str) -> str | None:
    """Return the writer in whose chain a key ends or is about to; None for a key in use."""
    row = connection.execute(
        "SELECT writer FROM helm_boundary.key_ends WHERE keyid = %s", (keyid,)
    ).fetchone()
    return str(row[0]) if row else None


def refuse_ended(connection: psycopg.Connection[Any], keyid: str) -> None:
    """Refuse to go on with a key that ends; to be called once a place was taken with it."""
    if writer_of_end(connection, keyid) is not None:
        raise KeyRefused(
            f"expected a receipt key in use, found that {keyid[:16]}… hands over to another one: "
            "put the new keys/receipt.pem into this folder, or finish the rotation"
        )


def read_ends(connection: psycopg.Connection[Any]) -> list[tuple[str, str, int | None]]:
    """List keys that have ended, their successors, and the log's last index of each, if known."""
    return [(keyid, after, last) for keyid, after, last in connection.execute(_ENDS)]
