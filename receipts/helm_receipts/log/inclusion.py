"""Proofs that a receipt is in the log, in a file that stands by itself.

Source: https://c2sp.org/tlog-proof:

    c2sp.org/tlog-proof@v1
    [extra <base64>]
    index <n>
    <base64 hashes, one a line>
    <blank line>
    <the checkpoint, verbatim>
"""

import re
from dataclasses import dataclass

from helm_receipts.envelope.checkpoint import Checkpoint
from helm_receipts.envelope.standard_base64 import decode_hash
from helm_receipts.errors import ProofRefused

from . import merkle

HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,15})")
_MAX_HASHES = 63


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That an entry is at `index`, under the checkpoint in `note`."""

    index: int
    hashes: tuple[bytes, ...]
    note: bytes

    def verify_under(self, entry: bytes, checkpoint: Checkpoint) -> None:
        """Require the entry's leaf, at this index, to lead to the root of a verified checkpoint."""
        leaf = merkle.leaf_hash(entry)
        merkle.verify_inclusion(leaf, self.index, checkpoint.size, self.hashes, checkpoint.root)


def parse_proof(text: bytes) -> InclusionProof:
    """Parse a `.tlog-proof` file and verify nothing of it; `ProofRefused` when malformed."""
    head, separator, note = text.partition(b"\n\n")
    lines = head.decode("ascii", "replace").split("\n")
    if len(lines) > 1 and lines[1].startswith("extra "):
        del lines[1]  # for rebuilding the leaf, not authenticated: our leaf is the receipt's entry
    index = _INDEX.fullmatch(lines[1]) if len(lines) > 1 else None
    if not separator or lines[0] != HEADER or index is None:
        raise ProofRefused(f"expected {HEADER!r}, an index, hashes and a checkpoint")
    if len(lines) - 2 > _MAX_HASHES:
        raise ProofRefused(f"expected at most {_MAX_HASHES} hashes, found {len(lines) - 2}")
    hashes = tuple(decode_hash(line, "a proof's hash", ProofRefused) for line in lines[2:])
    return InclusionProof(int(index[1]), hashes, note)
