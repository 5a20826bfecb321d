"""All journals of a folder, read in lockstep with its log.

The log holds the writers' receipts in some order, each writer's in its own. So the receipt of the
log's next entry is the next of one of the journals, and no index of any kind is needed, or
believed, to find out which.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from helm_receipts.envelope.dsse import parse_line
from helm_receipts.envelope.entry import log_entry
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.errors import Broken, EnvelopeError
from helm_receipts.journal.calls import Calls
from helm_receipts.journal.chain import WriterChain
from helm_receipts.journal.reader import Line, read_lines
from helm_receipts.journal.segments import list_segments, list_writers
from helm_receipts.layout import Layout
from helm_receipts.log.log_claims import check_claim
from helm_receipts.log.published_keys import PublishedKeys
from helm_receipts.log.tiles import WIDTH, TileReader

from .checked_line import Check, CheckedLine
from .keyring import KeyRing
from .verify import JournalWalk, Verified, name_precisely


class Journals:
    """All writers' journals, each read up to where the log has come."""

    def __init__(
        self,
        layout: Layout,
        trusted: Sequence[PublicKey],
        published: PublishedKeys | None,
        check: Check,
    ) -> None:
        self.ring = KeyRing(list(trusted))
        self._folders = {writer.name: writer for writer in list_writers(layout.journal)}
        calls = Calls()
        self._walks = {
            name: JournalWalk(WriterChain(name, calls), self.ring) for name in self._folders
        }
        self.torn: list[str] = []
        """Where a last line was cut off."""
        keys = {known.key.keyid: known.key for known in (published.receipt if published else ())}
        keys |= self.ring.trusted
        self._lines = {
            name: check(self._read(folder), keys) for name, folder in self._folders.items()
        }
        self._heads = {name: next(lines, None) for name, lines in self._lines.items()}
        self._last = next(iter(self._folders), "")

    def match(self, index: int, entry: bytes, reader: TileReader) -> Verified:
        """Verify the receipt whose entry this is, and go on to its writer's next one."""
        for name in self._candidates():
            head = self._heads[name]
            if head is not None and _gives(*head, entry, self.ring):
                self._last = name
                return self._accept(name, *head)
        raise self._mismatch(index, reader)

    def finish(self, reader: TileReader) -> int:
        """Verify what comes after the log; returns how many receipts that is."""
        rest = 0
        for name in self._walks:
            while (head := self._heads[name]) is not None:
                verified = self._accept(name, *head)
                self.ring.refuse_retired(head[0], verified.key, verified.predicate)
                check_claim(verified.predicate, reader)
                rest += 1
        return rest

    @property
    def walks(self) -> list[JournalWalk]:
        """What each writer's receipts came to."""
        return list(self._walks.values())

    def _candidates(self) -> Iterator[str]:
        """List writers, the one of the entry before first: the log rarely goes over to another."""
        if self._last:
            yield self._last
        yield from (name for name in self._heads if name != self._last)

    def _accept(self, name: str, line: Line, checked: CheckedLine | None) -> Verified:
        walk = self._walks[name]
        if checked is not None and checked.keyid in self.ring.retired:
            # Whatever else is wrong with what a retired key signed, that is why.
            self.ring.refuse_retired(line, self.ring.trusted[checked.keyid], checked.predicate)
        try:
            verified = walk.accept(line, checked)
            self._heads[name] = next(self._lines[name], None)
        except Broken as error:
            raise name_precisely(error, self._folders[name], walk.chain.number + 1) from error
        return verified

    def _mismatch(self, index: int, reader: TileReader) -> Broken:
        """Find out why no journal's next receipt has this entry. Slow: this is where fsck ends."""
        heads = [(name, *head) for name, head in self._heads.items() if head is not None]
        # A line that is wrong by itself says most.
        for name, line, checked in heads:
            try:
                self._accept(name, line, checked)
            except Broken as error:
                return error
        # A receipt that the log has nowhere stands where the log has another one.
        place = f"index {index} of the log"
        later = set(reader.all_entries(index // WIDTH))
        for _, line, checked in heads:
            if not any(_gives(line, checked, entry, self.ring) for entry in later):
                return Broken("replaced", place, f"the log has another receipt than {line}")
        return Broken("truncated", place, "the log has a receipt that no journal has any more")

    def _read(self, folder: Path) -> Iterator[Line]:
        segments = list_segments(folder)
        for segment in segments:
            try:
                yield from read_lines(segment)
            except Broken as error:
                if error.kind != "torn" or segment != segments[-1]:
                    raise
                self.torn.append(error.place)


def _gives(line: Line, checked: CheckedLine | None, entry: bytes, ring: KeyRing) -> bool:
    """Tell whether this line's log entry is `entry`. The line is verified afterwards."""
    if checked is not None:
        return checked.entry == entry
    # Refused by itself, or signed by a key that a rotation has brought in since.
    try:
        envelope = parse_line(line.raw)
    except EnvelopeError:
        return False
    key = ring.trusted.get(envelope.keyid)
    return key is not None and log_entry(envelope, key) == entry
