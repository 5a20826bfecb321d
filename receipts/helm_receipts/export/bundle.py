"""Receipts as Sigstore bundles, v0.3, for verifiers that know nothing of us.

Source: https://github.com/sigstore/protobuf-specs, sigstore_bundle.proto, in its JSON form. The
key is only hinted at: whoever verifies brings it, and `trusted_root.json` for the log. The envelope
goes without its `keyid`, which sigstore-go refuses in a bundle; no signature covers it.
"""

import base64
import json
from typing import Any

from helm_receipts.envelope.checkpoint import verify_checkpoint
from helm_receipts.envelope.dsse import parse_line
from helm_receipts.envelope.entry import log_entry
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.log import merkle
from helm_receipts.log.inclusion import InclusionProof
from helm_receipts.log.published_keys import log_id

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def plain_bundle(envelope: bytes) -> dict[str, Any]:
    """Make a bundle with the envelope alone."""
    parsed, value = parse_line(envelope), json.loads(envelope)
    return {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": parsed.keyid}},
        "dsseEnvelope": value | {"signatures": [{"sig": _base64(parsed.signature)}]},
    }


def logged_bundle(
    envelope: bytes, key: PublicKey, proof: InclusionProof, log: LogKey
) -> dict[str, Any]:
    """Make a bundle with the log's entry and the proof that it is in there."""
    bundle = plain_bundle(envelope)
    entry = log_entry(parse_line(envelope), key)
    bundle["verificationMaterial"]["tlogEntries"] = [_tlog_entry(entry, proof, log)]
    return bundle


def _tlog_entry(entry: bytes, proof: InclusionProof, log: LogKey) -> dict[str, Any]:
    checkpoint = verify_checkpoint(proof.note, log)
    merkle.verify_inclusion(
        merkle.leaf_hash(entry), proof.index, checkpoint.size, proof.hashes, checkpoint.root
    )
    return {
        "logIndex": str(proof.index),
        "logId": {"keyId": log_id(log)},
        "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
        "inclusionProof": {
            "logIndex": str(proof.index),
            "rootHash": _base64(checkpoint.root),
            "treeSize": str(checkpoint.size),
            "hashes": [_base64(step) for step in proof.hashes],
            "checkpoint": {"envelope": proof.note.decode()},
        },
        "canonicalizedBody": _base64(entry),
    }


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
