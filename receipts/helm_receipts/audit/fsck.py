"""The check of a whole state folder: everything in it against everything else.

What goes in is a folder from somebody else, and keys that the auditor trusts. One pass over the
log, in its order, in memory that grows with nothing but the calls' ids:

1. The checkpoint is signed by the log's key, and continues the checkpoints the auditor has kept.
2. Each entry of the log is, byte for byte, the entry of the next receipt of one of the journals,
   or of one that was pruned, of which there are as many as a receipt says.
3. That receipt verifies: signature, statement, its place in its writer's chain (`verify`).
4. The receipt's key wasn't retired before, and is published as valid at this index.
5. What the receipt says about the log (a start names its size and root) is so.
6. All tiles are what these entries give, and their root is the checkpoint's.
7. What journals hold beyond the log verifies too; it just isn't in the log yet.
8. The files that are published beside the log name these keys, and no others; no tile is there
   that the log doesn't have, and the folder's name is the log's.

The first thing that is wrong is raised as `Broken`, by its kind and place. What isn't wrong but
unfinished is in the report.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from helm_receipts.envelope import checkpoint as notes
from helm_receipts.envelope.checkpoint import Checkpoint
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.errors import Broken, ProofRefused, naming
from helm_receipts.layout import Layout
from helm_receipts.log import merkle
from helm_receipts.log.frontier import Frontier
from helm_receipts.log.log_claims import check_claim, naming_tiles, read_entries
from helm_receipts.log.tiles import ENTRIES, WIDTH, TileReader, read_tile

from .checked_line import Check, check_each
from .kept_checkpoints import Kept
from .key_claims import check_key, check_published, read_claims
from .lockstep import Lockstep
from .strays import list_tiles, refuse_strays
from .verify import Totals, totals

_REPORT_EVERY = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class FsckReport(Totals):
    """What was verified, and what is unfinished."""

    origin: str
    size: int
    root: str
    not_in_log: int
    """Receipts that verify but came after the last checkpoint."""
    running: int
    torn: tuple[str, ...]
    erased: tuple[str, ...]
    """Opening keys that were deleted: digests under them can't be opened any more."""
    kept: int
    """How many checkpoints that the auditor has kept are continued by this log."""
    open_from: dict[str, int] = field(default_factory=dict)
    """Of each writer with open calls, the number of the first one's request."""
    pruned: tuple[str, ...] = ()
    """What was pruned, as receipts say that are here: only that it is in the log was checked."""

    @property
    def is_complete(self) -> bool:
        """Whether there is something, all is in the log, every call has its end, in its time."""
        unfinished = self.not_in_log or self.open_calls or self.running or self.torn
        return bool(self.receipts) and not (unfinished or self.set_back)


def fsck(
    state: Path,
    trusted: Sequence[PublicKey],
    log_keys: Sequence[LogKey],
    kept: Sequence[bytes] = (),
    check: Check = check_each,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    archives: Sequence[Path] = (),
) -> FsckReport:
    """Check a state folder, whole; `Broken` names the first thing that is wrong.

    `log_keys` are the trusted log key and those it handed over to: the last one signs now.
    `kept` are checkpoints from earlier, or from others. `check` checks each line by itself:
    `start_checkers` has it done by several processes. `progress` is told how many of how many
    entries have been checked. `archives` are journal folders with segments that were moved there.
    """
    layout = Layout(state)
    # 1. The checkpoint.
    checkpoint = _checkpoint(layout, log_keys[-1])
    reader = TileReader(layout.log, checkpoint.size)
    known = Kept(layout, log_keys, kept, checkpoint)
    tiles = list_tiles(layout)  # before any journal is read: a recorder may be writing both
    # 2. to 5. Every entry.
    published = read_claims(layout)
    journals = Lockstep(layout, trusted, published, check, archives)
    edge = Frontier()
    for index, entry in enumerate(read_entries(reader)):
        _check_leaf(index, entry, reader)
        if (verified := journals.match(index, entry, reader)) is not None:
            check_key(index, verified, journals.ring, published)
            check_claim(verified.predicate, reader)
        # 6. The tiles, as soon as the entries fill them.
        edge.add(entry)
        known.compare(edge)
        _compare_tiles(layout, edge.take_full_tiles())
        if edge.size % _REPORT_EVERY == 0:
            progress(edge.size, checkpoint.size)
    _compare_tiles(layout, edge.take_tiles())
    if edge.root() != checkpoint.root:
        found = f"signed for {checkpoint.root.hex()}, but the entries give {edge.root().hex()}"
        raise Broken("wrong-root", "log/checkpoint", found)
    progress(edge.size, checkpoint.size)
    # 7. What isn't in the log yet.
    not_in_log = journals.finish(reader)
    # 8. What others are told to trust.
    was_pruned = bool(journals.beginnings.gone)
    check_published(layout, published, journals.ring, log_keys, was_pruned=was_pruned)
    refuse_strays(layout, tiles, checkpoint, not_in_log)
    return _report(checkpoint, journals, not_in_log, known.count)


def _report(checkpoint: Checkpoint, journals: Lockstep, not_in_log: int, kept: int) -> FsckReport:
    walks = journals.walks
    return FsckReport(
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=checkpoint.root.hex(),
        **totals(walks),
        not_in_log=not_in_log,
        running=sum(not walk.chain.stopped for walk in walks),
        torn=tuple(journals.torn),
        erased=tuple(sorted(set().union(*(walk.erased for walk in walks)))),
        kept=kept,
        pruned=tuple(map(str, journals.beginnings.gone.values())),
        open_from={
            walk.chain.writer: min(walk.chain.open_calls.values())
            for walk in walks
            if walk.chain.open_calls
        },
    )


def _checkpoint(layout: Layout, log_key: LogKey) -> Checkpoint:
    path = layout.log / "checkpoint"
    if not path.exists():
        raise Broken("no-checkpoint", path, "this folder's log was never published, or is gone")
    with naming("checkpoint", path, ProofRefused):
        return notes.verify_checkpoint(path.read_bytes(), log_key)


def _check_leaf(index: int, entry: bytes, reader: TileReader) -> None:
    """Require the tree to have this entry's hash, so that a mismatch is named rightly."""
    with naming_tiles():
        leaf = reader.nodes(0, index)
    if leaf != merkle.leaf_hash(entry):
        number = index // WIDTH
        names = f"tile/{ENTRIES} and tile/0, number {number}"
        raise Broken("edited-tile", f"log/{names}", f"disagree about entry {index}")


def _compare_tiles(layout: Layout, tiles: dict[str, bytes]) -> None:
    for name, expected in tiles.items():
        with naming_tiles():
            found = read_tile(layout.log, name, len(expected))
        if found != expected:
            pairs = enumerate(zip(found, expected, strict=False))
            at = next((i for i, (a, b) in pairs if a != b), min(len(found), len(expected)))
            raise Broken("edited-tile", f"log/{name}", f"differs from byte {at} on")
