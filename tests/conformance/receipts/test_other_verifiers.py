"""What we write, read by other people's verifiers; and what was changed, refused by them."""

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from helm_boundary.cli.receipts import receipts
from helm_receipts.audit.fsck import fsck
from helm_receipts.envelope import signing_keys
from helm_receipts.envelope.checkpoint import Checkpoint
from helm_receipts.envelope.dsse import parse_line
from helm_receipts.envelope.entry import log_entry
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.predicate import Boundary
from helm_receipts.envelope.public_keys import KeyType, PublicKey
from helm_receipts.envelope.record import Record
from helm_receipts.envelope.signatures import sign_checkpoint
from helm_receipts.export.bundle import logged_bundle, plain_bundle
from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from helm_receipts.log.frontier import Frontier
from helm_receipts.log.handovers import follow_handovers
from helm_receipts.log.inclusion import InclusionProof
from helm_receipts.log.merkle_proofs import inclusion_proof
from helm_receipts.log.proof import proof_file, prove
from helm_receipts.log.published_keys import read_published
from helm_receipts.log.tiles import TileReader
from helm_receipts.recording import keyset
from helm_receipts.recording.handover import Successor
from helm_receipts.recording.rotation import rotate_log_key, rotate_receipt_key
from support.receipts import outcome, record_calls, recording, request
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
CHOSEN = [
    # Building Tessera takes longer than all the others.
    pytest.param(each, id=name, marks=[pytest.mark.slow] if name == "Tessera fsck" else [])
    for name, each in VERIFIERS.items()
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("verifier", CHOSEN)
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
@pytest.mark.parametrize("verifier", CHOSEN)
def test_a_changed_log_is_refused(
    tmp_path: Path, verifier: Callable[[SampleLog], str | None], name: str
) -> None:
    """So that acceptance means something: one bit, anywhere."""
    sample = SampleLog(tmp_path, 700)
    _flip(sample.log / name)
    assert verifier(sample) is not None


class Folder:
    """A state folder with receipts, and what others are given of it: each under its own key."""

    def __init__(self, state: Path) -> None:
        self.layout = Layout(state)
        self.known = read_published(self.layout)
        self.records = list(read_records(self.layout.journal))

    @property
    def log(self) -> LogKey:
        """The log's key in use."""
        return self.known.log[-1].key

    def key_of(self, record: Record) -> PublicKey:
        """Find the key that signed a receipt."""
        return self.known.receipt_key(parse_line(record.envelope).keyid)

    def prove(self, record: Record) -> InclusionProof:
        """Prove that a receipt is in the log."""
        return prove(self.layout, self.known, record)

    @property
    def sample(self) -> list[Record]:
        """The first and last receipts by each key, and some between them."""
        every = [self.records[at] for at in range(0, len(self.records), 40)]
        for key in {self.key_of(record) for record in self.records}:
            own = [record for record in self.records if self.key_of(record) == key]
            every += [own[0], own[-1]]
        return every


def plain(state: Path) -> None:
    """Record one session of one writer."""
    record_calls(state, 150)


def with_p256(state: Path) -> None:
    """Record the same, signed with P-256."""
    keyset.open_keyset(Layout(state), "p256")
    record_calls(state, 150)


def with_rotations(state: Path) -> None:
    """Record with two writers and several sessions, under keys that are rotated, of both kinds."""
    layout, boundary = Layout(state), Boundary("x", "0.1.0", "00" * 32)
    kinds: tuple[KeyType | None, ...] = ("p256", "ed25519", None)
    for session, kind in enumerate(kinds):
        with recording(state) as one, recording(state) as two:
            for number in range(30):
                for recorder, name in ((one, "one"), (two, "two")):
                    recorder.record_now(request(f"{name}-{session}-{number}"))
                    recorder.record_now(outcome(f"{name}-{session}-{number}"))
        record_calls(state, 5, segment_bytes=60_000)
        if kind is not None:
            rotate_receipt_key(layout, boundary, Successor(kind))
            rotate_log_key(layout, boundary)


def after_retention(state: Path) -> None:
    """Record the same; then archive older receipts, and prune others."""
    with_rotations(state)
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    record_calls(state, 30, segment_bytes=20_000)
    for command in (("archive", "-o", str(state.parent / "archive")), ("prune", "--yes")):
        done = CliRunner().invoke(receipts, [*command, "--state", str(state), "--before", moment])
        assert done.exit_code == 0, done.output
        record_calls(state, 30, segment_bytes=20_000)


FOLDERS: dict[str, Callable[[Path], None]] = {
    "Ed25519": plain,
    "P-256": with_p256,
    "rotations": with_rotations,
    "archived and pruned": after_retention,
}


@pytest.fixture(scope="module", params=FOLDERS.values(), ids=[*FOLDERS])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Make a state folder of each kind."""
    state = tmp_path_factory.mktemp("folder") / "state"
    request.param(state)
    return Folder(state)


def test_folders_are_what_they_say(folder: Folder) -> None:
    """Verified by ourselves first; keys of both kinds, and receipts that are gone, where said."""
    first = folder.known
    keys, logs = [known.key for known in first.receipt], first.log[0].key
    report = fsck(folder.layout.state, keys, follow_handovers(folder.layout.log, logs, first))
    assert report.is_complete
    assert len(folder.sample) >= 5


@pytest.mark.parametrize("verifier", CHOSEN)
def test_the_log_of_a_state_folder_is_accepted(
    tmp_path: Path, folder: Folder, verifier: Callable[[SampleLog], str | None]
) -> None:
    """The log that the recorder made, and proofs of receipts."""
    given = SampleLog(tmp_path, 1)
    given.log, given.vkey = folder.layout.log, folder.log.vkey
    for record in folder.sample[-3:]:
        given.proof.write_bytes(proof_file(folder.prove(record)))
        given.entry.write_bytes(log_entry(parse_line(record.envelope), folder.key_of(record)))
        assert verifier(given) is None


def test_securesystemslib_accepts_the_envelopes(folder: Folder) -> None:
    """All of them: the signature over the PAE, by a key of that id; a changed one is refused."""
    dsse = pytest.importorskip("securesystemslib.dsse")
    signer = pytest.importorskip("securesystemslib.signer")
    exceptions = pytest.importorskip("securesystemslib.exceptions")
    for record in folder.records:
        ours = folder.key_of(record)
        key = signer.SSlibKey.from_crypto(ours.point)
        envelope = dsse.Envelope.from_dict(json.loads(record.envelope))
        assert list(envelope.verify([key], 1)) == [ours.keyid]
    envelope.payload += b" "
    with pytest.raises(exceptions.VerificationError):
        envelope.verify([key], 1)


class Bundles:
    """Bundles in files, as other people's programs take them."""

    def __init__(self, folder: Folder, place: Path) -> None:
        self._folder = folder
        self.bundle, self.key = place / "bundle.json", place / "key.pem"
        self.root = folder.layout.log / "trusted_root.json"

    def write(self, record: Record, *, is_logged: bool) -> dict[str, Any]:
        """Write a receipt's bundle and its key; returns the bundle."""
        key = self._folder.key_of(record)
        self.key.write_bytes(key.pem())
        bundle = plain_bundle(record.envelope)
        if is_logged:
            proof = self._folder.prove(record)
            bundle = logged_bundle(record.envelope, key, proof, self._folder.log)
        self.put(bundle)
        return bundle

    def put(self, bundle: dict[str, Any]) -> None:
        """Write a bundle."""
        self.bundle.write_text(json.dumps(bundle))


def by_sigstore_go(bundles: Bundles, entries: int) -> str | None:
    """sigstore-go."""
    files = (bundles.bundle, bundles.key, *[bundles.root] * entries)
    return accepts(sigstorecheck(), *files)


def by_sigstore(bundles: Bundles, entries: int) -> str | None:
    """@sigstore/verify."""
    node, modules = sigstore()
    files = (bundles.bundle, bundles.root, bundles.key)
    return accepts(node, PROGRAMS / "check_bundle.mjs", modules, *files, entries)


# The first one takes more than a minute to build.
@pytest.mark.parametrize(
    "verify", [pytest.param(by_sigstore_go, marks=pytest.mark.slow), by_sigstore]
)
@pytest.mark.parametrize("entries", [1, pytest.param(0, marks=pytest.mark.slow)])
def test_sigstore_accepts_the_bundles(
    tmp_path: Path, folder: Folder, verify: Callable[[Bundles, int], str | None], entries: int
) -> None:
    """Envelope, and with our trusted_root.json entry, inclusion and checkpoint.

    sigstore-go knows no log entries of pure Ed25519 keys, so it refuses them; of P-256 it takes
    them. It also refuses an envelope with a keyid, so bundles have none.
    """
    bundles = Bundles(folder, tmp_path)
    for record, other in itertools.pairwise(folder.sample):
        bundle = bundles.write(record, is_logged=bool(entries))
        is_unknown = folder.key_of(record).type == "ed25519" and entries > 0
        refused = verify(bundles, entries)
        assert (refused is not None) == (is_unknown and verify is by_sigstore_go), refused
        theirs = plain_bundle(other.envelope)["dsseEnvelope"]
        ours = {"payload": bundle["dsseEnvelope"]["payload"]}
        bundles.put(bundle | {"dsseEnvelope": theirs | ours})
        assert verify(bundles, entries) is not None
        if entries:
            # Another receipt, itself valid, under this one's place in the log.
            bundles.put(bundle | {"dsseEnvelope": theirs})
            assert verify(bundles, entries) is not None
