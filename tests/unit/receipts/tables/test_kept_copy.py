"""Copies of a database that reading commands keep: not older than it, nor with more in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from helm_boundary.cli import main, state_copies
from support.postgresql import Server, migrated
from support.receipts import record_calls
from support.table_state import TableState


@pytest.fixture
def state(tmp_path: Path, postgresql: Server, monkeypatch: pytest.MonkeyPatch) -> TableState:
    """Return a database, whose copies are in a folder of the test's."""
    monkeypatch.setattr(state_copies, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    return TableState(tmp_path / "own", migrated(postgresql), server=postgresql)


def report(state: TableState, form: str = "json", *more: str) -> Result:
    return CliRunner().invoke(main, ["report", *state.place, "--format", form, *more])


def record(state: TableState, calls: int) -> None:
    record_calls(calls=calls, **state.recorded)
    state.settle()


def test_a_report_has_what_the_database_has_now_and_says_when_that_was(state: TableState) -> None:
    for more, calls in ((3, 3), (2, 5)):
        record(state, more)
        said = json.loads(report(state).output)
        assert said["totals"]["calls"] == calls
        assert said["about"]["database"].startswith(
            f"{state.place[1]}, from a copy that was brought"
        )
    assert "from a copy" in report(state, "html").output


def test_what_was_pruned_goes_from_the_copy_too(state: TableState, tmp_path: Path) -> None:
    """A report of it has what a first one would have."""
    record(state, 3)
    assert json.loads(report(state).output)["totals"]["calls"] == 3
    done = CliRunner().invoke(
        main, ["receipts", "prune", *state.named, "--before", "0s", "--yes", "--json"]
    )
    (gone,) = json.loads(done.output)["pruned"]
    assert f"{gone['writer']}/{1:012d}.jsonl" in str(list((tmp_path / "cache").rglob("*.jsonl")))
    record(state, 2)
    assert json.loads(report(state).output)["totals"]["calls"] == 2
    names = [path.name for path in (tmp_path / "cache").rglob("*.jsonl")]
    assert f"{1:012d}.jsonl" not in names
    assert f"{gone['lastNumber'] + 1:012d}.jsonl" in names


def test_a_database_that_is_away_gives_no_report(
    state: TableState, postgresql: Server, tmp_path: Path
) -> None:
    """The copy isn't shown in its place."""
    record(state, 3)
    assert report(state).exit_code == 0
    with postgresql.superuser() as connection:
        connection.execute(
            f'DROP DATABASE "{state.place[1].rpartition("/")[2]}" WITH (FORCE)'.encode()
        )
    out = tmp_path / "report.html"
    refused = report(state, "html", "-o", str(out))
    assert refused.exit_code == 2
    assert "does not exist" in refused.output
    assert not out.exists()


@pytest.mark.parametrize("calls_after", [0, 1, 3, 9])
def test_a_database_that_was_set_back_is_not_mixed_with_the_copy(
    state: TableState, tmp_path: Path, calls_after: int
) -> None:
    """What the copy has is evidence; once it is moved away the command copies anew."""
    record(state, 2)
    backup = state.backup()
    record(state, 3)
    assert json.loads(report(state).output)["totals"]["calls"] == 5
    state.restore(backup)
    if calls_after:
        record(state, calls_after)
    refused = report(state)
    assert refused.exit_code == 1
    assert "was set back" in refused.output
    assert "copies all anew" in refused.output
    (tmp_path / "cache").rename(tmp_path / "kept")
    assert json.loads(report(state).output)["totals"]["calls"] == 2 + calls_after
