"""The pseudonym of an API key, computed before the key was ever used."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from helm_boundary.cli.keys import keys
from helm_receipts.recording.recorder import Recorder

KEY = "sk-made-up-for-this-test"


def test_it_is_the_one_that_documents_and_receipts_have(tmp_path: Path) -> None:
    """Of the line on standard input; the key itself is nowhere in what is printed."""
    assert CliRunner().invoke(keys, ["init", "--state", str(tmp_path)]).exit_code == 0
    result = CliRunner().invoke(keys, ["pseudonym", "--state", str(tmp_path)], input=f"{KEY}\n")
    recorder = Recorder.open(tmp_path, version="1", configuration="0" * 64)
    expected = recorder.pseudonym(KEY)
    recorder.close()
    assert result.stdout == f"{expected}\n"
    assert KEY not in result.output


def test_without_a_key_or_a_state_there_is_none(tmp_path: Path) -> None:
    """Nothing is made on the way."""
    nothing = CliRunner().invoke(keys, ["pseudonym", "--state", str(tmp_path)], input="")
    assert nothing.exit_code == 2
    assert "expected an API key on standard input" in nothing.stderr
    missing = CliRunner().invoke(keys, ["pseudonym", "--state", str(tmp_path)], input=KEY)
    assert missing.exit_code == 2
    assert "keys init" in missing.stderr
    assert list(tmp_path.iterdir()) == []


def invoke(state: Path, command: str, given: str) -> Result:
    return CliRunner().invoke(keys, [command, "--state", str(state)], input=given)


def key_of(state: Path) -> str:
    [file] = (state / "keys").glob("pseudonym-*.key")
    return file.read_text()


def test_an_imported_key_makes_the_same_pseudonyms(tmp_path: Path) -> None:
    """On a machine that has made no key of its own; the same key again changes nothing."""
    one, other = tmp_path / "one", tmp_path / "other"
    invoke(one, "init", "")
    for _ in range(2):
        assert invoke(other, "import", key_of(one)).exit_code == 0
    assert invoke(other, "init", "").exit_code == 0
    assert invoke(other, "pseudonym", KEY).stdout == invoke(one, "pseudonym", KEY).stdout
    assert next((other / "keys").glob("pseudonym-*")).stat().st_mode & 0o777 == 0o600


def test_a_key_is_not_replaced_and_no_key_is_none(tmp_path: Path) -> None:
    """Callers would get other names; the secret isn't in what is said."""
    one, other = tmp_path / "one", tmp_path / "other"
    for state in (one, other):
        invoke(state, "init", "")
    before = key_of(other)
    refused = invoke(other, "import", key_of(one))
    assert refused.exit_code == 2
    assert "expected no pseudonym key" in refused.stderr
    assert key_of(one).split()[-1] not in refused.output
    assert key_of(other) == before
    for text in ("", "helm-boundary opening key\n00\n", "helm-boundary pseudonym key\n00\n"):
        assert invoke(tmp_path / "third", "import", text).exit_code == 2
