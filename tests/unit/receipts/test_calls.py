"""A call has one beginning and one end, and receipts tell times as they are.

Whoever has the receipt key can sign more, but not a second story that verifies.
"""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from helm_boundary.cli.receipts import receipts
from helm_receipts.audit import verify
from helm_receipts.audit.fsck import FsckReport, fsck
from helm_receipts.envelope import key_files
from helm_receipts.envelope.statement import Draft
from helm_receipts.errors import Broken
from helm_receipts.layout import Layout
from helm_receipts.log.published_keys import read_published
from helm_receipts.recording.recorder import Recorder
from support.receipts import outcome, record_calls, recording, request

CONTRARY = (request("a", "DENY"), outcome("a", "DENY", "denied"))


def journal(state: Path) -> verify.JournalReport:
    """Verify the journals with the folder's own key."""
    key = key_files.load(state / "keys" / "receipt.pem", "receipt").public
    return verify.verify_journal(state / "journal", [key])


def whole(state: Path) -> FsckReport:
    """Check the folder with its own keys."""
    known = read_published(Layout(state))
    return fsck(state, [known.receipt[-1].key], [known.log[-1].key])


def record(recorder: Recorder, *drafts: Draft) -> None:
    """Record one after the other."""
    for draft in drafts:
        recorder.record_now(draft)


def in_one_session(state: Path) -> None:
    """Record the call again right after its end."""
    with recording(state) as recorder:
        record(recorder, request("a"), outcome("a"), *CONTRARY)


def in_another_session(state: Path) -> None:
    """Record the call again in a later session."""
    with recording(state) as recorder:
        record(recorder, request("a"), outcome("a"))
    with recording(state) as recorder:
        record(recorder, *CONTRARY)


def after_a_killed_one(state: Path) -> None:
    """Record a better end for a call that was cut off by a crash."""
    with recording(state) as recorder:
        record(recorder, request("a"))
    with recording(state) as recorder:
        record(recorder, request("a"), outcome("a"))


def in_another_journal(state: Path) -> None:
    """Record the call otherwise, as another writer."""
    with recording(state) as one, recording(state) as two:
        record(one, request("a"), outcome("a"))
        record(two, *CONTRARY)


def in_another_journal_while_it_is_open(state: Path) -> None:
    """Record the call's end as another writer, before its own writer does."""
    with recording(state) as one, recording(state) as two:
        record(one, request("a"))
        record(two, *CONTRARY)
        record(one, outcome("a"))


def an_outcome_alone(state: Path) -> None:
    """Record a second outcome without another request."""
    with recording(state) as recorder:
        record(recorder, request("a"))
        opened = dict(recorder._writer.open_calls)
        record(recorder, outcome("a"))
        recorder._writer.open_calls.update(opened)
        record(recorder, CONTRARY[1])


FORGERIES: dict[Callable[[Path], None], str] = {
    in_one_session: "second-request",
    in_another_session: "second-request",
    after_a_killed_one: "second-request",
    in_another_journal: "second-request",
    in_another_journal_while_it_is_open: "second-request",
    an_outcome_alone: "second-outcome",
}


@pytest.mark.parametrize(
    ("forge", "kind"), FORGERIES.items(), ids=lambda x: getattr(x, "__name__", x)
)
def test_a_call_that_is_recorded_twice_is_refused(
    tmp_path: Path, forge: Callable[[Path], None], kind: str
) -> None:
    """By whoever looks at the journals, and by whoever looks at the log."""
    forge(tmp_path)
    for check in (journal, whole):
        with pytest.raises(Broken) as caught:
            check(tmp_path)
        assert caught.value.kind == kind


def test_a_call_that_is_judged_again_while_it_is_open_has_one_end(tmp_path: Path) -> None:
    """It waited for a person: two request receipts, one outcome."""
    with recording(tmp_path) as recorder:
        record(recorder, request("a", "ESCALATE"), request("a"), outcome("a"))
    assert journal(tmp_path).is_complete
    assert whole(tmp_path).is_complete


@pytest.mark.parametrize("seconds", [3, 3600, 5 * 365 * 86400])
def test_a_clock_that_was_set_back_between_sessions_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    """Honest clocks are: no contradiction, but nobody can say when what follows was."""
    record_calls(tmp_path, 1)
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() - seconds * 10**9)
    record_calls(tmp_path, 1)
    for report in (journal(tmp_path), whole(tmp_path)):
        (place,) = report.set_back
        assert ": from 2" in place
        assert not report.is_complete
    for command in (["verify", "--state", str(tmp_path)], ["fsck", str(tmp_path)]):
        said = CliRunner().invoke(receipts, command)
        assert said.exit_code == 3
        assert "clock back   " in said.output


def test_a_clock_that_was_adjusted_by_a_second_is_not_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is waited out, as within a session."""
    record_calls(tmp_path, 1)
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() - 10**9)
    record_calls(tmp_path, 1)
    assert journal(tmp_path).is_complete
    assert whole(tmp_path).is_complete
