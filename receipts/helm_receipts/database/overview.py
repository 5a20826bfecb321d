"""An overview of a database: its server, its schema, its writers and how far its log has come."""

from dataclasses import dataclass, field
from typing import Any

import psycopg

from helm_receipts.errors import StateRefused

from .migrations import applied, pending
from .server import look_at, require_durable

_COUNTS = """
SELECT (SELECT count(*) FROM helm_boundary.writers),
       (SELECT count(*) FROM helm_boundary.writers WHERE held_until > now()),
       (SELECT coalesce(sum(number), 0)::bigint FROM helm_boundary.writers),
       (SELECT size FROM helm_boundary.int_coord),
       (SELECT size FROM helm_boundary.pub_coord),
       (SELECT extract(epoch FROM now() - published_at)::bigint FROM helm_boundary.pub_coord)
"""
_LEASES = """
SELECT name, holder, held_until > now() FROM helm_boundary.leases ORDER BY name
"""


@dataclass(slots=True)
class Overview:
    """What was found, by name; `refusal` says why boundaries couldn't use the database."""

    server: str
    figures: dict[str, Any] = field(default_factory=dict)
    refusal: str = ""

    def as_value(self) -> dict[str, Any]:
        """Return it for programs."""
        return {"server": self.server, **self.figures, "refusal": self.refusal}


def look_over(connection: psycopg.Connection[Any]) -> Overview:
    """Look a database over; what is wrong with it is in the answer."""
    server = look_at(connection)
    found = Overview(server.described.partition(" on ")[0])
    found.figures |= {name: value or "none" for name, value in server.settings.items()}
    try:
        require_durable(server)
        waiting = pending(connection)
    except StateRefused as error:
        found.refusal = str(error)
        waiting = []
    found.figures["migrations"] = len(applied(connection))
    found.figures["pending"] = ", ".join(each.name for each in waiting) or "none"
    if waiting and not found.refusal:
        found.refusal = "migrations are pending: run `helm-boundary state migrate`"
    if 2 in applied(connection):
        found.figures |= progress(connection)
    return found


def progress(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """Return how much was recorded, how far the log has come, and who has which lease."""
    row = connection.execute(_COUNTS).fetchone()
    names = ("writers", "writing", "receipts", "integrated", "published", "published_seconds_ago")
    found = dict(zip(names, row or (), strict=False))
    for name, holder, held in connection.execute(_LEASES):
        found[f"lease {name}"] = holder if held else "nobody"
    return found
