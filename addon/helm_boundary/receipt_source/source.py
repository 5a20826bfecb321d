"""A source of receipts: a part for each writer, which only grows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.envelope.record import Record
from helm_receipts.journal.reader import Line
from helm_receipts.log.inclusion import InclusionProof
from helm_receipts.log.published_keys import PublishedKeys


@dataclass(frozen=True, slots=True)
class Part:
    """The receipts of one writer, and the position where they end so far."""

    writer: str
    end: str
    last: str = ""
    """SHA-256 of the last one in hex, where the source has it at hand."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a receipt is, as an index keeps it: each source has its own meaning for these."""

    writer: str
    segment: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class LogState:
    """How large the log is under its last checkpoint, and how many seconds old that is."""

    size: int
    age: float


class Source(Protocol):
    """Receipts, read in parts. Everything raises ReceiptError or OSError where it can't be read.

    Positions are the source's own: nobody else reads them. An empty one is before the first.
    """

    name: str
    """What an index or a cursor of it is kept under; empty for a source without a name."""

    def parts(self, *, durable: bool = False) -> Iterator[Part]:
        """Yield every part; where asked, up to what is known to be durable."""
        ...

    def read(self, part: Part, position: str) -> Iterator[tuple[str, Line]]:
        """Yield the lines of a part behind a position, each with the position behind it."""
        ...

    def is_before(self, position: str, other: str) -> bool:
        """Tell whether a position in a part is before another one in the same part."""
        ...

    def line(self, place: Place) -> Line:
        """Return the line at a place, whatever is there now."""
        ...

    def prove(self, key: PublicKey, log: LogKey, record: Record) -> InclusionProof:
        """Prove that a receipt signed by `key` is in the log; raises as `prove_under` does."""
        ...

    def published(self) -> PublishedKeys | None:
        """Return the keys that were published with the receipts; None before there were any."""
        ...

    def successors(self, trusted: dict[str, PublicKey]) -> dict[str, PublicKey]:
        """Return the keys that those which are trusted have handed over to, by their ids."""
        ...

    def log_state(self) -> LogState | None:
        """Return how far the log is; None before its first checkpoint."""
        ...

    def shipping(self, destination: str) -> AbstractContextManager[Cursor]:
        """Take the cursor of a destination; raises CursorTaken where another process has it."""
        ...


class CursorTaken(Exception):
    """Another process ships the same receipts to the same destination."""


class Cursor(Protocol):
    """How far a source's parts have been shipped to one destination, kept with the receipts."""

    def read(self) -> dict[str, str]:
        """Return the position of each writer; empty the first time."""
        ...

    def advance(self, positions: dict[str, str]) -> None:
        """Keep positions durably; raises CursorTaken where another process has taken over."""
        ...
