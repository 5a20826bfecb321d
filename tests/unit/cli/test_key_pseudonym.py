"""The pseudonym of an API key, computed before the key was ever used."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

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
