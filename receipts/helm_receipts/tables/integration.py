"""Integration: sequenced receipts become leaves of the tree, and tiles.

One transaction for each batch: its tiles, and how far they go. It can be done again at any time,
with the same result, since indexes are given already.
"""

import hashlib
from pathlib import Path
from typing import Any

import psycopg

from helm_receipts.database.leases import Lease, require
from helm_receipts.envelope.entry import log_entry
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.errors import KeyRefused, LogError
from helm_receipts.journal.reader import Line
from helm_receipts.log.continuity import Continuity
from helm_receipts.log.frontier import Frontier
from helm_receipts.log.frontier_reading import read_frontier

from .registered_keys import read_keys
from .tile_rows import TileRows, put_tiles

_COORDINATION = "SELECT size, root FROM helm_boundary.int_coord WHERE id = 0 FOR UPDATE"
_NEXT = """
SELECT seq.index, seq.writer, seq.number, receipts.line
FROM helm_boundary.seq LEFT JOIN helm_boundary.receipts USING (writer, number)
WHERE seq.index >= %(size)s ORDER BY seq.index LIMIT %(limit)s
"""
_BEFORE = "SELECT writer, digest FROM helm_boundary.int_writers WHERE writer = ANY(%s)"
_ADVANCE = """
INSERT INTO helm_boundary.int_writers (writer, number, digest)
SELECT * FROM unnest(%(writers)s::text[], %(numbers)s::bigint[], %(digests)s::text[])
ON CONFLICT (writer) DO UPDATE SET number = excluded.number, digest = excluded.digest
"""
_MOVE_ON = "UPDATE helm_boundary.int_coord SET size = %s, root = %s WHERE id = 0"

type _Row = tuple[int, str, int, bytes | None]


class TableIntegration:
    """Integrates batch after batch; keeps the tree's right edge and the keys in between."""

    def __init__(self) -> None:
        self._edge: Frontier | None = None
        self._keys: dict[str, PublicKey] = {}

    def integrate(self, connection: psycopg.Connection[Any], lease: Lease, limit: int) -> int:
        """Integrate at most `limit` receipts; returns how many there were.

        Raises:
            LogError: what is there isn't what was signed, or contradicts the tree.
        """
        edge, self._edge = self._edge, None
        with connection.transaction():
            require(connection, lease)
            size, root = connection.execute(_COORDINATION).fetchone() or (0, b"")
            if edge is None or edge.size != size:
                edge = read_frontier(TileRows(connection, size))
            if edge.root() != bytes(root):
                raise LogError(f"expected tiles with the root {bytes(root).hex()}, found others")
            values = {"size": size, "limit": limit}
            rows = connection.execute(_NEXT, values).fetchall()
            if rows:
                self._add(connection, edge, rows)
        self._edge = edge
        return len(rows)

    def _add(self, connection: psycopg.Connection[Any], edge: Frontier, rows: list[_Row]) -> None:
        writers = {writer: number for _, writer, number, _ in rows}
        before = dict(connection.execute(_BEFORE, (list(writers),)).fetchall())
        digests = dict[str, str]()
        continuity = Continuity(lambda keyid: self._key(connection, keyid), before)
        for index, writer, number, raw in rows:
            if raw is None or index != edge.size:
                raise LogError(
                    f"expected receipt {writer}-{number:06d} at index {edge.size}, found none: "
                    "rows were deleted; restore them from a backup"
                )
            line = Line(Path(writer) / str(number), 0, bytes(raw))
            envelope, key = continuity.accept(writer, line)
            edge.add(log_entry(envelope, key))
            digests[writer] = hashlib.sha256(line.raw).hexdigest()
        continuity.finish()
        put_tiles(connection, edge.take_tiles())
        values = {"writers": [*writers], "numbers": [*writers.values()],
                  "digests": [digests[writer] for writer in writers]}  # fmt: skip
        connection.execute(_ADVANCE, values)
        connection.execute(_MOVE_ON, (edge.size, edge.root()))

    def _key(self, connection: psycopg.Connection[Any], keyid: str) -> PublicKey:
        if keyid not in self._keys:
            self._keys = {known.key.keyid: known.key for known in read_keys(connection)}
        if keyid not in self._keys:
            raise KeyRefused(f"expected a receipt by a registered key, found {keyid[:16]}…")
        return self._keys[keyid]
