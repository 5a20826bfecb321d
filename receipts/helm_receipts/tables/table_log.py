"""The log of a database, kept up by whichever process holds its lease."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from helm_receipts.database.address import Address
from helm_receipts.database.connections import Connection, connect, said
from helm_receipts.database.errors import LeaseLost, StateUnavailable
from helm_receipts.database.leases import Lease, give_back, renew_lease, take_lease
from helm_receipts.database.migrations import require_current
from helm_receipts.database.server import look_at, require_durable
from helm_receipts.envelope.checkpoint import Checkpoint
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.signing_keys import SigningKey

from .integration import TableIntegration
from .publication import hand_over, publish, register_log
from .sequencing import sequence

LEASE = "log"
LEASE_SECONDS = 10.0
BATCH = 256
CHECKPOINT_SECONDS = 1.0


class TableLog:
    """Sequences, integrates and publishes, while this process holds the lease."""

    def __init__(self, address: Address, origin: str, key: SigningKey) -> None:
        self._address = address
        self._origin = origin
        self._key = key
        self._connection: Connection | None = None
        self._lease: Lease | None = None
        self._integration = TableIntegration()
        self._published_at = 0.0
        self._renewed_at = 0.0

    @property
    def is_ours(self) -> bool:
        """Whether this process is the one that keeps the log up."""
        return self._lease is not None

    def step(self) -> bool:
        """Do what is due; returns whether there is more to do at once.

        Raises:
            LogError: the log can't be extended without contradicting what was signed.
            ReceiptError: the database is away, or refuses.
        """
        with self._closing():
            try:
                return self._step()
            except LeaseLost:
                self._lease = None
                return False

    def hand_over(self, new: SigningKey) -> Checkpoint:
        """Bring the log up with all receipts, and have another key sign from there on.

        Raises as `step` does, and `LeaseLost`.
        """
        with self._closing():
            while self._step():
                pass
            connection, lease = self._connected(), self._lease
            if lease is None:
                raise LeaseLost("expected to hold the log's lease, found that somebody else does")
            publish(connection, lease, self._origin, self._key)
            return hand_over(connection, lease, self._origin, self._key, new)

    def close(self) -> None:
        """Let another process keep the log up. Idempotent."""
        connection, self._connection = self._connection, None
        lease, self._lease = self._lease, None
        self._integration = TableIntegration()
        if connection is None:
            return
        try:
            if lease is not None and not connection.closed:
                give_back(connection, lease)
        except psycopg.Error:
            pass  # it is over by itself soon
        finally:
            connection.close()

    @contextmanager
    def _closing(self) -> Iterator[None]:
        """Let another process keep the log up where something goes wrong in the block."""
        try:
            yield
        except psycopg.Error as error:
            self.close()
            raise StateUnavailable(f"{self._address}: {said(error)}") from error
        except BaseException:
            self.close()
            raise

    def _step(self) -> bool:
        connection = self._connected()
        if not self._hold(connection):
            return False
        assert self._lease is not None  # noqa: S101 - `_hold` has said so
        sequenced = sequence(connection, self._lease, BATCH)
        integrated = self._integration.integrate(connection, self._lease, BATCH)
        goes_on = BATCH in (sequenced, integrated)
        if time.monotonic() - self._published_at >= CHECKPOINT_SECONDS:
            publish(connection, self._lease, self._origin, self._key)
            self._published_at = time.monotonic()
        return goes_on

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection, self._lease = connect(self._address), None
            require_durable(look_at(self._connection))
            require_current(self._connection)
            register_log(self._connection, LogKey(self._origin, self._key.public))
        return self._connection

    def _hold(self, connection: psycopg.Connection[Any]) -> bool:
        """Take the lease or keep it; returns whether it is ours."""
        if self._lease is None:
            self._lease = take_lease(connection, LEASE, LEASE_SECONDS)
            self._renewed_at = time.monotonic()
        elif time.monotonic() - self._renewed_at > LEASE_SECONDS / 4:
            renew_lease(connection, self._lease, LEASE_SECONDS)
            self._renewed_at = time.monotonic()
        return self._lease is not None
