"""Orders: what people have said to every boundary of a state, one of each name at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from helm_receipts.database.address import Address
from helm_receipts.storage import durable


class Orders(Protocol):
    """Where orders are kept. All of it raises OSError or ReceiptError where it can't be done."""

    def read(self, name: str) -> bytes | None:
        """Return an order, None where there is none."""
        ...

    def ahead(self) -> float:
        """Return by how many seconds the clock that orders end by is ahead of this machine's."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Put an order in place of the one before, durably."""
        ...

    def remove(self, name: str) -> None:
        """Take an order back, durably."""
        ...


class FolderOrders:
    """Orders as files of a state folder, `observe.json` and `rollback.json`."""

    def __init__(self, state: Path) -> None:
        self._state = state

    def read(self, name: str) -> bytes | None:
        """Read the file."""
        try:
            return self._file(name).read_bytes()
        except FileNotFoundError:
            return None

    def ahead(self) -> float:
        """Return nothing: the folder is this machine's."""
        return 0.0

    def write(self, name: str, content: bytes) -> None:
        """Write the file."""
        durable.replace_file(self._file(name), content, 0o600)

    def remove(self, name: str) -> None:
        """Remove the file."""
        self._file(name).unlink(missing_ok=True)
        durable.sync_folder(self._state)

    def _file(self, name: str) -> Path:
        return self._state / f"{name}.json"


def orders_of(state: Path, database: Address | None) -> Orders:
    """Return the orders of a database, or of a state folder."""
    if database is None:
        return FolderOrders(state)
    from .order_rows import OrderRows  # nothing of it is imported otherwise

    return OrderRows(database)
