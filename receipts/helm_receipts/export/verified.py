"""Journals of which every line was verified, to be read again by whoever hands receipts on.

What leaves a folder as evidence, or is signed again, has been verified before: every signature,
every chain, under the keys that the folder is known by. A journal that is there only from some
later segment on is verified from there, and says so.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from helm_receipts.audit.keyring import KeyRing
from helm_receipts.audit.verify import JournalWalk, in_turn, note_prunings, walk_through
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.envelope.record import Record
from helm_receipts.errors import Broken, ReceiptError
from helm_receipts.journal.beginnings import Beginnings
from helm_receipts.journal.calls import Calls
from helm_receipts.journal.reader import Line, find_record
from helm_receipts.journal.records import read_records
from helm_receipts.journal.segments import gather

from .select import Selection, select

_REPORT_EVERY = 1000


@dataclass(slots=True)
class VerifiedJournals:
    """What was verified of a journal folder; reads from it again, and nothing else."""

    journal: Path
    keys: dict[str, PublicKey] = field(default_factory=dict)
    """The keys that were trusted, and those they handed over to, by id."""
    last: dict[str, int] = field(default_factory=dict)
    """The number of each writer's last receipt."""
    late: list[str] = field(default_factory=list)
    """Which journals begin later than with their first receipt, and no receipt says why."""
    pruned: list[str] = field(default_factory=list)
    """What was pruned, as receipts say."""
    digests: set[bytes] = field(default_factory=set)

    def records(self) -> Iterator[Record]:
        """List every writer's receipts, one writer after the other."""
        return filter(self.has, read_records(self.journal))

    def select(self, selection: Selection) -> Iterator[Record]:
        """List the chosen receipts of all writers in the order of their times."""
        return filter(self.has, select(self.journal, selection))

    def find(self, identity: str) -> Record:
        """Find the receipt of this id; `ReceiptError` when there is none."""
        record = find_record(self.journal, identity)
        if not self.has(record):
            raise ReceiptError(f"{identity} came while the journals were verified; ask again")
        return record

    def has(self, record: Record) -> bool:
        """Tell whether a receipt was verified; `Broken` for one that was changed since.

        One that was written since wasn't.
        """
        if hashlib.sha256(record.envelope).digest() in self.digests:
            return True
        sequence = record.predicate["sequence"]
        if sequence["number"] > self.last.get(sequence["writer"], 0):
            return False
        raise Broken("edited", record.id, "it was changed while it was read")


def verify_present(
    journal: Path,
    trusted: Iterable[PublicKey],
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> VerifiedJournals:
    """Verify what is there of every writer's journal; `Broken` names the first bad thing."""
    ring, calls, beginnings = KeyRing(list(trusted)), Calls(), Beginnings()
    found, journals = VerifiedJournals(journal), gather(journal)

    def take(line: Line) -> None:
        found.digests.add(hashlib.sha256(line.raw).digest())
        if len(found.digests) % _REPORT_EVERY == 0:
            progress(len(found.digests), 0)

    for writer in in_turn(journals, ring):
        chain = beginnings.start(writer, journals[writer], calls)
        walk = JournalWalk(chain, ring, beginnings)
        walk_through(walk, journals, take)
        found.last[writer] = walk.chain.number
    note_prunings(journal.parent, ring, beginnings)
    found.late = [
        f"{gone.writer} begins with receipt {gone.last + 1}: those before aren't here"
        for gone in beginnings.unexplained
    ]
    found.pruned = [str(gone) for gone in beginnings.gone.values()]
    found.keys = dict(ring.trusted)
    return found
