"""Checkpoints that somebody kept, against which not even every key of a folder helps."""

from collections.abc import Sequence

from helm_receipts.envelope import checkpoint as notes
from helm_receipts.envelope.checkpoint import Checkpoint
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.errors import Broken, ProofRefused, naming
from helm_receipts.layout import Layout
from helm_receipts.log import merkle
from helm_receipts.log.frontier import Frontier
from helm_receipts.log.tiles import TileReader


class Kept:
    """Checkpoints from earlier, or from others, that the log must still hold."""

    def __init__(
        self, layout: Layout, log_keys: Sequence[LogKey], noted: Sequence[bytes], now: Checkpoint
    ) -> None:
        self.count = len(noted)
        self._roots: dict[int, bytes] = {}
        for note in noted:
            with naming("checkpoint", "a checkpoint that was kept", ProofRefused):
                old = notes.verify_by_any(note, log_keys)
            if old.size > now.size:
                raise _shorter(layout, old, now)
            if self._roots.setdefault(old.size, old.root) != old.root:
                raise Broken("forked-log", f"size {old.size}", "two roots were signed for it")

    def compare(self, edge: Frontier) -> None:
        """Refuse a log that has another root at a size for which a checkpoint was kept."""
        root = self._roots.get(edge.size) if self._roots else None
        if root is not None and edge.root() != root:
            found = f"its root is {root.hex()}, but the log's entries up to there give another one"
            raise Broken("forked-log", f"the checkpoint of size {edge.size}", found)


def _shorter(layout: Layout, old: Checkpoint, now: Checkpoint) -> Broken:
    """Say what became of a log that was longer: set back, forked, or one of them."""
    found = f"of size {now.size}, but one of size {old.size} was signed before: "
    try:
        root = merkle.root_hash(old.size, TileReader(layout.log, old.size).nodes)
    except ProofRefused:
        either = (
            "the log was set back, or it is another history (a fork); from here both look alike"
        )
        return Broken("shorter-log", "log/checkpoint", found + either)
    if root != old.root:
        return Broken("forked-log", "log/checkpoint", found + "the log goes on to another root")
    return Broken("old-checkpoint", "log/checkpoint", found + "the log goes on, this was set back")
