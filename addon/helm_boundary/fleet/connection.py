"""A connection to the database for a look now and then, from any thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from helm_receipts.database.address import Address
from helm_receipts.database.connections import Connection, connect, has_ended, unavailable

_DEADLINE_SECONDS = 2.0


class SharedConnection:
    """One connection, made when it is needed; one thread at a time has it."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    @contextmanager
    def use(self) -> Iterator[Connection]:
        """Yield the connection; `StateUnavailable` where the database doesn't answer."""
        with self._lock, unavailable(self._address):
            if self._connection is None or has_ended(self._connection):
                self._connection = connect(self._address, _DEADLINE_SECONDS)
            try:
                yield self._connection
            except psycopg.Error:
                self._drop()
                raise

    def close(self) -> None:
        """Close it; the next use makes another."""
        with self._lock:
            self._drop()

    def __del__(self) -> None:
        """Close it with whoever used it."""
        self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
