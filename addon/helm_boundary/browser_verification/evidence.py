"""The evidence for one receipt, as a browser verifies it: envelope, keys, proof, checkpoint."""

from __future__ import annotations

import base64
from importlib.resources import files
from typing import Any

from helm_boundary.receipt_source.source import Source
from helm_receipts.audit.verify import NOT_PROVEN
from helm_receipts.envelope.dsse import parse_line
from helm_receipts.envelope.record import Record
from helm_receipts.errors import ReceiptError

from .trusted_keys import TrustedKeys


def script() -> bytes:
    """Return the script that verifies."""
    return files(__package__).joinpath("verification.js").read_bytes()


def evidence_of(source: Source, trusted: TrustedKeys, record: Record) -> dict[str, Any]:
    """Put together what proves a receipt; `missing` says what isn't proven of it, and why.

    Raises:
        ReceiptError: it names a key that no trusted one leads to.
    """
    key = trusted.key_of(source, parse_line(record.envelope).keyid)
    evidence: dict[str, Any] = {
        "id": record.id,
        "envelope": record.envelope.decode("ascii", "replace"),
        "key": {"public": key.raw.hex(), "whose": f"the key was {trusted.whose}"},
        "notProven": list(NOT_PROVEN),
        "missing": "",
        "proof": None,
    }
    if trusted.log is None:
        return evidence | {"missing": "not that it is in the log: there is no log key"}
    try:
        proof = source.prove(key, trusted.log, record)
    except (ReceiptError, OSError) as error:
        return evidence | {"missing": f"not that it is in the log: {error}"}
    return evidence | {
        "log": {"vkey": trusted.log.vkey, "whose": f"the log's key was {trusted.whose_log}"},
        "proof": {
            "index": proof.index,
            "hashes": [base64.b64encode(each).decode() for each in proof.hashes],
            "note": proof.note.decode(),
        },
    }
