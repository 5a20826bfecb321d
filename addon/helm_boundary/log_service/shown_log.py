"""A database's log as it is shown to others, as `helm_receipts.recording.shown_log` has it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg

from helm_receipts.audit.site import SiteTiles
from helm_receipts.database.address import Address
from helm_receipts.database.connections import Connection, connect, unavailable
from helm_receipts.log.tiles import TileReader
from helm_receipts.tables.log_files import put_files, read_file
from helm_receipts.tables.publication import read_note
from helm_receipts.tables.tile_rows import read_tile

_KEPT_AT = """
SELECT coalesce(extract(epoch FROM max(written_at)), 0)::float8 FROM helm_boundary.log_files
WHERE right(path, length(%(ending)s)) = %(ending)s
"""


class TableShownLog:
    """Reads and keeps on one connection, for one thread at a time."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: Connection | None = None

    def checkpoint(self) -> bytes:
        """Return the newest checkpoint; empty before the first."""
        with self._connected() as connection:
            return read_note(connection)

    def tiles(self, size: int) -> TileReader:
        """Return a reader of its tiles at a size."""
        return SiteTiles(self._tile, size)

    def read(self, name: str) -> bytes:
        """Return a file beside the checkpoint; empty where there is none."""
        with self._connected() as connection:
            return read_file(connection, name) or b""

    def keep(self, files: Mapping[str, bytes]) -> None:
        """Keep files beside the checkpoint, all at once."""
        with self._connected() as connection:
            put_files(connection, files)

    def kept_at(self, ending: str) -> float:
        """Return when a file with this ending was kept last, by the server's clock."""
        with self._connected() as connection:
            row = connection.execute(_KEPT_AT, {"ending": ending}).fetchone()
        return float(row[0]) if row else 0.0

    def _tile(self, path: str) -> bytes | None:
        with self._connected() as connection:
            return read_tile(connection, path)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with unavailable(self._address):
            if self._connection is None or self._connection.closed:
                self._connection = connect(self._address)
            try:
                yield self._connection
            except psycopg.Error:
                self._connection.close()
                raise
