"""Verification of receipts and journals, with nothing but this package and a trusted key.

Start reading here. `checked_line` is what one receipt proves by itself. `verify_journal` is what a
writer's receipts prove together; `fsck` goes on from there to the log. What none of that can prove
is in `NOT_PROVEN`, and is printed with every result.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helm_receipts.envelope import dsse
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.errors import Broken, EnvelopeError
from helm_receipts.journal.accounts import CallAccounts
from helm_receipts.journal.beginnings import PRUNINGS, Beginnings, pruning_lines
from helm_receipts.journal.calls import Calls
from helm_receipts.journal.chain import WriterChain
from helm_receipts.journal.durable_mark import read_mark
from helm_receipts.journal.reader import Line, read_lines, read_record, written_lines
from helm_receipts.journal.segments import gather, segment_name

from .checked_line import CheckedLine, check_line
from .keyring import KeyRing

type Journals = dict[str, list[Path]]
"""Each writer's segments in order."""

NOT_PROVEN = (
    "that the key's holder recorded everything it decided",
    "anything before the first checkpoint that somebody else has kept",
    "that the disk kept what it said it had written",
    "anything about traffic that went around the proxy, or in a tunnel it could not open",
    "that the policy was right",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What walks over journals came to, and where the clock leaves something in doubt."""

    writers: int
    receipts: int
    calls: int
    open_calls: int
    set_back: tuple[str, ...] = ()
    """Where the clock went back: nobody can say when what follows really was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalReport(Totals):
    """What was verified, and what is merely unfinished."""

    running: int
    """Writers whose last session has no stop: they run, or were killed."""
    torn: tuple[str, ...] = ()
    """Where a last line was cut off: never acknowledged, quarantined at the next start."""
    emptied: tuple[str, ...] = ()
    """Journals that say they had receipts, and have none any more."""
    pruned: tuple[str, ...] = ()
    """What was pruned, as receipts say that are here: nothing of it was checked."""

    @property
    def is_complete(self) -> bool:
        """Whether there is something, every call has its outcome, and nothing is in doubt."""
        unfinished = self.open_calls or self.running or self.torn
        return bool(self.receipts) and not (unfinished or self.set_back or self.emptied)


@dataclass(frozen=True, slots=True)
class Verified:
    """A verified line: the key that signed it, and what it says."""

    key: PublicKey
    predicate: dict[str, Any]


class JournalWalk:
    """Verifies one writer's lines in order, one call of `accept` for each."""

    def __init__(self, chain: WriterChain, ring: KeyRing, beginnings: Beginnings) -> None:
        self.chain = chain
        self.calls = self.receipts = 0
        self.erased: set[str] = set()
        self._ring = ring
        self._beginnings = beginnings
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
        self.receipts += 1
        self.calls += predicate["phase"] == "outcome"
        self._beginnings.note(predicate)
        event = predicate.get("event") or {}
        if predicate["phase"] == "key" and event.get("kind") == "erased":
            self.erased.add(str(event.get("keyId")))


def totals(walks: list[JournalWalk]) -> dict[str, Any]:
    """Add up what walks came to: the values of `Totals`."""
    return {
        "writers": len(walks),
        "receipts": sum(walk.receipts for walk in walks),
        "calls": sum(walk.calls for walk in walks),
        "open_calls": sum(len(walk.chain.open_calls) for walk in walks),
        "set_back": tuple(place for walk in walks for place in walk.chain.set_back),
    }


def verify_journal(
    journal: Path, trusted: Iterable[PublicKey], archives: Iterable[Path] = ()
) -> JournalReport:
    """Verify every writer's journal in a folder; `Broken` names the first thing that is wrong.

    `archives` are journal folders with segments that were moved there. A folder without a receipt
    gives a report of none: that is for the caller to say.
    """
    journals = gather(journal, *archives)
    ring, calls, beginnings = KeyRing(list(trusted)), Calls(), Beginnings()
    walks, torn = [], list[str]()
    for writer in in_turn(journals, ring):
        chain = beginnings.start(writer, journals[writer], calls)
        walk = JournalWalk(chain, ring, beginnings)
        torn += walk_through(walk, journals)
        walks.append(walk)
    note_prunings(journal.parent, ring, beginnings)
    beginnings.refuse_unexplained()
    return JournalReport(
        **totals(walks),
        running=sum(not walk.chain.stopped for walk in walks),
        torn=tuple(torn),
        emptied=tuple(w.chain.writer for w in walks if _was_emptied(journal, w.chain)),
        pruned=tuple(map(str, beginnings.gone.values())),
    )


def note_prunings(
    state: Path,
    ring: KeyRing,
    beginnings: Beginnings,
    counts: Callable[[CheckedLine], bool] = lambda _line: True,
) -> None:
    """Note what was pruned, from receipts whose journal may have been too; a forged one is none."""
    for number, line in enumerate(pruning_lines(state), 1):
        with suppress(Broken):
            told = check_line(Line(state / PRUNINGS, number, line), ring.trusted)
            if counts(told):
                beginnings.note(told.predicate)


def in_turn(journals: Journals, ring: KeyRing) -> Iterator[str]:
    """List the writers, each when its first key is known; all of them in the end.

    A writer that came after a rotation starts with a key that another's journal brings in.
    """
    writers = list(journals)
    while writers:
        writer = next((w for w in writers if _starts_with(journals[w], ring)), writers[0])
        writers.remove(writer)
        yield writer


def walk_through(
    walk: JournalWalk, journals: Journals, take: Callable[[Line], None] = lambda _line: None
) -> list[str]:
    """Verify one journal and give each line to `take`; returns where its last line is torn."""
    segments = journals[walk.chain.writer]
    for segment in segments:
        try:
            for line in read_lines(segment):
                walk.accept(line)
                take(line)
        except Broken as error:
            if error.kind == "torn" and segment == segments[-1]:
                return [error.place]
            raise name_precisely(error, journals, walk.chain) from error
    return []


def _was_emptied(journal: Path, chain: WriterChain) -> bool:
    mark = read_mark(journal / chain.writer)
    return not chain.number and mark is not None and mark.size > 0


def name_precisely(error: Broken, journals: Journals, chain: WriterChain) -> Broken:
    """Rename "dropped" where the missing receipt is somewhere else: out of its order, or moved."""
    if error.kind != "dropped":
        return error
    wanted = {"writer": chain.writer, "number": chain.number + 1}
    for writer, segments in journals.items():
        for line in written_lines(*segments):
            if _is_receipt(line, wanted):
                what = f"receipt {wanted['number']} of {chain.writer} is in {line}"
                kind = "reordered" if writer == chain.writer else "moved"
                return Broken(kind, error.place, what)
    return error


def _is_receipt(line: Line, wanted: dict[str, Any]) -> bool:
    with suppress(Broken):
        sequence = read_record(line).predicate["sequence"]
        return bool(sequence == sequence | wanted)
    return False


def _starts_with(segments: list[Path], ring: KeyRing) -> bool:
    with suppress(EnvelopeError, StopIteration):
        return dsse.parse_line(next(written_lines(*segments)).raw).keyid in ring.trusted
    return False
