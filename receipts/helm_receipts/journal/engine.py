"""What a writer needs of a journal, wherever its lines are kept."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Reopened:
    """What a journal was found to have after a failed append.

    `quarantined` bytes were put aside. `has_last` says that the lines which the failed append was
    about are durable after all: they are part of the chain, though nothing was done on them.
    """

    quarantined: int = 0
    has_last: bool = False


class WriterJournal(Protocol):
    """One writer's journal, which nobody else writes to: a folder, or rows of a table."""

    @property
    def writer(self) -> str:
        """The writer's id."""
        ...

    @property
    def is_closed(self) -> bool:
        """Whether a failure closed the journal; `come_back` is the way back."""
        ...

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        ...

    @property
    def is_remote(self) -> bool:
        """Whether an append waits for another machine, and must have a thread of its own."""
        ...

    def append(self, lines: bytes, first_number: int, open_from: int = 1) -> None:
        """Make whole lines durable; `RecorderError` closes the journal.

        `lines` ends with a newline; `first_number` is the number of its first line. No call is open
        whose request came before the receipt `open_from`.
        """
        ...

    def come_back(self, number: int, digest: str | None) -> Reopened:
        """Open again after a failure, behind the receipt of that number and digest.

        Raises OSError or `ReceiptError` where that can't be done yet, or not at all.
        """
        ...

    def close(self) -> None:
        """Give the journal back. Idempotent."""
        ...
