"""What we write, read by other people's verifiers; and what was changed, refused by them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from helm_receipts.envelope import signing_keys
from helm_receipts.envelope.checkpoint import Checkpoint
from helm_receipts.envelope.dsse import parse_line
from helm_receipts.envelope.entry import log_entry
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.record import Record
from helm_receipts.envelope.signatures import sign_checkpoint
from helm_receipts.export.bundle import logged_bundle, plain_bundle
from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from helm_receipts.log.frontier import Frontier
from helm_receipts.log.inclusion import InclusionProof
from helm_receipts.log.merkle_proofs import inclusion_proof
from helm_receipts.log.proof import proof_file, prove
from helm_receipts.log.tiles import TileReader
from helm_receipts.recording import keyset
from helm_receipts.recording.keyset import Keyset
from support.receipts import record_calls
from support.verifiers import (
    PROGRAMS,
    accepts,
    python_verifiers,
    sigstore,
    sigstorecheck,
    tesseracheck,
    tlogcheck,
)

SIZES = (1, 2, 255, 256, 257, 700, 65_536, 70_000)
ORIGIN = "conformance.helm-boundary.invalid"


class SampleLog:
    """A log of some size in a folder, with a proof of one of its entries."""

    def __init__(self, folder: Path, size: int) -> None:
        key = signing_keys.generate("log")
        edge = Frontier()
        for number in range(size):
            edge.add(b'{"entry":%d}' % number)
        for name, content in edge.take_tiles().items():
            path = folder / "log" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        note = sign_checkpoint(Checkpoint(ORIGIN, size, edge.root()), key)
        (folder / "log" / "checkpoint").write_bytes(note)
        index = size * 2 // 3
        hashes = inclusion_proof(index, size, TileReader(folder / "log", size).nodes)
        self.log = folder / "log"
        self.vkey = LogKey(ORIGIN, key.public).vkey
        self.proof = folder / "sample.tlog-proof"
        self.proof.write_bytes(proof_file(InclusionProof(index, tuple(hashes), note)))
        self.entry = folder / "entry"
        self.entry.write_bytes(b'{"entry":%d}' % index)

    def go(self) -> str | None:
        """golang.org/x/mod/sumdb: note and tlog."""
        return accepts(tlogcheck(), self.log, self.vkey, self.proof, self.entry)

    def python(self) -> str | None:
        """aics-tlog and proofbundle."""
        script = PROGRAMS / "check_log.py"
        return accepts(python_verifiers(), script, self.log, self.vkey, self.proof, self.entry)

    def tessera(self) -> str | None:
        """Tessera's fsck."""
        return accepts(tesseracheck(), self.log, self.vkey)


VERIFIERS: dict[str, Callable[[SampleLog], str | None]] = {
    "x/mod sumdb": SampleLog.go,
    "aics-tlog and proofbundle": SampleLog.python,
    "Tessera fsck": SampleLog.tessera,
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("verifier", VERIFIERS.values(), ids=VERIFIERS.keys())
def test_a_log_of_any_size_is_accepted(
    tmp_path: Path, verifier: Callable[[SampleLog], str | None], size: int
) -> None:
    """Checkpoint, every tile, every entry and a proof."""
    assert verifier(SampleLog(tmp_path, size)) is None


def _flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize("name", ["checkpoint", "tile/0/000", "tile/entries/001"])
@pytest.mark.parametrize("verifier", VERIFIERS.values(), ids=VERIFIERS.keys())
def test_a_changed_log_is_refused(
    tmp_path: Path, verifier: Callable[[SampleLog], str | None], name: str
) -> None:
    """So that acceptance means something: one bit, anywhere."""
    sample = SampleLog(tmp_path, 700)
    _flip(sample.log / name)
    assert verifier(sample) is not None


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[Path, Keyset, list[Record]]:
    """Make a state folder with real receipts in its log."""
    record_calls(tmp_path / "state", 150)
    layout = Layout(tmp_path / "state")
    return layout.state, keyset.open_keyset(layout), list(read_records(layout.journal))


def test_a_real_state_folder_is_accepted(
    tmp_path: Path, recorded: tuple[Path, Keyset, list[Record]]
) -> None:
    """The log that the recorder made, and a proof of one receipt."""
    state, known, records = recorded
    layout = Layout(state)
    sample = SampleLog(tmp_path, 1)
    sample.log = layout.log
    sample.vkey = known.published.log[-1].key.vkey
    sample.proof.write_bytes(proof_file(prove(layout, known.published, records[100])))
    envelope = parse_line(records[100].envelope)
    sample.entry.write_bytes(log_entry(envelope, known.receipt.public))
    assert sample.go() is None
    assert sample.python() is None


def test_securesystemslib_accepts_the_envelope(
    recorded: tuple[Path, Keyset, list[Record]],
) -> None:
    """The signature over the PAE, found by its keyid; a changed payload is refused."""
    dsse = pytest.importorskip("securesystemslib.dsse")
    signer = pytest.importorskip("securesystemslib.signer")
    exceptions = pytest.importorskip("securesystemslib.exceptions")
    _, known, records = recorded
    key = signer.SSlibKey.from_crypto(known.receipt.public.point)
    value = json.loads(records[5].envelope)
    envelope = dsse.Envelope.from_dict(value)
    assert list(envelope.verify([key], 1)) == [known.receipt.keyid]
    envelope.payload += b" "
    with pytest.raises(exceptions.VerificationError):
        envelope.verify([key], 1)


def test_sigstore_go_accepts_the_bundle(
    tmp_path: Path, recorded: tuple[Path, Keyset, list[Record]]
) -> None:
    """It refuses an envelope with a keyid, so bundles have none; and a changed one, of course."""
    program = sigstorecheck()
    state, _, records = recorded
    key = Layout(state).log / "receipt.pub.pem"
    bundle, path = plain_bundle(records[7].envelope), tmp_path / "bundle.json"
    path.write_text(json.dumps(bundle))
    assert accepts(program, path, key) is None
    other = plain_bundle(records[8].envelope)["dsseEnvelope"]
    path.write_text(
        json.dumps(
            bundle | {"dsseEnvelope": other | {"payload": bundle["dsseEnvelope"]["payload"]}}
        )
    )
    assert accepts(program, path, key) is not None


@pytest.mark.parametrize("entries", [0, 1])
def test_sigstore_accepts_the_bundle(
    tmp_path: Path, recorded: tuple[Path, Keyset, list[Record]], entries: int
) -> None:
    """Envelope, entry, inclusion and checkpoint; with our trusted_root.json."""
    node, modules = sigstore()
    state, known, records = recorded
    layout, envelope = Layout(state), records[7].envelope
    bundle = plain_bundle(envelope)
    if entries:
        proof = prove(layout, known.published, records[7])
        key = known.published.log[-1].key
        bundle = logged_bundle(envelope, known.receipt.public, proof, key)

    def verdict(bundle: object) -> str | None:
        (tmp_path / "bundle.json").write_text(json.dumps(bundle))
        files = (tmp_path / "bundle.json", layout.log / "trusted_root.json")
        script = PROGRAMS / "check_bundle.mjs"
        return accepts(node, script, modules, *files, layout.log / "receipt.pub.pem", entries)

    assert verdict(bundle) is None
    other = plain_bundle(records[8].envelope)["dsseEnvelope"]
    changed = bundle | {"dsseEnvelope": other | {"payload": bundle["dsseEnvelope"]["payload"]}}
    assert verdict(changed) is not None
    if entries:
        # Another receipt, itself valid, under this one's place in the log.
        assert verdict(bundle | {"dsseEnvelope": other}) is not None
