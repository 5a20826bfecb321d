"""Consistency: the proof, from a log's tiles, that one checkpoint continues another."""

from pathlib import Path

from helm_receipts.envelope.checkpoint import Checkpoint
from helm_receipts.errors import ProofRefused

from . import merkle_proofs
from .tiles import TileReader


def prove_consistency(log: Path, old: Checkpoint, new: Checkpoint) -> list[bytes]:
    """Prove from the tiles that `new` continues `old`; `ProofRefused` when it doesn't."""
    if old.origin != new.origin:
        raise ProofRefused(f"expected the origin {old.origin!r}, found {new.origin!r}")
    if not old.size:
        raise ProofRefused("every log continues an empty one: that shows nothing")
    hashes = merkle_proofs.consistency_proof(old.size, new.size, TileReader(log, new.size).nodes)
    merkle_proofs.verify_consistency(old.size, new.size, old.root, new.root, hashes)
    return hashes
