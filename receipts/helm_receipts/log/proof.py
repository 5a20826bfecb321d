"""Proofs that a receipt is in the log, in a file that stands by itself.

Source: https://c2sp.org/tlog-proof:

    c2sp.org/tlog-proof@v1
    [extra <base64>]
    index <n>
    <base64 hashes, one a line>
    <blank line>
    <the checkpoint, verbatim>
"""

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path

from helm_receipts.envelope import checkpoint as notes
from helm_receipts.envelope.checkpoint import Checkpoint, LogKey
from helm_receipts.envelope.dsse import parse_line
from helm_receipts.envelope.entry import log_entry
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.envelope.record import Record
from helm_receipts.errors import LogError, ProofRefused
from helm_receipts.layout import Layout

from . import merkle
from .published_keys import PublishedKeys
from .runs import order_file, read_runs
from .tiles import TileReader

_HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,15})")
_MAX_HASHES = 63


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That an entry is at `index`, under the checkpoint in `note`."""

    index: int
    hashes: tuple[bytes, ...]
    note: bytes

    def text(self) -> bytes:
        """Write the proof as a `.tlog-proof` file."""
        lines = [_HEADER, f"index {self.index}", *map(_base64, self.hashes), "", ""]
        return "\n".join(lines).encode() + self.note

    def verify(self, entry: bytes, key: LogKey) -> Checkpoint:
        """Return the checkpoint; `ProofRefused` unless its log signed it and the entry is in it."""
        # 1. The checkpoint is the log's.
        checkpoint = notes.verify_checkpoint(self.note, key)
        # 2. The entry's leaf, at this index, leads to the checkpoint's root.
        leaf = merkle.leaf_hash(entry)
        merkle.verify_inclusion(leaf, self.index, checkpoint.size, self.hashes, checkpoint.root)
        return checkpoint


def parse_proof(text: bytes) -> InclusionProof:
    """Parse a `.tlog-proof` file and verify nothing of it; `ProofRefused` when malformed."""
    head, separator, note = text.partition(b"\n\n")
    lines = head.decode("ascii", "replace").split("\n")
    if len(lines) > 1 and lines[1].startswith("extra "):
        del lines[1]  # for rebuilding the leaf, not authenticated: our leaf is the receipt's entry
    index = _INDEX.fullmatch(lines[1]) if len(lines) > 1 else None
    if not separator or lines[0] != _HEADER or index is None:
        raise ProofRefused(f"expected {_HEADER!r}, an index, hashes and a checkpoint")
    if len(lines) - 2 > _MAX_HASHES:
        raise ProofRefused(f"expected at most {_MAX_HASHES} hashes, found {len(lines) - 2}")
    return InclusionProof(int(index[1]), tuple(_hash(line) for line in lines[2:]), note)


def prove(layout: Layout, known: PublishedKeys, record: Record) -> InclusionProof:
    """Prove that a receipt is in the log, under the published keys; see `prove_under`."""
    key = known.receipt_key(parse_line(record.envelope).keyid)
    return prove_under(layout, key, known.log[-1].key, record)


def prove_under(layout: Layout, key: PublicKey, log: LogKey, record: Record) -> InclusionProof:
    """Prove from the tiles that a receipt by `key` is in the log under its last checkpoint.

    The proof is verified before it is given away. `LogError` when the receipt isn't in the log
    yet, `ProofRefused` when tiles or checkpoint are damaged, or aren't the log's.
    """
    note = _read_note(layout.log)
    size = notes.parse_checkpoint(note).size
    entry, reader = log_entry(parse_line(record.envelope), key), TileReader(layout.log, size)
    index = _index_of(record, entry, layout, reader)
    hashes = merkle.inclusion_proof(index, size, reader.nodes)
    proof = InclusionProof(index, tuple(hashes), note)
    proof.verify(entry, log)
    return proof


def _index_of(record: Record, entry: bytes, layout: Layout, reader: TileReader) -> int:
    """Look a receipt up in the log; a copy without its order has it in the tiles, too."""
    writer, _, number = record.id.rpartition("-")
    try:
        return read_runs(order_file(layout), reader.size).index_of(writer, int(number))
    except LogError:
        for index, each in enumerate(reader.all_entries()):
            if each == entry:
                return index
        raise


def _read_note(log: Path) -> bytes:
    try:
        return (log / "checkpoint").read_bytes()
    except FileNotFoundError as error:
        raise LogError(
            f"expected a checkpoint in {log}, found none; "
            "`helm-boundary receipts integrate` makes the log"
        ) from error


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _hash(line: str) -> bytes:
    try:
        raw = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProofRefused(f"expected a hash in base64, found {line[:60]!r}") from error
    if len(raw) != 32 or _base64(raw) != line:
        raise ProofRefused(f"expected 32 bytes in base64, found {line[:60]!r}")
    return raw
