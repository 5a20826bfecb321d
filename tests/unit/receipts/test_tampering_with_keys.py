"""Tampering where keys were rotated, and are of two kinds: each kind is found, and named rightly.

The attacker has the files; where the row says so, also a receipt key that was retired, or the one
in use.
"""

import base64
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from helm_receipts.audit.fsck import FsckReport, fsck
from helm_receipts.audit.key_claims import read_claims
from helm_receipts.audit.verify import verify_journal
from helm_receipts.envelope import canonical_encoding, dsse, key_files, signing_keys
from helm_receipts.envelope.checkpoint import parse_checkpoint
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.predicate import Boundary
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.envelope.record import parse_statement
from helm_receipts.envelope.signatures import line_of, seal, sign_checkpoint
from helm_receipts.envelope.signing_keys import SigningKey
from helm_receipts.errors import Broken
from helm_receipts.journal.segments import list_segments, list_writers
from helm_receipts.layout import Layout
from helm_receipts.log.handovers import follow_handovers
from helm_receipts.log.published_keys import read_published
from helm_receipts.recording.handover import Successor
from helm_receipts.recording.rotation import rotate_log_key, rotate_receipt_key
from support.receipts import CONFIGURATION, outcome, record_calls, recording, request

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
BOUNDARY = Boundary("test.helm-boundary.invalid", "0.1.0", CONFIGURATION)


class Case:
    """A folder whose receipt key was rotated to P-256, and what its auditor trusts."""

    def __init__(self, state: Path) -> None:
        self.state = state
        published = read_published(Layout(state))
        self.receipt: PublicKey = published.receipt[0].key
        self.log: LogKey = published.log[0].key

    @property
    def retired(self) -> SigningKey:
        """The receipt key that was retired."""
        return key_files.load(self.state.parent / "retired.pem", "receipt")

    @property
    def key(self) -> SigningKey:
        """The receipt key in use."""
        return key_files.load(self.state / "keys/receipt.pem", "receipt")

    @property
    def segment(self) -> Path:
        """The segment whose last receipts the P-256 key has signed."""
        journals = [list_segments(writer)[-1] for writer in list_writers(self.state / "journal")]
        return max(journals, key=lambda path: path.read_bytes().count(self.key.keyid.encode()))

    def change(self, change: Callable[[bytes], bytes], at: int = -1) -> None:
        """Change a line of that segment."""
        lines = self.segment.read_bytes().rstrip(b"\0").splitlines()
        lines[at] = change(lines[at])
        self.segment.write_bytes(b"".join(line + b"\n" for line in lines))

    def keys_json(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change what is published of all keys, and the other files to fit."""
        path = self.state / "log/keys.json"
        value = json.loads(path.read_text())
        change(value)
        path.write_text(json.dumps(value))

    def check(self) -> FsckReport:
        """Run fsck as the auditor with the first keys, who follows rotations."""
        layout = Layout(self.state)
        claims = read_claims(layout)
        keys = follow_handovers(layout.log, self.log, claims) if claims else [self.log]
        return fsck(self.state, [self.receipt], keys)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two writers with Ed25519, then P-256; the log's key was rotated, too."""
    folder = tmp_path_factory.mktemp("template")
    state = folder / "state"
    with recording(state) as one, recording(state) as two:
        for number in range(5):
            one.record_now(request(f"one-{number}"))
            two.record_now(request(f"two-{number}"))
            one.record_now(outcome(f"one-{number}"))
            two.record_now(outcome(f"two-{number}"))
    shutil.copy(state / "keys/receipt.pem", folder / "retired.pem")
    rotate_receipt_key(Layout(state), BOUNDARY, Successor("p256"))
    rotate_log_key(Layout(state), BOUNDARY)
    record_calls(state, 5)
    return folder


@pytest.fixture
def case(template: Path, tmp_path: Path) -> Case:
    """Copy the template, to tamper with."""
    shutil.copytree(template, tmp_path / "copy")
    return Case(tmp_path / "copy/state")


def test_a_folder_that_nobody_touched_passes(case: Case) -> None:
    """With the first keys, and with receipts of both kinds."""
    assert case.check().is_complete
    assert verify_journal(case.state / "journal", [case.receipt]).is_complete
    assert case.segment.read_bytes().count(case.key.keyid.encode()) > 10


def resign(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Change a line's signature alone."""

    def changed(line: bytes) -> bytes:
        envelope = dsse.parse_line(line)
        return line_of(envelope.payload, envelope.keyid, change(envelope.signature))

    return changed


def mirrored(signature: bytes) -> bytes:
    """Make the other signature that ECDSA has for the same message: (r, n - s)."""
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, ORDER - s)


def joined(signature: bytes) -> bytes:
    """Write both numbers without DER."""
    return b"".join(number.to_bytes(32) for number in decode_dss_signature(signature))


def under_the_other_key(case: Case) -> Callable[[bytes], bytes]:
    """Sign with the Ed25519 key, and claim the P-256 key."""

    def changed(line: bytes) -> bytes:
        envelope = dsse.parse_line(line)
        signature = case.retired.sign_as("receipt", envelope.pae)
        return line_of(envelope.payload, envelope.keyid, signature)

    return changed


def restate(case: Case, change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """With the key in use: change what a receipt says."""

    def changed(line: bytes) -> bytes:
        statement = parse_statement(dsse.parse_line(line).payload)
        change(statement["predicate"])
        return seal(canonical_encoding.encode(statement), case.key)

    return changed


def rotates_to(public: str) -> Callable[[dict[str, Any]], object]:
    """Make a receipt one of a rotation."""
    event = {"keyId": "00", "kind": "retired", "role": "receipt", "successor": public}
    return lambda said: said.update(phase="key", event=event)


def thieves_journal(case: Case) -> None:
    """With the retired key: start a journal that hands over to a key of one's own."""
    mine = signing_keys.generate("receipt", "p256")
    source = list_segments(list_writers(case.state / "journal")[0])[0]
    lines = source.read_bytes().rstrip(b"\0").splitlines()
    start, asked, ended = (parse_statement(dsse.parse_line(line).payload) for line in lines[:3])
    said = start["predicate"]
    retired = start | {"predicate": said | {"phase": "key", "event": {
        "keyId": case.retired.keyid, "kind": "retired", "role": "receipt",
        "successor": mine.public.raw.hex()}}}  # fmt: skip
    introduced = start | {"predicate": said | {"phase": "key", "event": {
        "keyId": mine.keyid, "kind": "introduced", "role": "receipt",
        "predecessor": case.retired.public.raw.hex()}}}  # fmt: skip
    for each in (asked, ended):
        each["predicate"]["flow"]["id"] = "forged"
    previous, fresh = "", b""
    signed = [(start, case.retired), (retired, case.retired), *(
        (each, mine) for each in (introduced, asked, ended))]  # fmt: skip
    for number, (statement, key) in enumerate(signed, 1):
        sequence = {"number": number, "writer": "aaaaaaaa"}
        told = {**statement["predicate"], "decidedAt": said["decidedAt"], "sequence": sequence}
        if previous:
            told["sequence"] |= {"previous": {"sha256": previous}}
        line = seal(canonical_encoding.encode(statement | {"predicate": told}), key)
        previous, fresh = hashlib.sha256(line).hexdigest(), fresh + line + b"\n"
    (case.state / "journal/aaaaaaaa").mkdir()
    (case.state / "journal/aaaaaaaa/000000000001.jsonl").write_bytes(fresh)


def log_beside_ours(case: Case) -> None:
    """Publish a log of one's own as an earlier one, for those who trust `trusted_root.json`."""
    mine = LogKey(case.log.name, signing_keys.generate("log").public)
    known = read_published(Layout(case.state))
    case.keys_json(lambda said: said["log"].insert(0, {"first": 0, "last": 0, "vkey": mine.vkey}))
    root = json.loads((case.state / "log/trusted_root.json").read_text())
    entry = json.loads(json.dumps(root["tlogs"][0]))
    entry["publicKey"]["rawBytes"] = base64.b64encode(mine.key.der()).decode()
    entry["logId"]["keyId"] = base64.b64encode(mine.digest).decode()
    root["tlogs"].insert(0, entry)
    (case.state / "log/trusted_root.json").write_text(json.dumps(root))
    assert len(read_published(Layout(case.state)).log) == len(known.log) + 1


def handover_to_mine(case: Case) -> None:
    """With the log's retired key absent: a handover that the next key alone has signed."""
    path = next((case.state / "log").glob("handover-*"))
    note, mine = parse_checkpoint(path.read_bytes()), signing_keys.generate("log")
    path.write_bytes(sign_checkpoint(note, mine))


def id_of_another(said: dict[str, Any]) -> None:
    """Exchange the ids of the published keys: whoever looks a key up finds the other."""
    one, two = said["receipt"][:2]
    one["keyid"], two["keyid"] = two["keyid"], one["keyid"]


def p256_as_log(case: Case, said: dict[str, Any]) -> None:
    """Publish the P-256 receipt key as the log's."""
    key = LogKey(case.log.name, case.key.public)
    said["log"][-1]["vkey"] = key.vkey


Attack = Callable[[Case], object]
ATTACKS: dict[str, tuple[Attack, str]] = {
    "the other signature of ECDSA": (lambda c: c.change(resign(mirrored), -4), "edited"),
    "the other signature of the last receipt": (lambda c: c.change(resign(mirrored)), "edited"),
    "a signature without DER": (lambda c: c.change(resign(joined), -4), "edited"),
    "a signature in BER": (
        lambda c: c.change(resign(lambda x: b"\x30\x81" + x[1:]), -4), "edited"),
    "a byte after a signature": (lambda c: c.change(resign(lambda x: x + b"\0"), -4), "edited"),
    "an Ed25519 signature under a P-256 key's id": (
        lambda c: c.change(under_the_other_key(c), -4), "edited"),
    "a P-256 receipt under the Ed25519 key's id": (
        lambda c: c.change(lambda x: x.replace(
            c.key.keyid.encode(), c.receipt.keyid.encode()), -4), "edited"),
    "with a retired key: a handover to another": (thieves_journal, "retired-key"),
    "with the key: a rotation to a compressed point": (
        lambda c: c.change(restate(c, rotates_to(
            ("03" if c.key.public.raw[-1] & 1 else "02") + c.key.public.raw[1:33].hex())), -4),
        "malformed"),
    "with the key: a rotation to no point": (
        lambda c: c.change(restate(c, rotates_to("04" + "01" * 64)), -4), "malformed"),
    "with the key: a verdict that is none": (
        lambda c: c.change(restate(c, lambda said: said.update(verdict="Deny")), -4), "malformed"),
    "with the key: an enforcement that is none": (
        lambda c: c.change(restate(c, lambda said: said.update(enforcement="")), -4), "malformed"),
    "with the key: a time that is none": (
        lambda c: c.change(restate(c, lambda said: said.update(decidedAt="later")), -4),
        "malformed"),
    "with the key: a number that only Python reads as one": (
        lambda c: c.change(restate(c, lambda said: said["sequence"].update(number=True)), -4),
        "malformed"),
    "the ids of published keys exchanged": (
        lambda c: c.keys_json(id_of_another), "published-keys"),
    "another origin in the published keys": (
        lambda c: c.keys_json(lambda said: said.update(origin="x.invalid")), "published-keys"),
    "another log beside ours": (log_beside_ours, "published-keys"),
    "the log's handover signed by somebody else": (handover_to_mine, "checkpoint"),
    "a receipt key published as the log's": (
        lambda c: c.keys_json(lambda said: p256_as_log(c, said)), "published-keys"),
    "a file beside the segments": (
        lambda c: shutil.copy(c.segment, c.segment.with_name("later.jsonl")), "misnamed"),
    "an empty segment under another number": (
        lambda c: c.segment.with_name("7.jsonl").write_bytes(b""), "misnamed"),
}  # fmt: skip


@pytest.mark.parametrize(("attack", "kind"), ATTACKS.values(), ids=ATTACKS.keys())
def test_tampering_is_found_and_named(case: Case, attack: Attack, kind: str) -> None:
    """The first bad thing that fsck names has the right kind."""
    attack(case)
    with pytest.raises(Broken) as caught:
        case.check()
    assert caught.value.kind == kind, str(caught.value)


@pytest.mark.parametrize(
    "name", [name for name, (_, kind) in ATTACKS.items() if kind in ("edited", "retired-key")]
)
def test_journals_alone_show_it_too(case: Case, name: str) -> None:
    """Without a log, as `receipts verify` looks at them."""
    attack, kind = ATTACKS[name]
    attack(case)
    with pytest.raises(Broken) as caught:
        verify_journal(case.state / "journal", [case.receipt])
    assert caught.value.kind == kind, str(caught.value)
