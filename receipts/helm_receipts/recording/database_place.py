"""A database as the place of receipts, named without importing anything of it."""

from dataclasses import dataclass

from helm_receipts.database.address import Address

COMMIT_SECONDS = 2.0
"""How long a receipt may take to become durable where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Database:
    """A database, and for how many seconds a call waits for it before the call is denied."""

    address: Address
    deadline_seconds: float = COMMIT_SECONDS


class Unlogged:
    """Stands where an integrator does: the log of a database is another process's business."""

    failure: str | None = None

    def note(self, receipts: int) -> None:
        """Take no notice."""

    def close(self) -> None:
        """End nothing."""
