"""Who runs what: a row for each boundary of a database, which it writes while it runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from helm_receipts.database.address import Address
from helm_receipts.database.leases import holder

from .connection import SharedConnection

SEEN_SECONDS = 30
"""How long after its last sign of life a boundary counts as running."""
_FORGOTTEN_SECONDS = 24 * 3600

_TELL = """
INSERT INTO helm_boundary.boundaries (name, writer, policy, mode, version, health, seen_at)
VALUES (%(name)s, %(writer)s, %(policy)s, %(mode)s, %(version)s, %(health)s, now())
ON CONFLICT (name) DO UPDATE SET writer = excluded.writer, policy = excluded.policy,
    mode = excluded.mode, version = excluded.version, health = excluded.health,
    seen_at = excluded.seen_at
"""
_LEAVE = """
DELETE FROM helm_boundary.boundaries
WHERE name = %(name)s OR seen_at < now() - make_interval(secs => %(forgotten)s)
"""
_READ = """
SELECT name, health, extract(epoch FROM now() - seen_at)::float FROM helm_boundary.boundaries
WHERE seen_at > now() - make_interval(secs => %s) ORDER BY name
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A boundary's name, host and process, what it said of itself, and how many seconds ago."""

    name: str
    health: dict[str, Any]
    age: float


class BoundaryRows:
    """The rows of one database."""

    def __init__(self, address: Address) -> None:
        self._shared = SharedConnection(address)

    def tell(self, health: dict[str, Any], writer: str) -> None:
        """Write this process's row; raises ReceiptError."""
        values = {
            "name": holder(),
            "writer": writer,
            "policy": health["policy_digest"],
            "mode": health["mode"],
            "version": health["version"],
            "health": json.dumps(health),
        }
        with self._shared.use() as connection:
            connection.execute(_TELL, values)

    def leave(self) -> None:
        """Remove this process's row, and those of boundaries that nobody has seen for a day."""
        with self._shared.use() as connection:
            connection.execute(_LEAVE, {"name": holder(), "forgotten": _FORGOTTEN_SECONDS})
        self._shared.close()

    def known(self) -> list[Seen]:
        """Return every boundary of a day that hasn't stopped in good order; raises ReceiptError."""
        with self._shared.use() as connection:
            rows = connection.execute(_READ, (_FORGOTTEN_SECONDS,)).fetchall()
        self._shared.close()
        return [Seen(str(name), json.loads(health), float(age)) for name, health, age in rows]

    def running(self) -> list[Seen]:
        """Return the boundaries that gave a sign of life lately; raises ReceiptError."""
        return [each for each in self.known() if each.age < SEEN_SECONDS]
