"""How far a database's receipts are shipped to one destination: one process of the fleet at a time.

The cursor is a row, and a lease says who ships. A process that was thought dead has lost its lease,
so that it can't move the cursor back.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Self

from helm_receipts.database.connections import Connection
from helm_receipts.database.errors import LeaseLost
from helm_receipts.database.leases import Lease, give_back, renew_lease, require, take_lease
from helm_receipts.errors import ReceiptError

from .source import CursorTaken

_LEASE_SECONDS = 30.0
_READ = "SELECT positions FROM helm_boundary.cursors WHERE destination = %s"
_ADVANCE = """
INSERT INTO helm_boundary.cursors (destination, positions) VALUES (%s, %s)
ON CONFLICT (destination) DO UPDATE SET positions = excluded.positions
"""

type Connected = Callable[[], AbstractContextManager[Connection]]


class DatabaseCursor:
    """The row of one destination, for the process that has its lease."""

    def __init__(self, connected: Connected, destination: str, lease: Lease) -> None:
        self._connected = connected
        self._destination = destination
        self._lease = lease

    @classmethod
    @contextmanager
    def taken(cls, connected: Connected, destination: str) -> Iterator[Self]:
        """Take a destination's lease and keep it until the block ends; raises CursorTaken."""
        with connected() as connection:
            lease = take_lease(connection, f"decision-logs {destination}", _LEASE_SECONDS)
        if lease is None:
            raise CursorTaken
        ended = threading.Event()
        cursor = cls(connected, destination, lease)
        threading.Thread(target=cursor._keep, args=(ended,), daemon=True).start()
        try:
            yield cursor
        finally:
            ended.set()
            with suppress(ReceiptError), connected() as connection:
                give_back(connection, lease)

    def read(self) -> dict[str, str]:
        """Read the row."""
        with self._connected() as connection:
            row = connection.execute(_READ, (self._destination,)).fetchone()
        return dict(json.loads(row[0])) if row else {}

    def advance(self, positions: dict[str, str]) -> None:
        """Write the row, under the lease; CursorTaken where another process has it by now."""
        try:
            with self._connected() as connection, connection.transaction():
                require(connection, self._lease)
                connection.execute(_ADVANCE, (self._destination, json.dumps(positions)))
        except LeaseLost as error:
            raise CursorTaken from error

    def _keep(self, ended: threading.Event) -> None:
        while not ended.wait(_LEASE_SECONDS / 3):
            with suppress(ReceiptError), self._connected() as connection:
                renew_lease(connection, self._lease, _LEASE_SECONDS)
