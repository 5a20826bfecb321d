"""The check of a log that is served, by nothing but what anybody can read of it.

Receipts aren't served, so this shows what a log alone can show: that its checkpoint is signed by
its key, continues the checkpoints that were kept, and that every entry and every tile is what it
was signed for.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from helm_receipts.envelope import checkpoint as notes
from helm_receipts.envelope.checkpoint import Checkpoint
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.errors import Broken, ProofRefused, TileMissing
from helm_receipts.log import merkle_proofs
from helm_receipts.log.frontier import Frontier
from helm_receipts.log.log_claims import read_entries
from helm_receipts.log.tiles import TileReader

type Fetch = Callable[[str], bytes | None]
"""Reads a path below the log's address; None where there is nothing."""


class SiteTiles(TileReader):
    """Reads a served log's tiles at one size; nothing is verified."""

    def __init__(self, fetch: Fetch, size: int) -> None:
        super().__init__(Path(), size)
        self._fetch = fetch
        self.read = self._find

    def _find(self, path: str) -> bytes:
        for name in (path, path.partition(".p/")[0]):
            if (data := self._fetch(name)) is not None:
                return data
        raise TileMissing(f"expected {path}, found nothing there")


def check_site(
    fetch: Fetch,
    keys: Sequence[LogKey],
    kept: Sequence[bytes] = (),
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Checkpoint:
    """Check a served log, whole; `Broken` names the first thing that is wrong.

    `keys` are the trusted key and those it handed over to: the last one signs now.
    """
    note = fetch("checkpoint")
    if note is None:
        raise Broken("no-checkpoint", "checkpoint", "there is none")
    # 1. The checkpoint is the log's, and continues those that were kept.
    checkpoint = _verified(note, keys[-1:], "checkpoint")
    tiles = SiteTiles(fetch, checkpoint.size)
    for number, earlier in enumerate(kept, 1):
        _check_continues(tiles, _verified(earlier, keys, f"kept checkpoint {number}"), checkpoint)
    # 2. The entries give the tiles, and the root.
    edge = Frontier()
    for entry in read_entries(tiles):
        edge.add(entry)
        _compare(fetch, edge.take_full_tiles())
        progress(edge.size, checkpoint.size)
    _compare(fetch, edge.take_tiles())
    if edge.root() != checkpoint.root:
        found = f"signed for {checkpoint.root.hex()}, but the entries give {edge.root().hex()}"
        raise Broken("wrong-root", "checkpoint", found)
    return checkpoint


def _verified(note: bytes, keys: Sequence[LogKey], place: str) -> Checkpoint:
    try:
        return notes.verify_by_any(note, keys)
    except ProofRefused as error:
        raise Broken("checkpoint", place, str(error)) from error


def _check_continues(tiles: SiteTiles, old: Checkpoint, new: Checkpoint) -> None:
    try:
        proof = merkle_proofs.consistency_proof(old.size, new.size, tiles.nodes)
        merkle_proofs.verify_consistency(old.size, new.size, old.root, new.root, proof)
    except ProofRefused as error:
        raise Broken("forked-log", f"the log at size {old.size}", str(error)) from error


def _compare(fetch: Fetch, tiles: dict[str, bytes]) -> None:
    for path, tile in tiles.items():
        found = fetch(path)
        if found is None and ".p/" not in path:
            raise Broken("missing-tile", path, "there is nothing")
        if found is not None and found != tile:
            raise Broken("edited-tile", path, "it isn't what the entries give")
