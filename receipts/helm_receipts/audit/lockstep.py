"""All journals of a folder, read in lockstep with its log.

The log holds the writers' receipts in some order, each writer's in its own. So the receipt of the
log's next entry is the next of one of the journals, and no index of any kind is needed, or
believed, to find out which. Where the beginnings of journals were pruned, as many entries are
nobody's, and no more.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

from helm_receipts.envelope.dsse import parse_line
from helm_receipts.envelope.entry import log_entry
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.errors import Broken, EnvelopeError
from helm_receipts.journal.beginnings import Beginnings, pruning_lines
from helm_receipts.journal.calls import Calls
from helm_receipts.journal.reader import Line, read_lines, written_lines
from helm_receipts.journal.segments import gather
from helm_receipts.layout import Layout
from helm_receipts.log.log_claims import check_claim
from helm_receipts.log.published_keys import PublishedKeys
from helm_receipts.log.tiles import WIDTH, TileReader

from .checked_line import Check, CheckedLine
from .keyring import KeyRing
from .verify import JournalWalk, Verified, name_precisely, note_prunings


class Lockstep:
    """All writers' journals, each read up to where the log has come."""

    def __init__(
        self,
        layout: Layout,
        trusted: Sequence[PublicKey],
        published: PublishedKeys | None,
        check: Check,
        archives: Sequence[Path] = (),
    ) -> None:
        self.ring = KeyRing(list(trusted))
        self.beginnings = Beginnings()
        self._state = layout.state
        self._journals = gather(layout.journal, *archives)
        calls = Calls()
        self._walks = {
            name: JournalWalk(
                self.beginnings.start(name, segments, calls), self.ring, self.beginnings
            )
            for name, segments in self._journals.items()
        }
        self._unseen = self.beginnings.receipts
        self.torn: list[str] = []
        """Where a last line was cut off."""
        keys = {known.key.keyid: known.key for known in (published.receipt if published else ())}
        keys |= self.ring.trusted
        self._prunings = set(_entries(pruning_lines(layout.state), keys))
        self._logged = set[bytes]()
        """The entries of prunings that the log has, and no journal any more."""
        self._lines = {
            name: check(self._read(segments), keys) for name, segments in self._journals.items()
        }
        self._heads = {name: next(lines, None) for name, lines in self._lines.items()}
        self._last = next(iter(self._journals), "")

    def match(self, index: int, entry: bytes, reader: TileReader) -> Verified | None:
        """Verify the receipt whose entry this is, and go on to its writer's next one.

        None for an entry that can be a pruned receipt's.
        """
        for name in self._candidates():
            head = self._heads[name]
            if head is not None and _gives(*head, entry, self.ring):
                self._last = name
                return self._accept(name, *head)
        if not self._unseen:
            raise self._mismatch(index, entry, reader)
        self._unseen -= 1
        self._logged |= {entry} & self._prunings
        return None

    def finish(self, reader: TileReader) -> int:
        """Verify what comes after the log; returns how many receipts that is."""
        rest = 0
        for name in self._walks:
            while (head := self._heads[name]) is not None:
                verified = self._accept(name, *head)
                self.ring.refuse_retired(head[0], verified.key, verified.predicate)
                check_claim(verified.predicate, reader)
                rest += 1
        # Whoever has a receipt key alone can't say that receipts were pruned: the log must have it.
        logged = self._logged
        note_prunings(self._state, self.ring, self.beginnings, lambda line: line.entry in logged)
        self.beginnings.refuse_unexplained()
        if self._unseen:
            gone, found = self.beginnings.receipts, self.beginnings.receipts - self._unseen
            what = f"{gone} receipts were pruned, but the log has only {found} of them"
            raise Broken("replaced", "the log", what)
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
            raise name_precisely(error, self._journals, walk.chain) from error
        return verified

    def _mismatch(self, index: int, entry: bytes, reader: TileReader) -> Broken:
        """Find out why no journal's next receipt has this entry. Slow: this is where fsck ends."""
        heads = [(name, *head) for name, head in self._heads.items() if head is not None]
        # A line that is wrong by itself says most.
        for name, line, checked in heads:
            try:
                self._accept(name, line, checked)
            except Broken as error:
                return error
        place = f"index {index} of the log"
        # A receipt that the log has nowhere stands where the log has another one.
        later = set(reader.all_entries(index // WIDTH))
        for _, line, checked in heads:
            if not any(_gives(line, checked, entry, self.ring) for entry in later):
                return Broken("replaced", place, f"the log has another receipt than {line}")
        if (found := self._find(entry)) is not None:
            return Broken("reordered-log", place, f"the log has {found} here, out of its order")
        return Broken("truncated", place, "the log has a receipt that no journal has any more")

    def _find(self, entry: bytes) -> Line | None:
        """Find the line of an entry, wherever in the journals it is."""
        lines = written_lines(*chain.from_iterable(self._journals.values()))
        return next((line for line in lines if _gives(line, None, entry, self.ring)), None)

    def _read(self, segments: list[Path]) -> Iterator[Line]:
        for segment in segments:
            try:
                yield from read_lines(segment)
            except Broken as error:
                if error.kind != "torn" or segment != segments[-1]:
                    raise
                self.torn.append(error.place)


def _entries(lines: list[bytes], keys: Mapping[str, PublicKey]) -> Iterator[bytes]:
    for line in lines:
        with suppress(EnvelopeError, KeyError):
            yield log_entry(envelope := parse_line(line), keys[envelope.keyid])


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
