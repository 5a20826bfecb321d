"""Proofs that a receipt is in the log of a database, made from its rows."""

from typing import Any

import psycopg

from helm_receipts.envelope import checkpoint as notes
from helm_receipts.envelope.dsse import parse_line
from helm_receipts.envelope.entry import log_entry
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.envelope.record import Record
from helm_receipts.errors import LogError
from helm_receipts.log import merkle_proofs
from helm_receipts.log.inclusion import InclusionProof
from helm_receipts.log.proof import verify_proof

from .publication import read_note
from .tile_rows import TileRows

_INDEX = "SELECT index FROM helm_boundary.seq WHERE writer = %s AND number = %s AND index < %s"


def prove_row(
    connection: psycopg.Connection[Any], key: PublicKey, log: LogKey, record: Record
) -> InclusionProof:
    """Prove that a receipt by `key` is in the log under its last checkpoint.

    The proof is verified before it is given away. `LogError` when the receipt isn't in the log
    yet, `ProofRefused` when tiles or checkpoint are damaged, or aren't the log's.
    """
    writer, _, number = record.id.rpartition("-")
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        note = read_note(connection)
        size = notes.parse_checkpoint(note).size if note else 0
        row = connection.execute(_INDEX, (writer, int(number), size)).fetchone()
        if row is None:
            raise LogError(
                f"expected receipt {record.id} in the log, found none: it isn't there yet"
            )
        hashes = merkle_proofs.inclusion_proof(row[0], size, TileRows(connection, size).nodes)
    proof = InclusionProof(row[0], tuple(hashes), note)
    verify_proof(proof, log_entry(parse_line(record.envelope), key), log)
    return proof
