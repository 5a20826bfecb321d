"""The log's tiles as rows, read and written as the tile directory is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from helm_receipts.errors import TileMissing
from helm_receipts.log.tiles import ENTRIES, WIDTH, TileReader, tile_path

_PUT = """
INSERT INTO helm_boundary.tiles (path, data)
SELECT * FROM unnest(%(paths)s::text[], %(data)b::bytea[])
ON CONFLICT (path) DO UPDATE SET data = excluded.data
"""
# "0" comes after "/" in ASCII, and the column is compared so.
_PRUNE = """
DELETE FROM helm_boundary.tiles AS tile USING unnest(%(full)s::text[]) AS complete
WHERE tile.path >= complete || '.p/' AND tile.path < complete || '.p0'
"""


class TileRows(TileReader):
    """Reads the tiles of a log of a database at one size; nothing is verified."""

    def __init__(self, connection: psycopg.Connection[Any], size: int) -> None:
        super().__init__(Path(), size)
        self._connection = connection
        self.read = self._find

    def _find(self, path: str) -> bytes:
        for name in (path, path.partition(".p/")[0]):
            if (data := read_tile(self._connection, name)) is not None:
                return data
        raise TileMissing(f"expected {path}, found no such row")


def read_tile(connection: psycopg.Connection[Any], path: str) -> bytes | None:
    """Read one tile by its path; None where there is none."""
    found = connection.execute("SELECT data FROM helm_boundary.tiles WHERE path = %s", (path,))
    row = found.fetchone()
    return bytes(row[0]) if row else None


def put_tiles(connection: psycopg.Connection[Any], tiles: Mapping[str, bytes]) -> None:
    """Write tiles. One that is written again is the same: its path says what it is of."""
    connection.execute(_PUT, {"paths": list(tiles), "data": list(tiles.values())})


def prune_partials(connection: psycopg.Connection[Any], old_size: int, size: int) -> None:
    """Remove the partial tiles that have become full ones between two sizes."""
    full = []
    for level in (ENTRIES, *range(8)):
        row = 0 if level == ENTRIES else int(level)
        first, last = ((each >> 8 * row) // WIDTH for each in (old_size, size))
        full += [tile_path(level, number) for number in range(first, last)]
    if full:
        connection.execute(_PRUNE, {"full": full})
