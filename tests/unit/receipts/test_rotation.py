"""Keys change so that whoever trusted the old one can follow; openings are erased for good."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from helm_boundary.cli.keys import keys
from helm_receipts.audit.fsck import FsckReport, fsck
from helm_receipts.envelope import key_files
from helm_receipts.envelope.dsse import parse_line
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.opening import secret_ids
from helm_receipts.envelope.predicate import Boundary
from helm_receipts.envelope.public_keys import KeyType, PublicKey
from helm_receipts.errors import Broken, KeyRefused, RecorderError
from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from helm_receipts.log import publish
from helm_receipts.log.handovers import follow_handovers
from helm_receipts.log.published_keys import read_published
from helm_receipts.recording import keyset, rotation
from helm_receipts.recording.openings import Erased, erase, opens, salt_of
from helm_receipts.recording.rotation import rotate_log_key, rotate_receipt_key
from helm_receipts.recording.writer import Writer
from helm_receipts.storage import durable
from support.engines import FolderState, State
from support.receipts import CONFIGURATION, outcome, record_calls, recording, request

BOUNDARY = Boundary("test.helm-boundary.invalid", "0.1.0", CONFIGURATION)


def trusted(state: State) -> tuple[PublicKey, LogKey]:
    """Note down what an auditor does today."""
    known = read_published(Layout(state.folder()))
    return known.receipt[-1].key, known.log[-1].key


def check(state: State, receipt: PublicKey, log: LogKey, *kept: bytes) -> FsckReport:
    """Run fsck as an auditor with these keys, following handovers."""
    folder = state.folder()
    chain = follow_handovers(folder / "log", log, read_published(Layout(folder)))
    return fsck(folder, [receipt], chain, kept)


def rotate(state: State, role: str, *more: str) -> None:
    """Rotate a key, which must work."""
    done = state.rotate(role, *more)
    assert done.exit_code == 0, done.output


def two_calls(state: State) -> None:
    """Record a call of each of two writers."""
    with recording(**state.recorded) as one, recording(**state.recorded) as two:
        one.record_now(request("a"))
        two.record_now(request("b"))


def test_an_auditor_with_the_first_keys_can_follow(any_state: State) -> None:
    """Two rotations of each key, two writers: the keys from the beginning verify everything."""
    two_calls(any_state)
    receipt, log = trusted(any_state)
    kept = (any_state.folder() / "log" / "checkpoint").read_bytes()
    for _ in range(2):
        rotate(any_state, "receipt")
        record_calls(calls=3, **any_state.recorded)
        rotate(any_state, "log")
        record_calls(calls=3, **any_state.recorded)
    new_receipt, new_log = trusted(any_state)
    assert new_receipt != receipt
    assert new_log != log
    report = check(any_state, receipt, log, kept)
    assert report.is_complete
    assert report.calls == 2 + 12


def test_receipts_go_from_one_kind_of_key_to_the_other(any_state: State) -> None:
    """And back, with two writers: the first key verifies everything, and each entry says its."""
    two_calls(any_state)
    receipt, log = trusted(any_state)
    kinds: tuple[KeyType, ...] = ("p256", "p256", "ed25519")
    for kind in kinds:
        rotate(any_state, "receipt", "--type", kind)
        record_calls(calls=3, **any_state.recorded)
    published = read_published(Layout(any_state.folder())).receipt
    assert [known.key.type for known in published] == ["ed25519", *kinds]
    assert check(any_state, receipt, log).is_complete


def test_a_rotation_keeps_the_kind_of_the_key(any_state: State) -> None:
    """Unless another is asked for."""
    made = CliRunner().invoke(keys, ["init", *any_state.named, "--type", "p256"])
    assert made.exit_code == 0, made.output
    record_calls(calls=1, **any_state.recorded)
    any_state.settle()
    rotate(any_state, "receipt")
    published = read_published(Layout(any_state.folder())).receipt
    assert [known.key.type for known in published] == ["p256"] * 2


def test_a_rotation_that_was_stopped_is_finished_with_its_key(
    any_state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another kind isn't put in its place; without one it goes on."""
    record_calls(calls=1, **any_state.recorded)
    any_state.settle()

    def stop(*_arguments: object) -> None:
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(rotation, "integrate_all", stop)
        patch.setattr(Writer, "hand_over", stop)
        assert isinstance(any_state.rotate("receipt", "--type", "p256").exception, Stopped)
    refused = any_state.rotate("receipt", "--type", "ed25519")
    assert refused.exit_code == 2
    assert "half done" in refused.output
    rotate(any_state, "receipt")
    assert trusted(any_state)[0].type == "p256"


def test_the_newest_key_alone_does_not_verify_what_came_before_it(any_state: State) -> None:
    """Trust goes forward: a key says nothing about what was before its introduction."""
    record_calls(calls=1, **any_state.recorded)
    any_state.settle()
    rotate(any_state, "receipt")
    receipt, log = trusted(any_state)
    with pytest.raises(Broken, match="foreign-key"):
        check(any_state, receipt, log)


def test_rotation_publishes_the_range_of_each_key(any_state: State) -> None:
    """Valid by index: the old key to where it ended, the new from where it began."""
    record_calls(calls=1, **any_state.recorded)
    any_state.settle()
    rotate(any_state, "receipt")
    record_calls(calls=1, **any_state.recorded)
    folder = any_state.folder()
    old, new = read_published(Layout(folder)).receipt
    signed = [parse_line(each.envelope).keyid for each in read_records(folder / "journal")]
    last_by_old = len(signed) - 1 - signed[::-1].index(old.key.keyid)
    assert (old.first, new.last) == (0, None)
    assert old.last is not None
    assert last_by_old <= old.last < len(signed) - 1
    assert new.first <= signed.index(new.key.keyid)
    assert stat.S_IMODE((any_state.own.keys / "receipt.pem").stat().st_mode) == 0o600


def test_keys_are_not_rotated_while_a_recorder_runs(any_state: State) -> None:
    """A clear refusal, and nothing changed."""
    with recording(**any_state.recorded) as recorder:
        recorder.record_now(request("a"))
        any_state.settle()
        refused = any_state.rotate("receipt")
        assert refused.exit_code == 2
        assert "expected nothing" in refused.output
        assert "rotate, and" in refused.output
        assert not (any_state.own.keys / keyset.NEXT).exists()
        recorder.record_now(outcome("a"))


def test_a_log_key_is_not_rotated_while_a_recorder_runs(tmp_path: Path) -> None:
    """In a folder, whose log is kept up by what records."""
    with recording(tmp_path) as recorder:
        recorder.record_now(request("a"))
        with pytest.raises(KeyRefused, match="a boundary that runs"):
            rotate_log_key(Layout(tmp_path), BOUNDARY)


class Stopped(Exception):
    """The machine stops here."""


@pytest.mark.parametrize("when", range(30))
def test_a_rotation_that_stops_anywhere_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: int
) -> None:
    """Stopped at the nth sync of any kind, the recorder refuses to start until it is finished."""
    with recording(tmp_path), recording(tmp_path):
        pass
    state = FolderState(tmp_path)
    receipt, log = trusted(state)
    calls = [0]

    def stopping(original: Callable[..., object]) -> Callable[..., object]:
        def stop(*arguments: object) -> object:
            calls[0] += 1
            if calls[0] > when:
                raise Stopped
            return original(*arguments)

        return stop

    monkeypatch.setattr(os, "fdatasync", stopping(os.fdatasync))
    monkeypatch.setattr(durable, "sync_folder", stopping(durable.sync_folder))
    monkeypatch.setattr(rotation, "write_published", stopping(publish.write_published))
    try:
        rotate_receipt_key(Layout(tmp_path), BOUNDARY)
        finished = True
    except Stopped:
        finished = False
    monkeypatch.undo()
    if (tmp_path / "keys" / keyset.NEXT).exists():
        with pytest.raises(RecorderError, match="keys rotate receipt"):
            record_calls(tmp_path, 1)
        rotate_receipt_key(Layout(tmp_path), BOUNDARY)
        finished = True
    record_calls(tmp_path, 1)
    assert check(state, receipt, log).is_complete
    assert finished == (trusted(state)[0] != receipt) or not finished


def test_digests_under_an_erased_key_can_not_be_opened(tmp_path: Path) -> None:
    """After erasing, nobody finds the salt; what is recorded later has another key."""
    body = b'{"model":"gpt-4o"}'
    with recording(tmp_path) as recorder:
        recorder.record_now(request("a"))
        before = list(read_records(tmp_path / "journal"))[-1]
        assert opens(tmp_path / "keys", before, "request", body)
        (identity,) = secret_ids(tmp_path / "keys", "opening")
        erase(tmp_path / "keys", identity)
        with pytest.raises(Erased, match="was erased"):
            salt_of(tmp_path / "keys", before, "request")
        recorder.record_now(request("b"))
        after = list(read_records(tmp_path / "journal"))[-1]
        assert opens(tmp_path / "keys", after, "request", body)
    assert before.predicate["subjectHash"]["key"] != after.predicate["subjectHash"]["key"]


def test_only_opening_keys_can_be_erased(tmp_path: Path) -> None:
    """No other file can be named."""
    record_calls(tmp_path, 0)
    for identity in ("none", "../receipt", "../../origin", ""):
        with pytest.raises(KeyRefused, match="keys show"):
            erase(tmp_path / "keys", identity)
    assert key_files.load(tmp_path / "keys" / "receipt.pem", "receipt")
