"""The log: a tile directory and a checkpoint, derived from the journals, one per state folder.

The order of writing is what makes it safe to stop anywhere. Tiles first, each durable before the
next step; then `tree.json`, which says how far they go; then the proof, from the tiles as they are
on disk, that the new tree continues the one that was signed last; only then a new signature. And
before all of it, that the lines are what a receipt key signed (see `continuity`).
Whatever stops the process in between, the next one finds either the old tree, whose tiles are all
there, or the new one, and nothing was signed that isn't durable.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from helm_receipts.envelope import checkpoint as notes
from helm_receipts.envelope.checkpoint import Checkpoint
from helm_receipts.envelope.entry import log_entry
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.envelope.signatures import sign_checkpoint
from helm_receipts.envelope.signing_keys import SigningKey
from helm_receipts.errors import LogError, ProofRefused
from helm_receipts.journal.journal import take_lock
from helm_receipts.journal.reader import Line
from helm_receipts.layout import Layout
from helm_receipts.storage import durable

from . import merkle, merkle_proofs
from .continuity import Continuity
from .frontier import Frontier
from .frontier_reading import read_frontier
from .order import Order
from .pending import Cursor, advance, check_cursors, pending_lines
from .runs import order_file
from .tiles import ENTRIES, WIDTH, TileReader, tile_path, tile_width
from .tree import read_tree, tree_file

BATCH = 256


class Log:
    """A state folder's log, locked for this process to extend."""

    def __init__(self, layout: Layout, origin: str, key: SigningKey) -> None:
        """Open a log or start one.

        Raises:
            BlockingIOError: another process has it.
            LogError: what is there contradicts the last checkpoint.
        """
        for folder, mode in ((layout.log, 0o755), (layout.log_state, 0o700)):
            durable.make_folder(folder, mode)
        self._layout = layout
        self._origin = origin
        self._key = key
        self._lock = take_lock(layout.log_state)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        """How many receipts are in the log."""
        return self._edge.size

    def integrate(
        self,
        keys: Callable[[str], PublicKey],
        limit: int = BATCH,
    ) -> int:
        """Add at most `limit` receipts and publish a checkpoint; returns how many there were.

        `keys` gives the key of a keyid. Raises OSError or `LogError`, after which the log must be
        opened anew.
        """
        # What journals say is what was signed.
        lines = islice(pending_lines(self._layout.journal, self._cursors), limit)
        added = self._add(lines, keys)
        if added:
            # 1. Tiles, durable.
            durable.replace_files(self._layout.log, self._edge.take_tiles())
            # 2. What they hold, durable.
            self._order.save()
            save_tree(self._layout, self._edge, self._cursors)
            # 3. to 5. in there.
            self._publish()
        return added

    def close(self) -> None:
        """Let another process have the log. Idempotent."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _open(self) -> None:
        tree = read_tree(self._layout)
        size, self._cursors = tree.size, tree.cursors
        published = self._read_checkpoint()
        if published.size > size:
            raise LogError(
                f"expected {tree_file(self._layout)} to cover the {published.size} entries of "
                f"the last checkpoint, found {size}: it was lost or set back; "
                "`helm-boundary receipts integrate --rebuild` makes it anew from the journals"
            )
        check_cursors(self._layout.journal, self._cursors)
        self._prune_beyond(size)
        self._order = Order.resume(order_file(self._layout), size)
        try:
            self._edge = read_frontier(TileReader(self._layout.log, size))
        except ProofRefused as error:
            raise LogError(f"{error}; `receipts integrate --rebuild` makes it anew") from error
        if self._edge.root() != tree.root:
            raise LogError(
                f"expected tiles with the root {tree.root.hex()}, found "
                f"{self._edge.root().hex()}: a tile was changed; `helm-boundary receipts fsck` "
                "says which, `receipts integrate --rebuild` makes them anew from the journals"
            )
        self._published = published
        if published.size < size:
            self._publish()

    def _add(
        self,
        lines: Iterable[tuple[str, Line]],
        keys: Callable[[str], PublicKey],
    ) -> int:
        added = 0
        before = {writer: cursor.digest for writer, cursor in self._cursors.items()}
        continuity = Continuity(keys, before)
        for writer, line in lines:
            envelope, key = continuity.accept(writer, line)
            cursor = advance(self._cursors.get(writer), line)
            self._order.note(self._edge.size, writer, cursor.number)
            self._edge.add(log_entry(envelope, key))
            self._cursors[writer] = cursor
            added += 1
        continuity.finish()
        return added

    def _publish(self) -> None:
        """Prove that the tree on disk continues the signed one, sign it, publish it."""
        # 3. The proof, from nothing but what is on the disk.
        new = Checkpoint(self._origin, self._edge.size, self._edge.root())
        nodes = TileReader(self._layout.log, new.size).nodes
        old = self._published
        try:
            if old.size:
                proof = merkle_proofs.consistency_proof(old.size, new.size, nodes)
                merkle_proofs.verify_consistency(old.size, new.size, old.root, new.root, proof)
        except ProofRefused as error:
            raise LogError(
                f"expected tiles that continue the checkpoint of size {old.size}, found that "
                f"{error}; nothing was signed. `helm-boundary receipts fsck` says more"
            ) from error
        # 4. The signature.
        note = sign_checkpoint(new, self._key)
        # 5. The checkpoint, by rename: readers see the old one or the new one.
        durable.replace_file(self._layout.log / "checkpoint", note)
        self._published = new
        self._prune_partials(old.size)

    def _read_checkpoint(self) -> Checkpoint:
        path = self._layout.log / "checkpoint"
        if not path.exists():
            return Checkpoint(self._origin, 0, merkle.EMPTY_ROOT)
        try:
            return notes.verify_checkpoint(
                path.read_bytes(), LogKey(self._origin, self._key.public)
            )
        except ProofRefused as error:
            raise LogError(
                f"expected a checkpoint of our own in {path}, found that {error}; put back the "
                "log key and the origin that it was signed with"
            ) from error

    def _prune_beyond(self, size: int) -> None:
        """Remove what a stopped integration left beyond the tree: no checkpoint speaks of it."""
        for level in (ENTRIES, *range(8)):
            row = 0 if level == ENTRIES else int(level)
            number = (size >> 8 * row) // WIDTH
            width = tile_width(row, number, size)
            (self._layout.log / tile_path(level, number)).unlink(missing_ok=True)
            for partial in _partials(self._layout.log, level, number):
                if int(partial.name) > width:
                    partial.unlink()

    def _prune_partials(self, old_size: int) -> None:
        """Remove the partial tiles that have become full ones since the last checkpoint."""
        for level in (ENTRIES, *range(8)):
            row = 0 if level == ENTRIES else int(level)
            first, last = ((size >> 8 * row) // WIDTH for size in (old_size, self._edge.size))
            if not last:
                break
            for number in range(first, last):
                shutil.rmtree(_partial_folder(self._layout.log, level, number), ignore_errors=True)


def save_tree(layout: Layout, edge: Frontier, cursors: Mapping[str, Cursor]) -> None:
    """Say, durably, how far the tiles go and what they hold."""
    writers = {name: asdict(cursor) for name, cursor in sorted(cursors.items())}
    tree = {"root": edge.root().hex(), "size": edge.size, "writers": writers}
    durable.replace_file(tree_file(layout), json.dumps(tree).encode(), 0o600)


def _partial_folder(log: Path, level: int | str, number: int) -> Path:
    return (log / tile_path(level, number, 1)).parent


def _partials(log: Path, level: int | str, number: int) -> list[Path]:
    folder = _partial_folder(log, level, number)
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.name.isdecimal()]
