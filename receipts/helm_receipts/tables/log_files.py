"""What lies beside the log's checkpoint, by its name there: handovers, cosignatures, timestamps."""

from collections.abc import Mapping
from typing import Any

import psycopg

_PUT = """
INSERT INTO helm_boundary.log_files (path, data)
SELECT * FROM unnest(%(paths)s::text[], %(data)b::bytea[])
ON CONFLICT (path) DO UPDATE SET data = excluded.data, written_at = now()
"""


def put_files(connection: psycopg.Connection[Any], files: Mapping[str, bytes]) -> None:
    """Write files, all at once."""
    connection.execute(_PUT, {"paths": list(files), "data": list(files.values())})


def read_file(connection: psycopg.Connection[Any], path: str) -> bytes | None:
    """Read a file; None where there is none."""
    found = connection.execute("SELECT data FROM helm_boundary.log_files WHERE path = %s", (path,))
    row = found.fetchone()
    return bytes(row[0]) if row else None


def read_files(connection: psycopg.Connection[Any]) -> dict[str, bytes]:
    """Read all of them."""
    rows = connection.execute("SELECT path, data FROM helm_boundary.log_files ORDER BY path")
    return {path: bytes(data) for path, data in rows}
