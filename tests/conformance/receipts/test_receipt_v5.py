"""HELM's receipt.v5: its vectors, and our exports held to the same checks."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from helm_receipts.envelope import jcs
from helm_receipts.envelope.public_keys import public_key
from helm_receipts.errors import CanonicalError, EnvelopeError, ReceiptError, SignatureRefused
from helm_receipts.export import receipt_v5
from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from helm_receipts.recording import keyset
from support.receipts import outcome, record_calls, recording, request
from support.vectors import vectors


def suite() -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Load the vectors and their receipts by id."""
    folder = vectors("receipt-v5")
    value = json.loads((folder / "vectors.json").read_bytes())
    receipts = {
        vector["id"]: json.loads((folder / vector["receipt"]["canonical"]).read_bytes())
        for vector in value["vectors"]
    }
    return value, receipts


def test_the_positive_vectors_are_accepted() -> None:
    """Three of three: our payload is theirs, byte for byte, and the signature verifies."""
    value, receipts = suite()
    key = public_key(bytes.fromhex(value["public_key"].removeprefix("ed25519:")))
    assert len(value["vectors"]) == 3
    for vector in value["vectors"]:
        receipt = receipts[vector["id"]]
        payload = receipt_v5.signing_payload(receipt)
        expected = vector["signing_payload"]["sha256"].removeprefix("sha256:")
        assert hashlib.sha256(payload).hexdigest() == expected
        receipt_v5.verify(receipt, key)


def mutate(mutation: str, receipt: dict[str, Any]) -> dict[str, Any]:
    """Do to a receipt what a negative vector says."""
    if mutation == "set_verdict_to_ALLOW":
        return receipt | {"verdict": "ALLOW"}
    if mutation == "flip_signature_last_bit":
        raw = bytearray.fromhex(receipt["signature"])
        raw[-1] ^= 1
        return receipt | {"signature": raw.hex()}
    if mutation == "set_lamport_clock_above_max_safe_integer":
        return receipt | {"lamport_clock": 2**53}
    assert mutation == "remove_empty_policy_hash"
    return {name: value for name, value in receipt.items() if name != "policy_hash"}


ERRORS: dict[str, type[ReceiptError]] = {
    "signature_rejected": SignatureRefused,
    "non_interoperable_number": CanonicalError,
    "contract_mismatch": EnvelopeError,
}


def test_the_negative_vectors_are_refused() -> None:
    """Four of four, each for its own reason."""
    value, receipts = suite()
    key = public_key(bytes.fromhex(value["public_key"].removeprefix("ed25519:")))
    assert len(value["negative_vectors"]) == 4
    for vector in value["negative_vectors"]:
        changed = mutate(vector["mutation"], receipts[vector["vector_id"]])
        with pytest.raises(ERRORS[vector["expected_error"]]):
            receipt_v5.verify(changed, key)


def test_the_frozen_chain_of_hashes_is_reproduced() -> None:
    """A chain that HELM froze verifies; a broken one doesn't."""
    value = json.loads((vectors("receipt-v5") / "frozen-chain-2026.json").read_bytes())
    key = public_key(bytes.fromhex(value["public_key_hex"]))
    receipts = value["receipts"]
    assert receipt_v5.verify_chain(receipts, key) == len(receipts)
    with pytest.raises(EnvelopeError, match="to follow the receipt before it"):
        receipt_v5.verify_chain([receipts[0], *receipts[2:]], key)


def test_our_exports_pass_the_same_checks(tmp_path: Path) -> None:
    """Two sessions with calls: the clock starts at 1 in each, and each chain holds."""
    record_calls(tmp_path, 4)
    with recording(tmp_path) as recorder:
        recorder.record_now(request("é😀\n", "DENY"))
        recorder.record_now(outcome("é😀\n", "DENY", "denied"))
    key = keyset.open_keyset(Layout(tmp_path)).receipt
    bundles = list(receipt_v5.export(read_records(tmp_path / "journal"), key))
    assert [len(bundle["receipts"]) for bundle in bundles] == [8, 2]
    for bundle in bundles:
        receipts = bundle["receipts"]
        assert bundle["public_key_hex"] == key.public.raw.hex()
        assert receipt_v5.verify_chain(receipts, key.public) == len(receipts)
        assert receipts[0]["prev_hash"] == ""
        assert [r["lamport_clock"] for r in receipts] == list(range(1, len(receipts) + 1))
        for receipt in receipts:
            assert as_go_writes_it(receipt) == receipt_v5.chain_hash(receipt)


# The members of HELM's struct that we use: what it leaves out when empty, and what it doesn't.
OMITTED_WHEN_EMPTY = {
    "args_hash", "correlation_id", "key_id", "output_hash", "policy_hash", "public_key_set",
    "reason_code", "session_id", "signature", "signature_algorithm", "signature_profile",
    "verdict", "signature_version",
}  # fmt: skip
ALWAYS = {
    "receipt_id", "decision_id", "effect_id", "external_reference_id", "status", "timestamp",
    "prev_hash", "lamport_clock", "created_at", "installed_at", "issued_at",
}  # fmt: skip


def as_go_writes_it(receipt: dict[str, Any]) -> str:
    """Hash a receipt after a round trip through HELM's struct, which loses unknown members."""
    assert set(receipt) == OMITTED_WHEN_EMPTY | ALWAYS
    assert not receipt["timestamp"].endswith("0Z")
    written = {n: v for n, v in receipt.items() if v or n in ALWAYS}
    return hashlib.sha256(jcs.encode(written)).hexdigest()
