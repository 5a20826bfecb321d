"""Readiness of a database: it keeps what it commits, and has this version's tables."""

from .address import Address
from .connections import connect, unavailable
from .migrations import require_current
from .server import look_at, require_durable


def require_ready(address: Address) -> None:
    """Require a database that a boundary can use; `ReceiptError` says what to do."""
    with unavailable(address), connect(address) as connection:
        require_durable(look_at(connection))
        require_current(connection)
