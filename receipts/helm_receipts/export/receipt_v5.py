"""HELM's own receipt format, `receipt.v5`, so that its verifier can read our decisions.

An Ed25519 signature, in hex, over RFC 8785 of exactly thirteen members, all present even if
empty. `prev_hash` is SHA-256, in hex, of RFC 8785 of the receipt before it, signature included,
without what a log adds later. The clock counts from 1 in each session.

HELM's verifier reads a receipt into a Go struct and hashes what that struct writes again. So a
chain hash leaves out members that are empty, except those that the struct always writes, times
have no trailing zeros, and three times that mean nothing to us are there, as Go's zero time.
Source: Mindburn-Labs/helm-ai-kernel, reference_packs/receipt-v5.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from helm_receipts.envelope import canonical, jcs
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.envelope.record import Record
from helm_receipts.envelope.signing_keys import SigningKey
from helm_receipts.envelope.statement import STREAM
from helm_receipts.errors import CanonicalError, EnvelopeError, KeyRefused, SignatureRefused

VERSION = "receipt.v5"
SIGNED_MEMBERS = (
    "args_hash",
    "decision_id",
    "effect_id",
    "lamport_clock",
    "output_hash",
    "policy_hash",
    "prev_hash",
    "reason_code",
    "receipt_id",
    "session_id",
    "signature_version",
    "status",
    "verdict",
)
_UNCHAINED = ("transparency", "log_id", "leaf_index")
_ALWAYS_WRITTEN = (
    "decision_id",
    "effect_id",
    "external_reference_id",
    "prev_hash",
    "receipt_id",
    "status",
)
_NO_TIME = "0001-01-01T00:00:00Z"
_CALL_PHASES = ("request", "tool_call", "outcome")


def export(records: Iterable[Record], key: SigningKey) -> Iterator[dict[str, Any]]:
    """Export decisions on calls, one writer's records after another's, a bundle a session.

    A bundle is what `verify receipt` takes: a chain of receipts and the key they say they are by.
    What is left of a session whose start isn't there would be a chain of something else, so it is
    left out. The records must have been verified: this signs what they say.

    Raises:
        KeyRefused: the key isn't an Ed25519 key, and the format knows no other.
    """
    if key.public.type != "ed25519":
        raise KeyRefused(
            f"{VERSION} is signed with Ed25519, and the receipt key here is of type "
            f"{key.public.type}: export another format, or rotate to an Ed25519 key"
        )
    session, writer, receipts = "", "", list[dict[str, Any]]()
    for record in records:
        said = record.predicate
        starts = said["phase"] == "session" and said["event"]["kind"] == "start"
        if starts or said["sequence"]["writer"] != writer:
            if receipts:
                yield _bundle(receipts, key)
            session, writer = record.id if starts else "", said["sequence"]["writer"]
            receipts = []
        elif session and said["phase"] in _CALL_PHASES:
            previous = chain_hash(receipts[-1]) if receipts else ""
            receipt = _receipt(record, session, len(receipts) + 1, previous)
            receipts.append(seal(receipt, key))
    if receipts:
        yield _bundle(receipts, key)


def seal(receipt: dict[str, Any], key: SigningKey) -> dict[str, Any]:
    """Add to a receipt its signature and what says how to check it."""
    return receipt | {
        "key_id": key.keyid,
        "public_key_set": {"ed25519": key.public.raw.hex()},
        "signature": key.sign_as("receipt", signing_payload(receipt)).hex(),
        "signature_algorithm": "ed25519",
        "signature_profile": "classical",
    }


def verify(receipt: dict[str, Any], key: PublicKey) -> None:
    """Refuse a receipt that isn't signed by `key`; `ReceiptError` says why."""
    signature = receipt.get("signature")
    if not isinstance(signature, str) or len(signature) != 128 or signature != signature.lower():
        raise EnvelopeError(f"expected a signature of 128 lower-case hex digits in {VERSION}")
    payload = signing_payload(receipt)
    try:
        raw = bytes.fromhex(signature)
    except ValueError as error:
        raise EnvelopeError(f"expected a signature in hex, found {error}") from error
    if not key.verifies(raw, payload):
        raise SignatureRefused(f"expected a {VERSION} by key {key.keyid[:16]}…, found another's")


def verify_chain(receipts: Iterable[dict[str, Any]], key: PublicKey) -> int:
    """Verify receipts that follow each other, sessions one after the other; how many they are."""
    count, before = 0, dict[str, Any]()
    for receipt in receipts:
        verify(receipt, key)
        starts = receipt["session_id"] != before.get("session_id")
        expected = ("", 1) if starts else (chain_hash(before), before["lamport_clock"] + 1)
        if (receipt["prev_hash"], receipt["lamport_clock"]) != expected:
            raise EnvelopeError(
                f"expected {receipt['receipt_id']} to follow the receipt before it, found "
                f"clock {receipt['lamport_clock']} and prev_hash {receipt['prev_hash'][:16]!r}"
            )
        before = receipt
        count += 1
    return count


def signing_payload(receipt: dict[str, Any]) -> bytes:
    """Return the bytes that are signed: RFC 8785 of the thirteen members."""
    missing = [name for name in SIGNED_MEMBERS if name not in receipt]
    if missing:
        raise EnvelopeError(f"expected all signed members in {VERSION}, found no {missing[0]!r}")
    if receipt["signature_version"] != VERSION:
        raise EnvelopeError(f"expected {VERSION!r}, found {receipt['signature_version']!r}")
    clock = receipt["lamport_clock"]
    if type(clock) is not int or not 0 < clock <= canonical.MAX_INTEGER:
        raise CanonicalError(f"expected a clock from 1 to 2^53 - 1, found {clock!r}")
    for name in SIGNED_MEMBERS:
        if name != "lamport_clock" and not isinstance(receipt[name], str):
            raise EnvelopeError(f"expected a string in {name!r}, found {receipt[name]!r}")
    return jcs.encode({name: receipt[name] for name in SIGNED_MEMBERS})


def chain_hash(receipt: dict[str, Any]) -> str:
    """Hash a receipt as the next one's `prev_hash`."""
    kept = {
        name: value
        for name, value in receipt.items()
        if name not in _UNCHAINED and (value or name in _ALWAYS_WRITTEN)
    }
    return hashlib.sha256(jcs.encode(kept)).hexdigest()


def _bundle(receipts: list[dict[str, Any]], key: SigningKey) -> dict[str, Any]:
    return {"key_id": key.keyid, "public_key_hex": key.public.raw.hex(), "receipts": receipts}


def _receipt(record: Record, session: str, clock: int, previous: str) -> dict[str, Any]:
    said = record.predicate
    digests = {s["name"]: s["digest"]["sha256"] for s in record.statement["subject"]}
    policy = said.get("policy", {}).get("digest", {}).get("sha256")
    return {
        "args_hash": _prefixed(digests.get("request")),
        "correlation_id": said["flow"]["correlationId"],
        "created_at": _NO_TIME,
        "decision_id": record.id,
        "effect_id": said["flow"]["id"],
        "external_reference_id": "",
        "installed_at": _NO_TIME,
        "issued_at": _NO_TIME,
        "lamport_clock": clock,
        "output_hash": _prefixed(digests.get("response") or digests.get(STREAM)),
        "policy_hash": _prefixed(policy),
        "prev_hash": previous,
        "reason_code": said["reasons"][0]["code"] if said["reasons"] else "",
        "receipt_id": record.id,
        "session_id": session,
        "signature_version": VERSION,
        "status": _status(said),
        "timestamp": said["decidedAt"].rstrip("Z").rstrip("0").rstrip(".") + "Z",
        "verdict": said["verdict"],
    }


def _status(said: dict[str, Any]) -> str:
    if said["enforcement"] == "observed":  # nothing was done, so no word may say that it was
        return "OBSERVED"
    if said["phase"] != "outcome":
        return str(said["verdict"])
    end = said["outcome"]["end"]
    return "COMPLETED" if end == "complete" else str(end).upper()


def _prefixed(digest: str | None) -> str:
    return f"sha256:{digest}" if digest else ""
