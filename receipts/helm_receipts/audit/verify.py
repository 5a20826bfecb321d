"""Verification of receipts and journals, with nothing but this package and a trusted key.

Start reading here. `verify_receipt` is what one receipt proves by itself. `verify_journal` is
what a writer's receipts prove together; `fsck` goes on from there to the log. What none of that
can prove is in `NOT_PROVEN`, and is printed with every result.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helm_receipts.envelope import dsse
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.envelope.record import Record, parse_statement
from helm_receipts.errors import Broken, EnvelopeError, ReceiptError
from helm_receipts.journal.accounts import CallAccounts
from helm_receipts.journal.calls import Calls
from helm_receipts.journal.chain import WriterChain
from helm_receipts.journal.durable_mark import read_mark
from helm_receipts.journal.reader import Line, read_lines, read_record
from helm_receipts.journal.segments import list_segments, list_writers, segment_name, written_size

from .checked_line import CheckedLine, check_line
from .keyring import KeyRing

NOT_PROVEN = (
    "that the key's holder recorded everything it decided",
    "anything before the first checkpoint that somebody else has kept",
    "that the disk kept what it said it had written",
    "anything about traffic that went around the proxy, or in a tunnel it could not open",
    "that the policy was right",
)


@dataclass(frozen=True, slots=True)
class JournalReport:
    """What was verified, and what is merely unfinished."""

    writers: int
    receipts: int
    calls: int
    open_calls: int
    running: int
    """Writers whose last session has no stop: they run, or were killed."""
    torn: tuple[str, ...] = ()
    """Where a last line was cut off: never acknowledged, quarantined at the next start."""
    set_back: tuple[str, ...] = ()
    """Where the clock went back: nobody can say when what follows really was."""
    emptied: tuple[str, ...] = ()
    """Journals that say they had receipts, and have none any more."""

    @property
    def is_complete(self) -> bool:
        """Whether there is something, every call has its outcome, and nothing is in doubt."""
        unfinished = self.open_calls or self.running or self.torn
        return bool(self.receipts) and not (unfinished or self.set_back or self.emptied)


def verify_receipt(envelope: bytes, key: PublicKey) -> Record:
    """Verify the receipt in an envelope and return it; `ReceiptError` unless `key` signed it.

    What this proves: the key's holder stated exactly this. Not that it is in a log, that others
    came before it, or that nothing was left out.
    """
    # 1. Decode. Nothing in the envelope is believed yet, its keyid least of all.
    parsed = dsse.parse_envelope(envelope)
    # 2. The type decides how the payload will be read, so an unknown one is refused.
    if parsed.payload_type != dsse.PAYLOAD_TYPE:
        raise EnvelopeError(f"expected {dsse.PAYLOAD_TYPE}, found {parsed.payload_type!r}")
    # 3. The signature, over exactly the bytes that are parsed next.
    payload = parsed.check(key)
    # 4. The statement, in the one form it can have.
    statement = parse_statement(payload)
    try:
        return Record.of(envelope, statement)
    except (KeyError, TypeError, ValueError) as error:
        raise ReceiptError(f"expected a sequence in the receipt, found none: {error}") from error


@dataclass(frozen=True, slots=True)
class Verified:
    """A verified line: the key that signed it, and what it says."""

    key: PublicKey
    predicate: dict[str, Any]


class JournalWalk:
    """Verifies one writer's lines in order, one call of `accept` for each."""

    def __init__(self, chain: WriterChain, ring: KeyRing) -> None:
        self.chain = chain
        self.calls = 0
        self.erased: set[str] = set()
        self._ring = ring
        self._accounts = CallAccounts()

    def accept(self, line: Line, checked: CheckedLine | None = None) -> Verified:
        """Verify the next line; `Broken` names what is wrong with it.

        `checked` is what `check_line` gave for this line, if somebody called it already.
        """
        # 1. By itself it is a receipt, signed by the key it names.
        checked = checked or check_line(line, self._ring.trusted)
        # 2. That is the key whose turn it is.
        key = self._ring.key_for(line, self.chain.writer, checked.keyid)
        # 3. It follows from the receipts before it, and is in the right file.
        self.chain.accept(line, checked.digest, checked.predicate)
        if line.offset == 0 and line.segment.name != segment_name(self.chain.number):
            found = f"it starts with receipt {self.chain.number}"
            raise Broken("misnamed", line, found)
        # 4. What it says of budgets follows too.
        self._accounts.accept(line, checked.predicate)
        # 5. If it hands over to another key, the next line is that key's.
        self._ring.follow(line, self.chain.writer, key, checked.predicate)
        self._count(checked.predicate)
        return Verified(key, checked.predicate)

    def _count(self, predicate: dict[str, Any]) -> None:
        self.calls += predicate["phase"] == "outcome"
        event = predicate.get("event") or {}
        if predicate["phase"] == "key" and event.get("kind") == "erased":
            self.erased.add(str(event.get("keyId")))


def verify_journal(journal: Path, trusted: Iterable[PublicKey]) -> JournalReport:
    """Verify every writer's journal in a folder; `Broken` names the first thing that is wrong.

    A folder without a receipt gives a report of none: that is for the caller to say.
    """
    ring, calls = KeyRing(list(trusted)), Calls()
    walks, torn = [], list[str]()
    for writer in in_turn(journal, ring):
        walk = JournalWalk(WriterChain(writer.name, calls), ring)
        torn += walk_through(walk, writer)
        walks.append(walk)
    return JournalReport(
        writers=len(walks),
        receipts=sum(walk.chain.number for walk in walks),
        calls=sum(walk.calls for walk in walks),
        open_calls=sum(len(walk.chain.open_calls) for walk in walks),
        running=sum(not walk.chain.stopped for walk in walks),
        torn=tuple(torn),
        set_back=tuple(place for walk in walks for place in walk.chain.set_back),
        emptied=tuple(w.chain.writer for w in walks if _was_emptied(journal, w.chain)),
    )


def in_turn(journal: Path, ring: KeyRing) -> Iterator[Path]:
    """List the writers' folders, each when its first key is known; all of them in the end.

    A writer that came after a rotation starts with a key that another's journal brings in.
    """
    writers = list_writers(journal)
    while writers:
        writer = next((w for w in writers if _starts_with(w, ring)), writers[0])
        writers.remove(writer)
        yield writer


def walk_through(
    walk: JournalWalk, writer: Path, take: Callable[[Line], None] = lambda _line: None
) -> list[str]:
    """Verify one journal and give each line to `take`; returns where its last line is torn."""
    segments = list_segments(writer)
    for segment in segments:
        try:
            for line in read_lines(segment):
                walk.accept(line)
                take(line)
        except Broken as error:
            if error.kind == "torn" and segment == segments[-1]:
                return [error.place]
            raise name_precisely(error, writer, walk.chain.number + 1) from error
    return []


def _was_emptied(journal: Path, chain: WriterChain) -> bool:
    mark = read_mark(journal / chain.writer)
    return not chain.number and mark is not None and mark.size > 0


def name_precisely(error: Broken, writer: Path, expected: int) -> Broken:
    """Rename "dropped" to "reordered" where the missing number comes later in the journal."""
    if error.kind != "dropped":
        return error
    for segment in list_segments(writer):
        for line in read_lines(segment, end=written_size(segment)):
            with suppress(Broken):
                sequence = read_record(line).predicate["sequence"]
                if sequence == sequence | {"writer": writer.name, "number": expected}:
                    return Broken("reordered", error.place, f"receipt {expected} comes later")
    return error


def _starts_with(writer: Path, ring: KeyRing) -> bool:
    for segment in list_segments(writer):
        for line in read_lines(segment, end=written_size(segment)):
            try:
                return dsse.parse_line(line.raw).keyid in ring.trusted
            except EnvelopeError:
                return False
    return False
