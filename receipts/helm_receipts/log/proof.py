"""Proofs that a receipt is in the log, made from its tiles."""

import base64
from pathlib import Path

from helm_receipts.envelope import checkpoint as notes
from helm_receipts.envelope.checkpoint import Checkpoint
from helm_receipts.envelope.dsse import parse_line
from helm_receipts.envelope.entry import log_entry
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.envelope.record import Record
from helm_receipts.errors import LogError
from helm_receipts.layout import Layout

from . import merkle_proofs
from .inclusion import HEADER, InclusionProof
from .published_keys import PublishedKeys
from .runs import order_file, read_runs
from .tiles import TileReader


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
    hashes = merkle_proofs.inclusion_proof(index, size, reader.nodes)
    proof = InclusionProof(index, tuple(hashes), note)
    verify_proof(proof, entry, log)
    return proof


def verify_proof(proof: InclusionProof, entry: bytes, key: LogKey) -> Checkpoint:
    """Return the checkpoint; `ProofRefused` unless its log signed it and the entry is in it."""
    # 1. The checkpoint is the log's.
    checkpoint = notes.verify_checkpoint(proof.note, key)
    # 2. The entry is under it.
    proof.verify_under(entry, checkpoint)
    return checkpoint


def proof_file(proof: InclusionProof) -> bytes:
    """Write a proof as a `.tlog-proof` file, as `inclusion` describes it."""
    hashes = (base64.b64encode(each).decode() for each in proof.hashes)
    return "\n".join([HEADER, f"index {proof.index}", *hashes, "", ""]).encode() + proof.note


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
