"""Where journals begin, and the receipts that say why one begins later than with its first.

Earlier segments may be archived or pruned. A receipt says so, with the number and the hash of the
last receipt that went, so that a beginning that merely vanished is told from one that was pruned.
Earlier lines of a segment can't be missing: its name says which receipt it begins with.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helm_receipts.errors import Broken

from .calls import Calls
from .chain import WriterChain
from .reader import read_record, written_lines
from .segments import segment_name

PRUNINGS = "pruned.jsonl"
"""The file with receipts of prunings that may themselves be pruned: an envelope a line."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The receipts of a writer up to this number, the last of which has this SHA-256."""

    writer: str
    last: int
    digest: str

    def __str__(self) -> str:
        return f"{self.writer}: receipts 1 to {self.last}"


class Beginnings:
    """Starts chains where journals begin; knows what is gone, and what a receipt says is."""

    def __init__(self) -> None:
        self.gone: dict[str, Gone] = {}
        """What isn't there of each journal whose beginning isn't."""
        self._pruned: set[Gone] = set()

    @property
    def receipts(self) -> int:
        """How many receipts aren't there because they come before a beginning."""
        return sum(gone.last for gone in self.gone.values())

    def start(self, writer: str, segments: list[Path], calls: Calls) -> WriterChain:
        """Start a writer's chain with its first receipt, or with the first that is there."""
        for segment in segments[:1] if segments and segments[0].name != segment_name(1) else ():
            line = next(written_lines(segment), None)
            sequence = read_record(line).predicate["sequence"] if line else {}
            if sequence.get("number") == int(segment.stem):
                chain = WriterChain.midway(writer, sequence, calls)
                self.gone[writer] = Gone(writer, chain.number, str(chain.digest))
                return chain
        return WriterChain(writer, calls)

    def note(self, predicate: dict[str, Any]) -> None:
        """Note from a verified receipt what was pruned."""
        event = predicate.get("event") or {}
        if predicate["phase"] == "session" and event.get("kind") == "pruned":
            self._pruned.add(
                Gone(str(event.get("of")), event.get("lastNumber", 0), str(event.get("lastDigest")))
            )

    @property
    def unexplained(self) -> list[Gone]:
        """What is gone, and no receipt says that it was pruned."""
        return [gone for gone in self.gone.values() if gone not in self._pruned]

    def refuse_unexplained(self) -> None:
        """Refuse a beginning that no receipt explains; `Broken` names it."""
        for gone in self.unexplained:
            place = f"{gone.writer}/{segment_name(gone.last + 1)}"
            found = f"it begins with receipt {gone.last + 1}, and no receipt says that those before"
            remedy = "were pruned: name their archive with --archive, if there is one"
            raise Broken("dropped", place, f"{found} {remedy}")


def pruning_lines(state: Path) -> list[bytes]:
    """Read the receipts of prunings that are kept beside the journals, unverified."""
    path = state / PRUNINGS
    return path.read_bytes().splitlines() if path.is_file() else []
