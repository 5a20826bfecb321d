"""The public halves of the keys that boundaries sign with, as they were registered."""

from typing import Any

import psycopg

from helm_receipts.envelope.public_keys import PublicKey, public_key
from helm_receipts.log.published_keys import KeyRange

_REGISTER = """
INSERT INTO helm_boundary.receipt_keys (keyid, public, first_index)
SELECT %(keyid)s, %(public)s, size FROM helm_boundary.int_coord WHERE id = 0
ON CONFLICT (keyid) DO NOTHING
"""
_READ = """
SELECT public, first_index FROM helm_boundary.receipt_keys ORDER BY registered_at, keyid
"""


def register_key(connection: psycopg.Connection[Any], key: PublicKey) -> bool:
    """Register a key from the log's present size on; returns whether it wasn't there before."""
    values = {"keyid": key.keyid, "public": key.raw}
    return connection.execute(_REGISTER, values).rowcount > 0


def read_keys(connection: psycopg.Connection[Any]) -> tuple[KeyRange[PublicKey], ...]:
    """Return every registered key and the log index that it is valid from, oldest first."""
    rows = connection.execute(_READ)
    return tuple(KeyRange(public_key(bytes(raw)), first) for raw, first in rows)
