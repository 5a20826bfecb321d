"""Writers' places: each process writes under a name of its own, which it has to itself.

A place's row in `writers` is the head of its chain. Whoever takes the place raises its `epoch`,
and every later statement names that: a process that was thought dead can't write any more.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from helm_receipts.database.leases import holder
from helm_receipts.errors import StateRefused

LEASE_SECONDS = 60.0
"""How long a place stays its holder's after a sign of life; one every ten seconds."""

_MAKE = """
INSERT INTO helm_boundary.writers (writer, keyid, number, digest, epoch, holder, held_until)
VALUES (%(writer)s, %(keyid)s, 0, NULL, 1, %(holder)s, now() + make_interval(secs => %(lease)s))
"""
_TAKE = """
UPDATE helm_boundary.writers SET epoch = epoch + 1, holder = %(holder)s,
    held_until = now() + make_interval(secs => %(lease)s)
WHERE writer = %(writer)s AND keyid = %(keyid)s AND (%(own)s OR held_until < now())
    AND set_config('synchronous_commit', 'on', true) = 'on'
RETURNING number, digest, epoch
"""
# A place that was given back has the beginning of time there, and nothing left open.
_DEAD = """
SELECT writer FROM helm_boundary.writers
WHERE keyid = %(keyid)s AND held_until < now() AND held_until > to_timestamp(0) AND number > 0
ORDER BY writer
"""
_ALIVE = """
SELECT holder FROM helm_boundary.writers
WHERE keyid = %s AND held_until > now() AND writer <> %s ORDER BY writer
"""
_UNSEQUENCED = """
SELECT coalesce(sum(writers.number - coalesce(seq_writers.number, 0)), 0)::bigint
FROM helm_boundary.writers LEFT JOIN helm_boundary.seq_writers USING (writer)
WHERE keyid = %s AND writer <> %s
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A writer's place as it was taken: the last receipt there, and who has it now."""

    writer: str
    number: int
    digest: str | None
    epoch: int
    holder: str
    """What this holder is called, and nobody else."""


def make_place(connection: psycopg.Connection[Any], writer: str, keyid: str) -> Place:
    """Make a place for a writer that has written nothing yet."""
    values = _values(writer, keyid)
    connection.execute(_MAKE, values)
    return Place(writer, 0, None, 1, values["holder"])


def take_place(
    connection: psycopg.Connection[Any], writer: str, keyid: str, *, own: bool
) -> Place | None:
    """Take a place; None where there is none of this name and key, or where somebody holds it.

    `own` says that whoever held it is known to be gone, so that nobody waits for its lease.
    """
    values = _values(writer, keyid) | {"own": own}
    found = connection.execute(_TAKE, values).fetchone()
    if found is None:
        return None
    number, digest, epoch = found
    return Place(writer, number, digest, epoch, values["holder"])


def dead_writers(connection: psycopg.Connection[Any], keyid: str) -> Iterator[str]:
    """List writers with this key whose process gave no sign of life and didn't stop."""
    return (row[0] for row in connection.execute(_DEAD, {"keyid": keyid}).fetchall())


def others_alive(connection: psycopg.Connection[Any], keyid: str, but: str) -> list[str]:
    """List who holds a place with this key, in any writer's name but one."""
    return [str(row[0]) for row in connection.execute(_ALIVE, (keyid, but))]


def unsequenced(connection: psycopg.Connection[Any], keyid: str, but: str = "") -> int:
    """Count the receipts of places with this key that have no index in the log yet."""
    row = connection.execute(_UNSEQUENCED, (keyid, but)).fetchone()
    return int(row[0]) if row else 0


def pass_on(connection: psycopg.Connection[Any], writer: str, keyid: str) -> None:
    """Have a place go on with another key."""
    connection.execute(
        "UPDATE helm_boundary.writers SET keyid = %s WHERE writer = %s", (keyid, writer)
    )


def read_tail(connection: psycopg.Connection[Any], place: Place) -> tuple[int, list[bytes]]:
    """Read a writer's receipts from the first that may still matter: its number, and the lines.

    `StateRefused` where the table doesn't have what the writer's row speaks of.
    """
    rows = connection.execute(
        "SELECT number, line FROM helm_boundary.receipts WHERE writer = %(writer)s AND number >= "
        "(SELECT least(open_from, number) FROM helm_boundary.writers WHERE writer = %(writer)s) "
        "ORDER BY number",
        {"writer": place.writer},
    ).fetchall()
    if not rows and not place.number:
        return 1, []
    if not rows or rows[-1][0] != place.number:
        raise StateRefused(
            f"expected the receipts of writer {place.writer} up to number {place.number}, found "
            "that the table lacks some: rows were deleted; restore them from a backup"
        )
    return rows[0][0], [bytes(row[1]) for row in rows]


def _values(writer: str, keyid: str) -> dict[str, Any]:
    return {
        "writer": writer,
        "keyid": keyid,
        "holder": f"{holder()}:{secrets.token_hex(4)}",
        "lease": LEASE_SECONDS,
    }
