"""Nothing isn't verified: where there is no receipt, the answer is never a yes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from helm_boundary.cli.receipts import receipts
from helm_receipts.journal.segments import list_segments, list_writers
from support.receipts import journal_of, record_calls, recording, request


def run(*arguments: object) -> Result:
    """Run `helm-boundary receipts …`."""
    return CliRunner().invoke(receipts, [str(argument) for argument in arguments])


def hide_segments(state: Path) -> None:
    """Give every file of receipts another name."""
    for segment in list_segments(journal_of(state)):
        segment.rename(segment.with_suffix(".hidden"))


def empty_segments(state: Path) -> None:
    """Leave nothing but preallocated zeros."""
    for segment in list_segments(journal_of(state)):
        segment.write_bytes(bytes(65536))


def hide_writers(state: Path) -> None:
    """No journal at all."""
    shutil.rmtree(journal_of(state))


def hide_journals(state: Path) -> None:
    """Not even the folder of journals."""
    shutil.rmtree(state / "journal")


def hide_everything(state: Path) -> None:
    """Make a folder, and nothing in it."""
    shutil.rmtree(state)
    state.mkdir()


def keep_only_keys(state: Path) -> None:
    """As `keys init` leaves it."""
    for name in ("journal", "log-state", "log/tile"):
        shutil.rmtree(state / name)
    (state / "log/checkpoint").unlink()


Hide = Callable[[Path], None]
OF_THE_JOURNALS: tuple[Hide, ...] = (
    hide_segments, empty_segments, hide_writers, hide_journals, hide_everything, keep_only_keys,
)  # fmt: skip


@pytest.mark.parametrize("hide", OF_THE_JOURNALS)
def test_verify_of_nothing_is_not_a_success(tmp_path: Path, hide: Hide) -> None:
    """Exit 3, and it says that there was nothing, to people and to programs."""
    state = tmp_path / "state"
    record_calls(state, 2)
    hide(state)
    said = run("verify", "--state", state)
    assert said.exit_code == 3, said.output
    assert said.output.startswith("NOTHING TO VERIFY")
    assert "no receipt is in" in said.output
    told = json.loads(run("verify", "--state", state, "--json").output)
    assert (told["exit"], told["receipts"]) == (3, 0)


@pytest.mark.parametrize("hide", [hide_everything, keep_only_keys])
def test_fsck_of_nothing_is_not_a_success(tmp_path: Path, hide: Hide) -> None:
    """The same, where there is no log either."""
    state = tmp_path / "state"
    record_calls(state, 2)
    hide(state)
    said = run("fsck", state)
    assert said.exit_code == 3, said.output
    assert said.output.startswith("NOTHING TO VERIFY")
    assert json.loads(run("fsck", state, "--json").output)["receipts"] == 0


@pytest.mark.parametrize("hide", [hide_segments, empty_segments, hide_writers, hide_journals])
def test_fsck_names_journals_that_the_log_has(tmp_path: Path, hide: Hide) -> None:
    """The log says what is missing: that is a no."""
    state = tmp_path / "state"
    record_calls(state, 2)
    hide(state)
    said = run("fsck", state)
    assert said.exit_code == 1
    assert "truncated" in said.output


def test_an_emptied_journal_is_named(tmp_path: Path) -> None:
    """The other one verifies; this one says that it had receipts."""
    state = tmp_path / "state"
    with recording(state) as one, recording(state) as two:
        one.record_now(request("a"))
        two.record_now(request("b"))
    (first, _) = list_writers(state / "journal")
    for segment in list_segments(first):
        segment.unlink()
    said = run("verify", "--state", state)
    assert said.exit_code == 3
    assert f"emptied      {first.name}" in said.output


def test_a_journal_that_was_just_made_is_not_emptied(tmp_path: Path) -> None:
    """A start that was killed before its first receipt leaves an empty folder."""
    state = tmp_path / "state"
    record_calls(state, 2)
    (state / "journal/aaaaaaaa").mkdir()
    (state / "journal/aaaaaaaa/durable").touch()
    assert run("verify", "--state", state).exit_code == 0
    assert run("fsck", state).exit_code == 0


@pytest.mark.parametrize("content", [b"", b"\n"])
def test_verify_of_a_file_without_a_receipt_is_not_a_success(
    tmp_path: Path, content: bytes
) -> None:
    """An empty export was no evidence either."""
    state = tmp_path / "state"
    record_calls(state, 1)
    (tmp_path / "empty.jsonl").write_bytes(content)
    assert run("verify", "--state", state, tmp_path / "empty.jsonl").exit_code == (
        1 if content else 3
    )


def test_no_folder_at_all_is_a_usage_error(tmp_path: Path) -> None:
    """A path that was mistyped is exit 2."""
    assert run("verify", "--state", tmp_path / "nowhere").exit_code == 2
    assert run("fsck", tmp_path / "nowhere").exit_code == 2
