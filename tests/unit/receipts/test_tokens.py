"""Keys on a token (PKCS#11), in SoftHSM: they sign, are rotated, and never leave it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from helm_boundary.cli import main
from helm_receipts.errors import KeyRefused, RecorderError
from helm_receipts.layout import Layout
from helm_receipts.log.published_keys import read_published
from helm_receipts.recording import outside_signer
from support import softhsm
from support.receipts import outcome, record_calls, recording, request
from support.softhsm import Token

reason = softhsm.missing()
pytestmark = pytest.mark.skipif(reason is not None, reason=reason or "there is a token")


def run(*arguments: object) -> tuple[int, str]:
    """Run `helm-boundary …`; returns its exit code and what it printed."""
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return done.exit_code, done.output


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Token:
    """Make a token with a P-256 key for receipts and an Ed25519 key for the log."""
    token = Token.create(tmp_path / "home", monkeypatch)
    token.generate("receipt", "prime256v1")
    token.generate("log", "edwards25519")
    outside_signer._signers.clear()
    return token


def types(state: Path) -> list[str]:
    """List the types of the receipt keys that a folder had."""
    return [known.key.type for known in read_published(Layout(state)).receipt]


def test_a_token_signs_receipts_and_log(tmp_path: Path, token: Token) -> None:
    """With a key for each role, of either kind; no private key is in the folder."""
    state = tmp_path / "state"
    assert run("keys", "init", "--state", state, "--signer", token.uri())[0] == 0
    record_calls(state, 20)
    assert types(state) == ["p256"]
    assert not list((state / "keys").glob("*.pem"))
    assert run("receipts", "fsck", state) == (0, run("receipts", "fsck", state)[1])
    assert run("keys", "show", "--state", state)[0] == 0


def test_a_folder_of_files_moves_to_the_token_and_on(tmp_path: Path, token: Token) -> None:
    """File, token, another key of the token, file: an auditor with the first key follows."""
    state, key = tmp_path / "state", tmp_path / "first.pem"
    token.generate("receipt-2", "edwards25519")
    record_calls(state, 2)
    key.write_bytes((state / "log/receipt.pub.pem").read_bytes())
    vkey = (state / "log/log.vkey").read_text().strip()
    for role, named in (
        ("receipt", ("--signer", token.uri())),
        ("receipt", ("--signer", token.uri(object="receipt-2"))),
        ("log", ("--signer", token.uri())),
    ):
        code, said = run("keys", "rotate", role, "--state", state, *named)
        assert code == 0, said
        record_calls(state, 2)
    private = [path.name for path in (state / "keys").iterdir() if b"PRIVATE" in path.read_bytes()]
    assert private == []
    code, said = run("keys", "rotate", "receipt", "--state", state, "--type", "p256")
    assert code == 0, said
    record_calls(state, 2)
    assert types(state) == ["ed25519", "p256", "ed25519", "p256"]
    code, said = run("receipts", "fsck", state, "--key", key, "--vkey", vkey, "--json")
    assert code == 0, said
    assert json.loads(said)["calls"] == 10


def test_a_rotation_outside_names_the_next_key(tmp_path: Path, token: Token) -> None:
    """Not the same one, not one of another role, none that isn't there; nothing is half done."""
    state = tmp_path / "state"
    run("keys", "init", "--state", state, "--signer", token.uri())
    record_calls(state, 1)
    for named, why in (
        ((), "kept outside"),
        (("--signer", token.uri()), "isn't new"),
        (("--signer", token.uri(object="log")), "isn't new"),
        (("--signer", token.uri(object="nowhere")), "gives no receipt key"),
        (("--signer", "exec:/nowhere"), "doesn't answer"),
        (("--signer", "pkcs11:"), "pkcs11:URI"),
        (("--signer", token.uri(), "--type", "p256"), "name one"),
    ):
        code, said = run("keys", "rotate", "receipt", "--state", state, *named)
        assert code == 2, said
        assert why in said or "doesn't answer" in said
    assert not (state / "keys/next.pem").exists()
    record_calls(state, 1)
    assert run("receipts", "fsck", state)[0] == 0


def test_the_log_takes_no_p256_key(tmp_path: Path, token: Token) -> None:
    """Whoever reads checkpoints knows Ed25519 alone."""
    state = tmp_path / "state"
    record_calls(state, 1)
    token.generate("curve", "prime256v1")
    for named in (("--type", "p256"), ("--signer", token.uri(object="curve"))):
        code, said = run("keys", "rotate", "log", "--state", state, *named)
        assert code == 2
        assert "expected an Ed25519 key for the log" in said
    record_calls(state, 1)
    assert run("receipts", "fsck", state)[0] == 0


def test_one_key_for_both_roles_is_refused(tmp_path: Path, token: Token) -> None:
    """Though the token would sign with it."""
    state = tmp_path / "state"
    code, said = run("keys", "init", "--state", state, "--signer", token.uri(object="log"))
    assert code == 2
    assert "are the same" in said


def test_nothing_is_recorded_without_the_token(
    tmp_path: Path, token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that the token has lost, and another PIN; each by name, and no key is made instead."""
    state = tmp_path / "state"
    run("keys", "init", "--state", state, "--signer", token.uri())
    with recording(state) as recorder:
        recorder.record_now(request("a"))
        token.delete("receipt")
        for signer in outside_signer._signers.values():
            signer.close()
        with pytest.raises(RecorderError, match="the signer"):
            recorder.record_now(outcome("a"))
    outside_signer._signers.clear()
    (token.home / "pin").write_text("0000\n")
    with pytest.raises(RecorderError, match="doesn't answer"), recording(state):
        pass
    assert not list((state / "keys").glob("*.pem"))


@pytest.mark.parametrize(
    "uri",
    [
        "pkcs11:token=t", "pkcs11:token=t?module-path=/m", "pkcs11:?module-path=/m&pin-source=/p",
        "pkcs11:token=t;slot-id=1?module-path=/m&pin-source=/p",
        "pkcs11:token=t?module-path=/m&pin-value=1234", "exec:token=t?module-path=/m&pin-source=/p",
    ],
)  # fmt: skip
def test_a_uri_that_would_be_read_in_part_is_refused(uri: str) -> None:
    """Attributes that nobody here knows choose no key in silence, and no PIN stands in it."""
    from helm_receipts.recording.pkcs11_signer import parse_uri

    with pytest.raises(KeyRefused):
        parse_uri(uri)
