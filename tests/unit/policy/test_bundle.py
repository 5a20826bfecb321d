"""OPA bundles: taken when they are whole, within their roots and, where asked for, signed."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import io
import json
import shutil
import subprocess
import tarfile
import time
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from helm_boundary.cli.policy import policy
from helm_boundary.policy.authoring.bench import sample
from helm_boundary.policy.detectors.detectors import compile_detectors
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.reload.watch import load_aside
from helm_boundary.policy.sources.bundle_archive import BundleArchive
from helm_boundary.policy.sources.default_folder import default_policy_folder
from helm_boundary.policy.sources.policy import read_policy
from support.verifiers import opa

ACME = {"name": "secret.acme_token", "pattern": r"\bacme_[A-Za-z0-9]{32}\b"}
RULE = (
    b'package helm.rules.mine\n\ndeny contains {"rule": "mine", "code": "POLICY_VIOLATION", '
    b'"message": "No.", "finality": "ungranted"} if input.model == data.mine.model\n'
)
DATA = '{"mine": {"model": "cat", "n": 1.50, "text": "é<&>\\u2028"}}'.encode()
FILES = {"mine/mine.rego": RULE, "data.json": DATA}
SECRET = b"a secret of the test"


def pack(path: Path, files: Mapping[str, bytes], members: tuple[tarfile.TarInfo, ...] = ()) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in members:
            archive.addfile(member)
    return path


def sign(
    content: Mapping[str, bytes], *, header: str = '{"alg": "HS256"}', **changes: Any
) -> dict[str, bytes]:
    """Add a signature by SECRET to the files; changes replace entries of the payload."""
    entries = [
        {"name": name, "hash": hashlib.sha256(file).hexdigest(), "algorithm": "SHA-256"}
        for name, file in content.items()
    ]
    payload = json.dumps({"files": entries} | changes)
    signed = b".".join(encode(text.encode()) for text in (header, payload))
    token = signed + b"." + encode(hmac.digest(SECRET, signed, "sha256"))
    return {**content, ".signatures.json": json.dumps({"signatures": [token.decode()]}).encode()}


def encode(text: bytes) -> bytes:
    return base64.urlsafe_b64encode(text).rstrip(b"=")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    (tmp_path / "key").write_bytes(SECRET + b"\n")
    return tmp_path / "key"


def test_a_bundle_is_read_as_a_policy(tmp_path: Path) -> None:
    """Rules, data, manifest; the revision is in the policy's address."""
    manifest = b'{"revision": "r 7", "roots": ["helm/rules/mine", "mine"]}'
    bundle = pack(
        tmp_path / "b.tar.gz", {f"/{n}": c for n, c in FILES.items()} | {".manifest": manifest}
    )
    policy = read_policy([bundle])
    assert policy.data["mine"]["model"] == "cat"
    assert f"{bundle}/mine/mine.rego" in policy.modules
    assert policy.uri == f"{bundle.as_uri()}#r%207"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "holds no policy"),
        ({"../x.rego": RULE}, "not a plain file inside it"),
        ({"a/../../x.rego": RULE}, "not a plain file inside it"),
        ({"a\\x.rego": RULE}, "not a plain file inside it"),
        ({"x.rego": RULE, "./x.rego": RULE}, "twice"),
        (FILES | {".manifest": b'{"roots": ["helm/rules/mine"]}'}, "data at mine/.* is outside"),
        (FILES | {".manifest": b'{"roots": ["mine", "helm/rules/min"]}'}, "package .* is outside"),
        (FILES | {".manifest": b'{"roots": "mine"}'}, "roots are a list"),
        (FILES | {".manifest": b"[]"}, "roots are a list"),
        (FILES | {".manifest": b"{"}, "not JSON"),
        ({"data.json": b'{"helm": {"x": 1}}'}, r"data\.helm"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_doubtful_bundle_is_refused(tmp_path: Path, files: dict[str, bytes], says: str) -> None:
    """As a doubtful folder is."""
    with pytest.raises(PolicyError, match=says):
        read_policy([pack(tmp_path / "b.tar.gz", files)])


def test_only_plain_files_are_accepted(tmp_path: Path) -> None:
    """No links and no devices: what they point to is not the bundle's."""
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
        member = tarfile.TarInfo("mine/other.rego")
        member.type, member.linkname = kind, "/etc/passwd"
        with pytest.raises(PolicyError, match="not a plain file"):
            read_policy([pack(tmp_path / "b.tar.gz", FILES, (member,))])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not gzip",
        gzip.compress(b"not tar" * 1_000),
        gzip.compress(b"\0" * 100_000_000),
        gzip.compress(b"x")[:-4],
        gzip.compress(b"x") + b"more",
    ],
    ids=["empty", "text", "no tar", "bomb", "cut", "trailing"],
)
def test_a_file_that_is_no_bundle_is_refused(tmp_path: Path, content: bytes) -> None:
    """Bounded, and with the file's name."""
    (tmp_path / "b.tar.gz").write_bytes(content)
    with pytest.raises(PolicyError, match=r"b\.tar\.gz"):
        read_policy([tmp_path / "b.tar.gz"])


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """Return a member's header, whatever the size in it; negative ones as GNU writes numbers."""
    member = tarfile.TarInfo(name)
    member.type = kind
    raw = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    raw[124:136] = (256**12 + size).to_bytes(12) if size < 0 else b"%011o\0" % size
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    return bytes(raw)


def sparse(size: int) -> bytes:
    """Return a GNU sparse member of no data that stands for so many zeros."""
    raw = bytearray(header("mine/big.rego", 0, tarfile.GNUTYPE_SPARSE))
    raw[483:495] = b"%011o\0" % size
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    return bytes(raw)


def pax(**records: str) -> bytes:
    member = tarfile.TarInfo("mine/big.rego")
    member.pax_headers = {name.replace("_", "."): value for name, value in records.items()}
    return member.tobuf(tarfile.PAX_FORMAT)


END = b"\0" * 1024
CLAIMS = {
    "a sparse member": sparse(8_000_000_000),
    "sparse as PAX says it": pax(
        GNU_sparse_map="0,1", GNU_sparse_size="8000000000", GNU_sparse_numblocks="1"
    ),
    "a member before itself": header("mine/a.rego", -512),
    "names of names of names": header("x", 0, tarfile.GNUTYPE_LONGNAME) * 5_000,
    "a member larger than the archive": header("mine/a.rego", 1 << 40),
    "more members than there may be": b"".join(header(f"d{n}", 0) for n in range(2_001)),
    "nothing but folders": header("d", 0, tarfile.DIRTYPE) * 150_000,
}


@pytest.mark.parametrize("name", CLAIMS)
@pytest.mark.parametrize("signed", [False, True])
def test_an_archive_that_claims_too_much_costs_neither_time_nor_memory(
    tmp_path: Path, key: Path, name: str, signed: bool
) -> None:
    """Members are looked at before any is read, whoever has signed what."""
    bundle = tmp_path / "b.tar.gz"
    bundle.write_bytes(gzip.compress(CLAIMS[name] + END, 1))
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(PolicyError, match=r"b\.tar\.gz"):
        read_policy([bundle], key=key if signed else None)
    assert tracemalloc.get_traced_memory()[1] < 300_000_000
    tracemalloc.stop()
    assert time.process_time() - began < 10


def test_nothing_of_a_bundle_is_read_before_its_signature_is_verified(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one that somebody else has signed, only the signature is."""
    bundle = pack(tmp_path / "b.tar.gz", sign(FILES))
    read: list[str] = []
    really = BundleArchive.read

    def noted(archive: BundleArchive, name: str) -> bytes:
        read.append(name)
        return really(archive, name)

    monkeypatch.setattr(BundleArchive, "read", noted)
    (tmp_path / "other").write_bytes(b"another secret")
    with pytest.raises(PolicyError, match="it isn't signed with the key in"):
        read_policy([bundle], key=tmp_path / "other")
    assert read == [".signatures.json"]
    with pytest.raises(PolicyError, match=r"data\.json is not the file that was signed"):
        read_policy([pack(bundle, sign(FILES) | {"data.json": b"[" * 100_000})], key=key)


def test_a_signed_bundle_is_accepted_with_its_key(tmp_path: Path, key: Path) -> None:
    """Taken with its key; structured files are hashed by what they say."""
    files = {"mine/mine.rego": RULE, "data.json": b'{"mine":{"model":"cat"}}'}
    bundle = pack(tmp_path / "b.tar.gz", sign(files))
    assert f"{bundle}/mine/mine.rego" in read_policy([bundle], key=key).modules
    change = load_aside([bundle], 2_000, key=key)
    assert change is not None
    change.engine.close()


def test_check_verifies_a_bundle_with_its_key(tmp_path: Path, key: Path) -> None:
    """`policy check --key` looks into a signed bundle, and only with it."""
    files = {"mine/mine.rego": RULE, "data.json": b'{"mine":{"model":"cat"}}'}
    bundle = pack(tmp_path / "b.tar.gz", sign(files))
    runner = CliRunner()
    assert (
        "is signed: name the key to check it with (--key FILE"
        in runner.invoke(policy, ["check", str(bundle)]).output
    )
    checked = runner.invoke(policy, ["check", "--key", str(key), str(bundle)])
    assert "0 errors" in checked.output
    assert checked.exit_code == 0


def test_a_signed_bundle_is_tested_asked_and_measured_with_its_key(
    tmp_path: Path, key: Path
) -> None:
    """As `check` takes it; the bundle brings its tests along."""
    test = b"package mine_test\n\ntest_a if true\n"
    data = b'{"mine":{"model":"gpt-4.1-mini"}}'
    files = {"mine/mine.rego": RULE, "mine/mine_test.rego": test, "data.json": data}
    bundle, signed = pack(tmp_path / "b.tar.gz", sign(files)), ["--key", str(key)]
    runner = CliRunner()
    tested = runner.invoke(policy, ["test", str(bundle), *signed])
    assert "1 passed, 0 failed" in tested.output
    ask = ["eval", "--input", "-", "--policy", str(bundle)]
    asked = runner.invoke(policy, [*ask, *signed], input=sample("a chat request", 100))
    assert "DENY" in asked.output
    few = ["--runs", "10", "--top", "999"]
    measured = runner.invoke(policy, ["bench", str(bundle), *few, *signed])
    assert "topic     helm.rules.mine" in measured.output
    for command in (["test", str(bundle)], ask, ["bench", str(bundle)]):
        assert "--key FILE" in runner.invoke(policy, command, input=b"{}").output


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (FILES, "is not signed"),
        (sign({"mine/mine.rego": RULE}) | {"mine/more.rego": RULE}, "more.rego is not both in it"),
        (
            sign({"a.rego": RULE, "b.rego": RULE}) | {"a.rego": RULE + b"\n"},
            "not the file that was",
        ),
        (sign({"a.rego": RULE}, files=[]), "a.rego is not both"),
        (sign({"a.rego": RULE}, header='{"alg": "none"}'), "it isn't signed with the key in"),
        (sign({"a.rego": RULE}, header='{"alg": "RS256"}'), "it isn't signed with the key in"),
        (sign({"a.rego": RULE}, header="{}"), "not a JSON Web Token"),
        ({"a.rego": RULE, ".signatures.json": b'{"signatures": []}'}, "exactly one signature"),
        (
            {"a.rego": RULE, ".signatures.json": b'{"signatures": ["a.b.c"]}'},
            "not a JSON Web Token",
        ),
        ({"a.rego": RULE, ".signatures.json": b'{"signatures": ["x"]}'}, "not a JSON Web Token"),
        ({"a.rego": RULE, ".signatures.json": b"[]"}, "exactly one signature"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_signature_is_refused(
    tmp_path: Path, key: Path, files: dict[str, bytes], says: str
) -> None:
    """Whatever is wrong with it; the file's bytes are never read as policy before."""
    with pytest.raises(PolicyError, match=says):
        read_policy([pack(tmp_path / "b.tar.gz", files)], key=key)


def test_a_key_requires_signed_bundles(tmp_path: Path, key: Path) -> None:
    """With a key, a folder won't do; a signed bundle isn't taken without one, nor with another."""
    bundle = pack(tmp_path / "b.tar.gz", sign({"a.rego": RULE}))
    with pytest.raises(PolicyError, match="is signed: name the key"):
        read_policy([bundle])
    (tmp_path / "other").write_bytes(b"another secret")
    with pytest.raises(PolicyError, match="it isn't signed with the key in"):
        read_policy([bundle], key=tmp_path / "other")
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "a.rego").write_bytes(RULE)
    with pytest.raises(PolicyError, match="not a signed bundle"):
        read_policy([tmp_path / "policy"], key=key)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl isn't on this machine")
@pytest.mark.parametrize(
    "algorithm", ["RS256", "RS512", "PS256", "ES256", "ES384", "HS256", "HS512"]
)
def test_bundles_signed_by_opa_are_accepted(tmp_path: Path, algorithm: str) -> None:
    """OPA's own builds, by every kind of key; one changed byte, and it is refused."""
    source = tmp_path / "source"
    for name, content in FILES.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content)
    private, public = keys(tmp_path, algorithm)
    bundle = tmp_path / "b.tar.gz"
    arguments = ["--signing-key", str(private), "--signing-alg", algorithm, "-o", str(bundle)]
    subprocess.run([opa(), "build", "--bundle", str(source), *arguments], check=True)
    policy = read_policy([bundle], key=public)
    assert policy.data["mine"]["n"] == 1.5

    with tarfile.open(bundle) as archive:
        members = {m.name: archive.extractfile(m) for m in archive}
        files = {name: file.read() for name, file in members.items() if file}
    files["/data.json"] = files["/data.json"].replace(b"cat", b"dog")
    with pytest.raises(PolicyError, match=r"data\.json is not the file that was signed"):
        read_policy([pack(bundle, files)], key=public)


def keys(folder: Path, algorithm: str) -> tuple[Path, Path]:
    private, public = folder / "private", folder / "public"
    if algorithm.startswith("HS"):
        private.write_bytes(SECRET)
        return private, private
    kind = {"E": ["EC", "-pkeyopt", "ec_paramgen_curve:P-" + algorithm[2:]]}
    options = kind.get(algorithm[0], ["RSA"])
    made = ["openssl", "genpkey", "-algorithm", *options, "-out", str(private)]
    subprocess.run(made, check=True, capture_output=True)
    subprocess.run(
        ["openssl", "pkey", "-in", str(private), "-pubout", "-out", str(public)], check=True
    )
    return private, public


@pytest.mark.parametrize(
    "data",
    [
        {"detectors": [ACME], "disable": ["personal.iban"], "placeholders": ["SAMPLE"]},
        {
            "detectors": {
                "detectors": [ACME],
                "disable": ["personal.iban"],
                "placeholders": ["SAMPLE"],
            }
        },
        {
            "detectors": {"detectors": [ACME]},
            "disable": ["personal.iban"],
            "placeholders": ["SAMPLE"],
        },
    ],
)
@pytest.mark.parametrize("kind", ["bundle", "folder"])
def test_detectors_in_data_are_detectors(tmp_path: Path, data: Any, kind: str) -> None:
    """The same policy as with a detectors.yaml: what `opa build` makes of one must not vanish."""
    files = {"data.json": json.dumps(data | {"models": {"allow": ["o3"]}}).encode()}
    source = pack(tmp_path / "b.tar.gz", files) if kind == "bundle" else tmp_path / "folder"
    written = tmp_path / "written"
    for folder in (tmp_path / "folder", written):
        folder.mkdir()
    (tmp_path / "folder" / "data.json").write_bytes(files["data.json"])
    (written / "data.yaml").write_text("models: {allow: [o3]}")
    (written / "detectors.yaml").write_text(
        json.dumps({"detectors": [ACME], "disable": ["personal.iban"], "placeholders": ["SAMPLE"]})
    )
    policy_read = read_policy([source])
    assert "detectors" not in policy_read.data
    names = compile_detectors(policy_read.detectors_text).names
    assert "secret.acme_token" in names
    assert "personal.iban" not in names
    assert policy_read.detectors_text == read_policy([written]).detectors_text
    assert policy_read.digest == read_policy([written]).digest


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"detectors": [{"pattern": "x"}]}, "data.detectors: each detector needs a name"),
        ({"detectors": "none"}, "data.detectors: 'detectors', 'disable', 'placeholders' and"),
        (
            {"detectors": {"list": []}},
            "data.detectors: expected 'detectors', 'disable', 'placeholders'",
        ),
    ],
)
def test_detectors_in_data_that_are_none_are_refused(tmp_path: Path, data: Any, says: str) -> None:
    """By where they are."""
    bundle = pack(tmp_path / "b.tar.gz", {"data.json": json.dumps(data).encode()})
    with pytest.raises(PolicyError, match=says):
        read_policy([bundle])


def test_detectors_in_two_places_are_refused(tmp_path: Path) -> None:
    """Nobody could say which count."""
    files = {"data.json": b'{"detectors": []}', "detectors.yaml": b"detectors: []"}
    with pytest.raises(PolicyError, match="put all detectors in one place"):
        read_policy([pack(tmp_path / "b.tar.gz", files)])


def test_what_opa_builds_of_a_folder_has_its_detectors(tmp_path: Path) -> None:
    """OPA's own tool, and the count of detectors beside the default policy's."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "detectors.yaml").write_text(json.dumps({"detectors": [ACME]}))
    bundle = tmp_path / "bundle.tar.gz"
    subprocess.run([opa(), "build", str(source), "-o", str(bundle)], check=True)
    result = CliRunner().invoke(policy, ["check", str(bundle)])
    default = len(compile_detectors(read_policy([]).detectors_text).names)
    assert f" {default + 1} detectors" in result.output


def test_detectors_that_opa_leaves_out_are_missed_aloud(tmp_path: Path) -> None:
    """`opa build -b` takes no detectors.yaml: a check says so of the folder and the bundle."""
    source, bundle = tmp_path / "source", tmp_path / "bundle.tar.gz"
    source.mkdir()
    (source / "data.yaml").write_text("models: {allow: [o3]}")
    (source / "detectors.yaml").write_text(json.dumps({"detectors": [ACME]}))
    subprocess.run([opa(), "build", "-b", str(source), "-o", str(bundle)], check=True)
    for checked in (source / "detectors.yaml", bundle):
        folder = checked.parent if checked.suffix == ".yaml" else checked
        result = CliRunner().invoke(policy, ["check", "--strict", str(folder)])
        assert result.exit_code == 0, result.output
        said = [line for line in result.output.splitlines() if "`opa build -b` leaves" in line]
        assert [line.startswith("note: ") and checked.name in line for line in said] == [True]


@pytest.mark.parametrize("target", ["wasm", "plan"])
def test_the_default_policy_can_be_compiled_and_that_is_refused(
    tmp_path: Path, target: str
) -> None:
    """By the entrypoint that its METADATA names; and by the name of what it is."""
    source, bundle = tmp_path / "policies", tmp_path / f"{target}.tar.gz"
    shutil.copytree(
        default_policy_folder(), source, ignore=shutil.ignore_patterns("*_test.rego", "*.json")
    )
    command = [opa(), "build", "-t", target, str(source), "-o", str(bundle)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    with pytest.raises(PolicyError, match=f"is a {target} bundle .* without -t {target}"):
        read_policy([bundle])
