"""The sources of policies in a fleet's database, so that every boundary can go back to one."""

from __future__ import annotations

from helm_receipts.database.address import Address

from .connection import SharedConnection

_KEEP = """
INSERT INTO helm_boundary.policies (digest, content) VALUES (%s, %s) ON CONFLICT DO NOTHING
"""
_READ = "SELECT content FROM helm_boundary.policies WHERE digest = %s"
_LIST = "SELECT digest FROM helm_boundary.policies ORDER BY kept_at DESC"


class PolicyRows:
    """The rows of one database; all raise ReceiptError where it doesn't answer."""

    def __init__(self, address: Address) -> None:
        self._shared = SharedConnection(address)

    def keep(self, digest: str, content: bytes) -> None:
        """Keep a policy, unless it is kept."""
        with self._shared.use() as connection:
            connection.execute(_KEEP, (digest, content.decode()))
        self._shared.close()

    def read(self, digest: str) -> bytes | None:
        """Return a policy; None where it isn't kept."""
        with self._shared.use() as connection:
            row = connection.execute(_READ, (digest,)).fetchone()
        self._shared.close()
        return None if row is None else str(row[0]).encode()

    def digests(self) -> list[str]:
        """List the policies that are kept, the latest first."""
        with self._shared.use() as connection:
            found = [str(row[0]) for row in connection.execute(_LIST)]
        self._shared.close()
        return found
