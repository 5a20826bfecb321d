"""Evidence packs and the verifier as one file: made twice the same, verified by a stranger."""

import ast
import hashlib
import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from helm_boundary.cli import main
from helm_receipts.__main__ import main as verifier
from helm_receipts.audit.pack import MANIFEST, verify_pack
from helm_receipts.envelope import canonical, canonical_encoding, dsse, key_files, signing_keys
from helm_receipts.envelope.checkpoint import parse_checkpoint
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.public_keys import PublicKey, read_public_key
from helm_receipts.envelope.signatures import seal, sign_checkpoint
from helm_receipts.envelope.statement import PolicyRef
from helm_receipts.errors import Broken
from helm_receipts.export.reproducible_zip import write_zip
from helm_receipts.export.verifier_archive import build_verifier
from helm_receipts.layout import Layout
from helm_receipts.log.inclusion import parse_proof
from support.boundary import ROOT
from support.packages import bare_packages
from support.receipts import outcome, record_calls, recording, request, unpin

MODULE = "package helm.rules.x\n"
MODULES = [["0/x.rego", hashlib.sha256(MODULE.encode()).hexdigest()]]
STATEMENT = json.dumps({"data": {}, "detectors": "{}", "modules": MODULES})
DIGEST = hashlib.sha256(STATEMENT.encode()).hexdigest()
NO_MODULES = b'{"modules":[]}'
NOBODYS = hashlib.sha256(NO_MODULES).hexdigest()

RUN = "import runpy, sys; sys.path[:0] = [sys.argv.pop(1)]; del sys.argv[0]; "
RUN += "runpy.run_path(sys.argv[0], run_name='__main__')"


def run(*arguments: object) -> Result:
    """Run `helm-boundary …`."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with `cryptography` and nothing else."""
    return bare_packages(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two writers, several sessions; a policy that decided once, and was kept."""
    state = tmp_path_factory.mktemp("template") / "state"
    record_calls(state, 8, segment_bytes=9_000)
    (state / "policies").mkdir()
    kept = {"modules": {"0/x.rego": MODULE}, "statement": STATEMENT}
    (state / f"policies/{DIGEST}.json").write_text(json.dumps(kept))
    with recording(state) as one, recording(state) as two:
        one.record_now(replace(request("kept"), policy=PolicyRef("file:///x", DIGEST, "regorus")))
        one.record_now(outcome("kept"))
        for number in range(6):
            for recorder, name in ((one, "one"), (two, "two")):
                recorder.record_now(request(f"{name}-{number}"))
                recorder.record_now(outcome(f"{name}-{number}"))
    return state


@pytest.fixture
def state(template: Path, tmp_path: Path) -> Path:
    """Copy the template."""
    return shutil.copytree(template, tmp_path / "state")


@pytest.fixture
def pack(state: Path) -> Path:
    """Make a pack of everything."""
    path = state.parent / "pack.zip"
    done = run("evidence", "--state", state, "--since", "1h", "-o", path)
    assert done.exit_code == 0, done.output
    return path


def keys_of(state: Path) -> tuple[list[PublicKey], list[LogKey]]:
    """Return the keys that an auditor would have."""
    key = read_public_key((state / "log/receipt.pub.pem").read_bytes())
    return [key], [LogKey.parse((state / "log/log.vkey").read_text())]


def test_the_verifier_is_built_the_same_each_time(tmp_path: Path) -> None:
    """By the script and by the product: one file, byte for byte."""
    subprocess.run([ROOT / "scripts/verifier", tmp_path / "v.pyz"], check=True, capture_output=True)
    assert (tmp_path / "v.pyz").read_bytes() == build_verifier() == build_verifier()


def test_the_verifier_runs_with_python_and_cryptography_alone(
    packages: Path, state: Path, pack: Path
) -> None:
    """Every command, as an auditor has it: a file, a folder or a pack, and two keys."""
    verifier = state.parent / "helm-verify.pyz"
    verifier.write_bytes(build_verifier())
    vkey = (state / "log/log.vkey").read_text().strip()
    key = ("--key", state / "log/receipt.pub.pem")
    receipt = next(
        iter(
            zipfile.ZipFile(pack).namelist()[i]
            for i in range(99)
            if "proofs/" in zipfile.ZipFile(pack).namelist()[i]
        )
    )
    identity = Path(receipt).stem
    for command in (
        ("verify", state, *key),
        ("fsck", state, *key, "--vkey", vkey),
        ("show", state, identity, *key),
        ("pack", pack, *key, "--vkey", vkey),
    ):
        line = [sys.executable, "-I", "-S", "-c", RUN, packages, verifier, *command]
        done = subprocess.run([*map(str, line)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.startswith("VERIFIED")


def test_the_verifier_says_what_it_needs(state: Path) -> None:
    """A Python without `cryptography` gets a line and no verdict; an older one can read so far."""
    path = state.parent / "helm-verify.pyz"
    path.write_bytes(build_verifier())
    line = [sys.executable, "-I", "-S", *map(str, (path, "verify", state, "--key", path))]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "helm-verify needs cryptography: python -m pip install cryptography\n"
    start = zipfile.ZipFile(path).read("__main__.py")
    tree = ast.parse(start, feature_version=(3, 7))
    assert "3.12" in ast.unparse(tree.body[1])


def test_a_pack_is_the_same_each_time_and_verifies(state: Path, pack: Path) -> None:
    """The same receipts under the same checkpoint give the same bytes."""
    again = state.parent / "again.zip"
    since = json.loads(zipfile.ZipFile(pack).read(MANIFEST))["since"]
    assert run("evidence", "--state", state, "--since", since, "-o", again).exit_code == 0
    assert again.read_bytes() == pack.read_bytes()
    report = verify_pack(pack, *keys_of(state))
    size = parse_checkpoint((state / "log/checkpoint").read_bytes()).size
    assert (report.receipts, report.first, report.last) == (size, 0, size - 1)
    assert report.is_complete
    names = zipfile.ZipFile(pack).namelist()
    assert {"README.md", "helm-verify.pyz", "log/checkpoint", "keys/log.vkey"} <= set(names)


def test_a_pack_of_some_time_has_what_was_recorded_in_between(state: Path) -> None:
    """Consecutive entries of the log, of all writers, and nothing before or after."""
    record_calls(state, 3)
    path, middle = state.parent / "pack.zip", 20
    times = [r["decidedAt"] for r in listed(state)]
    done = run(
        "evidence",
        "--state",
        state,
        "--since",
        times[middle],
        "--until",
        times[-4],
        "-o",
        path,
        "--json",
    )
    assert done.exit_code == 0, done.output
    report = verify_pack(path, *keys_of(state))
    assert report.is_complete
    assert 0 < report.first < report.last < len(times)
    assert report.receipts == report.last - report.first + 1


def listed(state: Path) -> list[dict[str, str]]:
    """List all receipts as `receipts list` does."""
    done = run("receipts", "list", "--state", state, "--json", "--limit", "0")
    return [json.loads(line) for line in done.output.splitlines()]


def test_nothing_is_no_pack(state: Path) -> None:
    """Where nothing was recorded there is nothing to show."""
    path = state.parent / "pack.zip"
    done = run("evidence", "--state", state, "--since", "2999-01-01", "-o", path)
    assert done.exit_code == 2
    assert not path.exists()
    assert run("evidence", "--state", state, "--since", "soon", "-o", path).exit_code == 2


def test_a_pack_of_an_unknown_folder_says_so(tmp_path: Path) -> None:
    """It is consistent; whose it is, the keys that the auditor names show."""
    state = tmp_path / "unknown"
    record_calls(state, 2)
    unpin(state)
    path = state.parent / "pack.zip"
    done = run("evidence", "--state", state, "--since", "1h", "-o", path)
    assert done.exit_code == 3
    assert "not whose it is" in done.output


def test_nothing_is_packed_of_a_folder_that_was_tampered_with(state: Path) -> None:
    """Exit 1 and no file."""
    segment = next((state / "journal").rglob("*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b'"sig":"', b'"sig":"AAAA', 1))
    path = state.parent / "pack.zip"
    assert run("evidence", "--state", state, "--since", "1h", "-o", path).exit_code == 1
    assert not path.exists()


# --- what can be done to a pack -----------------------------------------------------------------

type Files = dict[str, bytes]


def rewrite(pack: Path, change: Callable[[Files], object], *, manifest: bool = True) -> None:
    """Change files of a pack; the manifest is made to fit, as whoever forges one would."""
    with zipfile.ZipFile(pack) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    told = json.loads(files.pop(MANIFEST))
    change(files)
    if manifest:
        told["files"] = {n: hashlib.sha256(content).hexdigest() for n, content in files.items()}
    out = io.BytesIO()
    write_zip(out, sorted((files | {MANIFEST: json.dumps(told).encode()}).items()))
    pack.write_bytes(out.getvalue())


def first(files: Files, start: str) -> str:
    """Name the first file with this beginning."""
    return next(name for name in sorted(files) if name.startswith(start))


def edit(files: Files, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the first writer's lines."""
    name = first(files, "receipts/")
    files[name] = b"".join(x + b"\n" for x in change(files[name].splitlines()))


def reworded(line: bytes, key: signing_keys.SigningKey | None = None) -> bytes:
    """Change what a receipt says; signed again where there is a key to do so."""
    payload = dsse.parse_line(line).payload
    statement = canonical.decode(payload)
    statement["predicate"]["verdict"] = "DENY"
    if key is not None:
        return seal(canonical_encoding.encode(statement), key)
    return line.replace(line[20:24], b"AAAA" if line[20:24] != b"AAAA" else b"BBBB")


def swap_proofs(files: Files) -> None:
    """Exchange two receipts' proofs."""
    one, two = [name for name in sorted(files) if name.startswith("proofs/")][3:5]
    files[one], files[two] = files[two], files[one]


def drop_from_the_middle(files: Files) -> None:
    """Leave out a receipt and its proof."""
    edit(files, lambda lines: [*lines[:4], *lines[5:]])


FORGED: dict[str, tuple[Callable[[Files], object], str]] = {
    "a receipt edited": (lambda f: edit(f, lambda x: [*x[:3], reworded(x[3]), *x[4:]]), "edited"),
    "a receipt left out": (drop_from_the_middle, "dropped"),
    "two receipts exchanged": (
        lambda f: edit(f, lambda x: [*x[:3], x[4], x[3], *x[5:]]), "dropped"),
    "a line cut off": (
        lambda f: f.update({first(f, "receipts/"): f[first(f, "receipts/")][:-9]}), "torn"),
    "proofs exchanged": (swap_proofs, "proof"),
    "a proof of nothing": (lambda f: f.update({first(f, "proofs/"): b"x"}), "proof"),
    "no checkpoint": (lambda f: f.pop("log/checkpoint"), "checkpoint"),
    "a policy that decided nothing": (
        lambda f: f.update({f"policy/{NOBODYS}/statement.json": NO_MODULES}),
        "policy"),
    "a policy that is no statement": (
        lambda f: f.update({f"policy/{hashlib.sha256(b'[]').hexdigest()}/statement.json": b"[]"}),
        "policy"),
    "a policy's text": (
        lambda f: f.update({first(f, "policy/"): b"package other\n"}), "policy"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "kind"), FORGED.values(), ids=FORGED.keys())
def test_a_forged_pack_is_refused(
    state: Path, pack: Path, change: Callable[[Files], object], kind: str
) -> None:
    """With a manifest that fits; what is signed decides."""
    assert verify_pack(pack, *keys_of(state)).policies == (DIGEST,)
    rewrite(pack, change)
    with pytest.raises(Broken) as caught:
        verify_pack(pack, *keys_of(state))
    assert caught.value.kind == kind, str(caught.value)


def test_what_can_not_be_unpacked_is_said(
    state: Path, pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file with a password, or packed in a way of others."""
    log, whole = Layout(state).log, pack.read_bytes()
    named = ["--key", str(log / "receipt.pub.pem"), "--vkey", (log / "log.vkey").read_text()]
    at = whole.index(b"PK\x01\x02")
    for offset, value in ((8, whole[at + 8] | 1), (10, 99)):
        pack.write_bytes(whole[: at + offset] + bytes([value]) + whole[at + offset + 1 :])
        assert verifier(["pack", str(pack), *named]) == 2
        assert capsys.readouterr().err.startswith("helm_receipts: ")


def test_what_the_manifest_does_not_say_is_refused(state: Path, pack: Path) -> None:
    """A file more, a file less, another one, and one that is there twice."""
    whole = pack.read_bytes()
    changes: tuple[Callable[[Files], object], ...] = (
        lambda files: files.update({"more": b"x"}),
        lambda files: files.pop("README.md"),
        lambda files: files.update({"README.md": b"x"}),
    )
    for change in changes:
        pack.write_bytes(whole)
        rewrite(pack, change, manifest=False)
        with pytest.raises(Broken) as caught:
            verify_pack(pack, *keys_of(state))
        assert caught.value.kind == "replaced"
    with zipfile.ZipFile(pack, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("README.md", b"other")
    with pytest.raises(Broken, match="twice"):
        verify_pack(pack, *keys_of(state))


def test_a_receipt_that_was_signed_again_has_no_proof(state: Path, pack: Path) -> None:
    """With the receipt key and not the log's: the last of a journal, so that no chain breaks."""
    key = key_files.load(state / "keys/receipt.pem", "receipt")
    rewrite(pack, lambda f: edit(f, lambda x: [*x[:-1], reworded(x[-1], key)]))
    with pytest.raises(Broken) as caught:
        verify_pack(pack, *keys_of(state))
    assert caught.value.kind == "proof"


def test_a_receipt_that_was_left_out_at_an_end_is_noticed(state: Path, pack: Path) -> None:
    """The last of one writer, whose chain has no gap: the places in the log have one."""
    with zipfile.ZipFile(pack) as archive:
        proofs = {n: archive.read(n) for n in archive.namelist() if n.startswith("proofs/")}
    places = {Path(name).stem: parse_proof(text).index for name, text in proofs.items()}
    last = max(places, key=lambda name: places[name]).partition("-")[0]
    (other,) = {name.partition("-")[0] for name in places} - {last}

    def leave_out(files: Files) -> None:
        name = first(files, f"receipts/{other}")
        *rest, _ = files[name].splitlines(keepends=True)
        files[name] = b"".join(rest)
        del files[max(each for each in files if each.startswith(f"proofs/{other}"))]

    rewrite(pack, leave_out)
    report = verify_pack(pack, *keys_of(state))
    assert report.left_out == 1
    assert not report.is_complete


def test_a_pack_by_another_boundary_is_refused(state: Path, pack: Path, tmp_path: Path) -> None:
    """With the keys that the auditor has, whatever keys are in it."""
    other = tmp_path / "other"
    record_calls(other, 2)
    keys, logs = keys_of(state)
    others, other_logs = keys_of(other)
    with pytest.raises(Broken, match="checkpoint"):
        verify_pack(pack, keys, other_logs)
    with pytest.raises(Broken, match="foreign-key"):
        verify_pack(pack, others, logs)
    note = sign_checkpoint(
        parse_checkpoint((state / "log/checkpoint").read_bytes()), signing_keys.generate("log")
    )
    rewrite(pack, lambda files: files.update({"log/checkpoint": note}))
    with pytest.raises(Broken, match="checkpoint"):
        verify_pack(pack, keys, logs)
