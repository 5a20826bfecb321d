"""Orders as rows of a fleet's database, which every boundary looks at."""

from __future__ import annotations

import time

from helm_receipts.database.address import Address

from .connection import SharedConnection

_READ = "SELECT content FROM helm_boundary.orders WHERE name = %s"
_CLOCK = "SELECT extract(epoch FROM clock_timestamp())::float"
_WRITE = """
INSERT INTO helm_boundary.orders (name, content) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET content = excluded.content
"""
_REMOVE = "DELETE FROM helm_boundary.orders WHERE name = %s"


class OrderRows:
    """The orders of one database."""

    def __init__(self, address: Address) -> None:
        self._shared = SharedConnection(address)

    def read(self, name: str) -> bytes | None:
        """Read the row."""
        with self._shared.use() as connection:
            row = connection.execute(_READ, (name,)).fetchone()
        return None if row is None else str(row[0]).encode()

    def ahead(self) -> float:
        """Ask the server for its time."""
        with self._shared.use() as connection:
            before = time.time()
            row = connection.execute(_CLOCK).fetchone()
            here = (before + time.time()) / 2
        return 0.0 if row is None else float(row[0]) - here

    def write(self, name: str, content: bytes) -> None:
        """Write the row."""
        with self._shared.use() as connection:
            connection.execute(_WRITE, (name, content.decode()))

    def remove(self, name: str) -> None:
        """Remove the row."""
        with self._shared.use() as connection:
            connection.execute(_REMOVE, (name,))
