"""Opening the balances of a fleet: they are in the database that has its receipts too."""

from __future__ import annotations

from collections.abc import Iterator

from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect, unavailable
from helm_receipts.envelope.record import Record
from helm_receipts.tables.recent import read_recent

from .books import Recent
from .database_store import DatabaseStore

_DEADLINE_SECONDS = 60.0


def open_store(address: Address) -> tuple[DatabaseStore, Recent]:
    """Open the balances, and what reads the receipts that they follow.

    What was committed stays, so they aren't written again from receipts at a start.

    Raises:
        StoreError: the database can't be reached.
    """
    store = DatabaseStore(address)
    try:
        store.tidy()
    except BaseException:
        store.close()
        raise

    def recent(since: float) -> Iterator[Record]:
        with unavailable(address), connect(address, _DEADLINE_SECONDS) as connection:
            yield from read_recent(connection, since)

    return store, recent
