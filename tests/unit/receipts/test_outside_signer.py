"""Keys that are kept outside: a command signs, and nothing is allowed while it doesn't."""

import json
import shlex
import shutil
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from helm_boundary.cli import main
from helm_boundary.runtime.outside_keys import use_signer
from helm_receipts.envelope.predicate import Boundary
from helm_receipts.errors import KeyRefused, RecorderError
from helm_receipts.layout import Layout
from helm_receipts.recording import outside_signer
from helm_receipts.recording.recorder import Recorder
from helm_receipts.recording.rotation import rotate_receipt_key
from support.receipts import CONFIGURATION, outcome, record_calls, recording, request

SIGNER = """
import base64, json, os, sys
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey as Key
here = Path(sys.argv[1])
keys = {r: Key.from_private_bytes((here / r).read_bytes()) for r in ("receipt", "log")}
for line in sys.stdin:
    asked, manner = json.loads(line), (here / "manner").read_text()
    key = keys[asked["role"]]
    with (here / "asked").open("a") as file:
        file.write(f"{os.getpid()} {asked['role']}\\n")
    if manner == "end":
        break
    if "message" not in asked:
        answer = {"public": key.public_key().public_bytes_raw().hex()}
    else:
        message = base64.b64decode(asked["message"]) + (b"x" if manner == "lie" else b"")
        answer = {"signature": base64.b64encode(key.sign(message)).decode()}
    print("nothing" if manner == "nonsense" else json.dumps(answer), flush=True)
"""


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """Make what holds the keys, outside of any state folder."""
    from os import urandom

    folder = tmp_path / "token"
    folder.mkdir()
    for role in ("receipt", "log"):
        (folder / role).write_bytes(urandom(32))
    (folder / "manner").write_text("")
    (folder / "sign.py").write_text(SIGNER)
    return folder


@pytest.fixture
def state(tmp_path: Path, token: Path) -> Path:
    """Have a command sign for a new state folder."""
    state = tmp_path / "state"
    use_signer(Layout(state), option(token))
    return state


def option(token: Path) -> str:
    """Return what helm_signer takes."""
    return f"exec:{shlex.join([sys.executable, str(token / 'sign.py'), str(token)])}"


def run(*arguments: object) -> int:
    """Run `helm-boundary …` and return its exit code."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments]).exit_code


def test_receipts_and_log_are_signed_outside(state: Path, token: Path) -> None:
    """By one process for many receipts; no private key is in the folder, and all verifies."""
    record_calls(state, 20)
    assert not (state / "keys/receipt.pem").exists()
    assert not (state / "keys/log.pem").exists()
    assert run("receipts", "fsck", "--state", state) == 0
    asked = [line.split() for line in (token / "asked").read_text().splitlines()]
    receipts = {process for process, role in asked if role == "receipt"}
    assert len(asked) > 40
    assert len(receipts) <= 2
    assert run("keys", "show", "--state", state) == 0
    assert run("keys", "publish", "--state", state) == 0
    assert run("receipts", "export", "--state", state, "--format", "receipt.v5") == 0


@pytest.mark.parametrize("manner", ["lie", "nonsense", "end"])
def test_nothing_is_recorded_while_the_signer_fails(state: Path, token: Path, manner: str) -> None:
    """Each receipt is refused, by name; once it works again, so do receipts, in one chain."""
    with recording(state) as recorder:
        recorder.record_now(request("a"))
        (token / "manner").write_text(manner)
        with pytest.raises(RecorderError, match="the signer"):
            recorder.record_now(outcome("a"))
        (token / "manner").write_text("")
        if manner != "lie":
            with pytest.raises(RecorderError, match="just failed"):  # at once, without asking it
                recorder.record_now(outcome("a"))
        time.sleep(outside_signer.PAUSE_SECONDS)
        recorder.record_now(outcome("a"))
    assert run("receipts", "fsck", "--state", state) == 0


def test_a_signer_that_hangs_is_given_up(
    state: Path, token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some seconds, and the next question goes to a new process."""
    with recording(state) as recorder:
        recorder.record_now(request("a"))
        with monkeypatch.context() as patch:
            patch.setattr(outside_signer, "SECONDS", 0.0)
            with pytest.raises(RecorderError, match="no answer within"):
                recorder.record_now(outcome("a"))
        time.sleep(outside_signer.PAUSE_SECONDS)
        recorder.record_now(outcome("a"))


def test_a_start_without_its_signer_is_refused(state: Path, token: Path) -> None:
    """It says which command doesn't answer; no key is made in its place."""
    record_calls(state, 1)
    shutil.rmtree(token)
    outside_signer._signers.clear()
    with pytest.raises(RecorderError, match="doesn't answer"):
        Recorder.open(state, version="0.1.0", configuration=CONFIGURATION)
    assert not (state / "keys/receipt.pem").exists()


def test_a_signer_is_chosen_before_there_are_keys(state: Path, token: Path, tmp_path: Path) -> None:
    """Neither beside key files nor in the place of another signer."""
    use_signer(Layout(state), option(token))
    record_calls(tmp_path / "files", 1)
    for folder, chosen, why in (
        (tmp_path / "files", option(token), "found some"),
        (state, "exec:another", "expected the signer"),
        (tmp_path / "new", "command", "exec:COMMAND"),
        (tmp_path / "new", "exec:", "exec:COMMAND"),
    ):
        with pytest.raises(KeyRefused, match=why):
            use_signer(Layout(folder), chosen)


def test_keys_outside_are_rotated(state: Path, token: Path, tmp_path: Path) -> None:
    """To another command's, each role by itself, and back to files; the first keys verify all."""
    layout, boundary = Layout(state), Boundary("x", "0.1.0", "00" * 32)
    record_calls(state, 2)
    first = (state / "log/receipt.pub.pem").read_bytes()
    (tmp_path / "first.pem").write_bytes(first)
    vkey = (state / "log/log.vkey").read_text().strip()
    with pytest.raises(KeyRefused, match="kept outside"):
        rotate_receipt_key(layout, boundary)
    other = tmp_path / "other"
    shutil.copytree(token, other)
    for role in ("receipt", "log"):
        (other / role).write_bytes(bytes(reversed((token / role).read_bytes())))
    for role in ("receipt", "log"):
        named = ("--signer", option(other))
        assert run("keys", "rotate", role, "--state", state, *named) == 0
        record_calls(state, 2)
    use_signer(layout, option(other))  # what is in use may be named
    with pytest.raises(KeyRefused, match="expected the signer"):
        use_signer(layout, option(token))
    for role in ("receipt", "log"):
        assert run("keys", "rotate", role, "--state", state, "--type", "ed25519") == 0
        record_calls(state, 2)
    with pytest.raises(KeyRefused, match="found some"):
        use_signer(layout, option(token))
    trusting = ("--key", tmp_path / "first.pem", "--vkey", vkey)
    assert run("receipts", "fsck", "--state", state, *trusting) == 0


def test_keys_init_takes_a_signer(tmp_path: Path, token: Path) -> None:
    """And the published keys are the signer's."""
    state = tmp_path / "new"
    assert run("keys", "init", "--state", state, "--signer", option(token)) == 0
    published = json.loads((state / "log/keys.json").read_text())
    assert published["receipt"][0]["public"]
    assert not (state / "keys/receipt.pem").exists()
