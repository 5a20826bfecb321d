"""Public vectors: DSSE, Merkle proofs, a tile log, RFC 8785."""

import base64
import json
import struct
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from helm_receipts.envelope import jcs
from helm_receipts.envelope.checkpoint import parse_checkpoint, verify_checkpoint
from helm_receipts.envelope.foreign_envelope import parse_envelope
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.public_keys import public_key
from helm_receipts.errors import EnvelopeError, ProofRefused, SignatureRefused
from helm_receipts.log import merkle, merkle_proofs
from helm_receipts.log.frontier import Frontier
from helm_receipts.log.tiles import TileReader
from support.vectors import vectors

# More than one signature can't be expressed by a receipt; those are refused for that reason.
TWO_SIGNATURES = {
    "threshold-two-distinct-keys",
    "threshold-two-one-key-twice",
    "threshold-two-without-keyids",
}


def test_the_vectors_of_dsse_hold() -> None:
    """Nine of nine: accepted or refused as they should be, or refused as not a receipt."""
    suite = json.loads(vectors("dsse/vectors.json").read_bytes())
    trusted = {
        name: public_key(bytes.fromhex(key["public"])) for name, key in suite["keys"].items()
    }
    assert len(suite["vectors"]) == 9
    for case in suite["vectors"]:
        text = json.dumps(case["envelope"]).encode()
        if case["id"] in TWO_SIGNATURES:
            with pytest.raises(EnvelopeError, match="exactly one signature, found 2"):
                parse_envelope(text)
            continue
        envelope = parse_envelope(text)
        if case["expect"] == "accept":
            assert envelope.pae.hex() == case["pae"], case["id"]
            payload = envelope.check(trusted[case["trustedKeys"][0]])
            assert payload == envelope.payload
        else:
            # The second rejected case is refused for its type before its signature is looked at.
            unknown = envelope.payload_type not in case["supportedPayloadTypes"]
            if not unknown:
                with pytest.raises(SignatureRefused):
                    envelope.check(trusted[case["trustedKeys"][0]])


def _proof(case: dict[str, Any]) -> list[bytes]:
    return [base64.b64decode(step) for step in case["proof"] or ()]


def _raw(case: dict[str, Any], name: str) -> bytes:
    return base64.b64decode(case[name] or "")


def _check(kind: str, case: dict[str, Any]) -> None:
    proof = _proof(case)
    if kind == "inclusion":
        leaf, place = _raw(case, "leafHash"), (case["leafIdx"], case["treeSize"])
        merkle.verify_inclusion(leaf, *place, proof, _raw(case, "root"))
    elif kind == "subtreeinclusion":
        leaf, place3 = _raw(case, "leafHash"), (case["leafIdx"], case["start"], case["end"])
        merkle_proofs.verify_subtree_inclusion(leaf, *place3, proof, _raw(case, "root"))
    elif kind == "consistency":
        roots = _raw(case, "root1"), _raw(case, "root2")
        merkle_proofs.verify_consistency(case["size1"], case["size2"], *roots, proof)
    else:
        roots, place3 = (
            (_raw(case, "root1"), _raw(case, "root2")),
            (
                case["start"],
                case["end"],
                case["size"],
            ),
        )
        merkle_proofs.verify_subtree_consistency(*place3, *roots, proof)


def test_the_vectors_of_merkle_proofs_hold() -> None:
    """518 of 518 inclusion and consistency proofs, good ones and corrupted ones."""
    lines = vectors("merkle/merkle-proofs.jsonl").read_text().splitlines()
    assert len(lines) == 518
    wrong = []
    for line in lines:
        named = json.loads(line)
        try:
            _check(named["name"].partition("/")[0], named["case"])
            refused = False
        except ProofRefused:
            refused = True
        if refused != named["case"]["wantErr"]:
            wrong.append(named["name"])
    assert wrong == []


def _log_key(log: Path) -> Any:
    """Parse the sample log's checkpoint, unverified: no key of it is published."""
    return parse_checkpoint((log / "checkpoint").read_bytes())


def test_the_sample_log_verifies_at_all_sizes() -> None:
    """Each of the 16 checkpoints is the root of its entries, and each tile is what they give."""
    log = vectors("tlog-tiles/log")
    entries = list(TileReader(log, 15).all_entries())
    edge = Frontier()
    for size in range(16):
        checkpoint = parse_checkpoint((log / f"checkpoint.{size}").read_bytes())
        assert (checkpoint.size, checkpoint.root) == (size, edge.root())
        tiles = edge.take_tiles()
        assert len(tiles) == (2 if size else 0)
        for name, content in tiles.items():
            assert (log / name).read_bytes() == content
        if size < 15:
            edge.add(entries[size])
    assert _log_key(log).size == 15


def test_a_published_checkpoint_verifies_with_its_vkey() -> None:
    """The example of the signed-note specification's Go package, and a changed one."""
    vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert LogKey.parse(vkey).vkey == vkey
    note = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1"
        "FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    # Not a checkpoint, so only its signature can be looked at.
    body, _, line = note.rpartition("\n\n")
    signature = base64.b64decode(line.split()[-1])
    key = LogKey.parse(vkey)
    assert signature[:4] == key.id
    assert key.key.verifies(signature[4:], body.encode() + b"\n")
    with pytest.raises(ProofRefused):
        verify_checkpoint(note.encode(), key)


def test_the_vectors_of_rfc_8785_hold() -> None:
    """Six of six files, byte for byte."""
    names = sorted(path.name for path in vectors("jcs/input").iterdir())
    assert len(names) == 6
    for name in names:
        value = json.loads((vectors("jcs/input") / name).read_bytes())
        assert jcs.encode(value) == (vectors("jcs/output") / name).read_bytes(), name


# RFC 8785, appendix B: IEEE 754 doubles and how they are written.
NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}


@pytest.mark.parametrize(("bits", "text"), NUMBERS.items())
def test_the_numbers_of_rfc_8785_are_written_as_it_says(bits: str, text: str) -> None:
    """The table of appendix B."""
    (value,) = struct.unpack(">d", bytes.fromhex(bits))
    assert jcs.number(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_written_as_another_implementation_writes_them(value: float) -> None:
    """Any double, compared with trailofbits' rfc8785."""
    assert jcs.encode(value) == rfc8785.dumps(value)
