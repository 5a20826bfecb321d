"""Keys change so that whoever trusted the old one can follow; openings are erased for good."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from helm_receipts.audit.fsck import FsckReport, fsck
from helm_receipts.envelope import key_files
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
from helm_receipts.recording.handover import Successor
from helm_receipts.recording.openings import Erased, erase, opens, salt_of
from helm_receipts.recording.rotation import rotate_log_key, rotate_receipt_key
from helm_receipts.storage import durable
from support.receipts import CONFIGURATION, record_calls, recording, request

BOUNDARY = Boundary("test.helm-boundary.invalid", "0.1.0", CONFIGURATION)


def trusted(state: Path) -> tuple[PublicKey, LogKey]:
    """Note down what an auditor does today."""
    known = read_published(Layout(state))
    return known.receipt[-1].key, known.log[-1].key


def check(state: Path, receipt: PublicKey, log: LogKey, *kept: bytes) -> FsckReport:
    """Run fsck as an auditor with these keys, following handovers."""
    chain = follow_handovers(state / "log", log, read_published(Layout(state)))
    return fsck(state, [receipt], chain, kept)


def test_an_auditor_with_the_first_keys_can_follow(tmp_path: Path) -> None:
    """Two rotations of each key, two writers: the keys from the beginning verify everything."""
    with recording(tmp_path) as one, recording(tmp_path) as two:
        one.record_now(request("a"))
        two.record_now(request("b"))
    receipt, log = trusted(tmp_path)
    kept = (tmp_path / "log" / "checkpoint").read_bytes()
    for _ in range(2):
        rotate_receipt_key(Layout(tmp_path), BOUNDARY)
        record_calls(tmp_path, 3)
        rotate_log_key(Layout(tmp_path), BOUNDARY)
        record_calls(tmp_path, 3)
    assert trusted(tmp_path) != (receipt, log)
    report = check(tmp_path, receipt, log, kept)
    assert report.is_complete
    assert report.calls == 2 + 12


def test_receipts_go_from_one_kind_of_key_to_the_other(tmp_path: Path) -> None:
    """And back, with two writers: the first key verifies everything, and each entry says its."""
    with recording(tmp_path) as one, recording(tmp_path) as two:
        one.record_now(request("a"))
        two.record_now(request("b"))
    receipt, log = trusted(tmp_path)
    kinds: tuple[KeyType, ...] = ("p256", "p256", "ed25519")
    for kind in kinds:
        rotate_receipt_key(Layout(tmp_path), BOUNDARY, Successor(kind))
        record_calls(tmp_path, 3)
    published = read_published(Layout(tmp_path)).receipt
    assert [known.key.type for known in published] == ["ed25519", *kinds]
    assert check(tmp_path, receipt, log).is_complete


def test_a_rotation_keeps_the_kind_of_the_key(tmp_path: Path) -> None:
    """Unless another is asked for."""
    keyset.open_keyset(Layout(tmp_path), "p256")
    record_calls(tmp_path, 1)
    rotate_receipt_key(Layout(tmp_path), BOUNDARY)
    assert [known.key.type for known in read_published(Layout(tmp_path)).receipt] == ["p256"] * 2


def test_a_rotation_that_was_stopped_is_finished_with_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another kind isn't put in its place; without one it goes on."""
    record_calls(tmp_path, 1)

    def stop(*_arguments: object) -> None:
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(rotation, "integrate_all", stop)
        with pytest.raises(Stopped):
            rotate_receipt_key(Layout(tmp_path), BOUNDARY, Successor("p256"))
    with pytest.raises(KeyRefused, match="half done"):
        rotate_receipt_key(Layout(tmp_path), BOUNDARY, Successor("ed25519"))
    rotate_receipt_key(Layout(tmp_path), BOUNDARY)
    assert read_published(Layout(tmp_path)).receipt[-1].key.type == "p256"


def test_the_newest_key_alone_does_not_verify_what_came_before_it(tmp_path: Path) -> None:
    """Trust goes forward: a key says nothing about what was before its introduction."""
    record_calls(tmp_path, 1)
    rotate_receipt_key(Layout(tmp_path), BOUNDARY)
    receipt, log = trusted(tmp_path)
    with pytest.raises(Broken, match="foreign-key"):
        check(tmp_path, receipt, log)


def test_rotation_publishes_the_range_of_each_key(tmp_path: Path) -> None:
    """Valid by index: the old key to where it ended, the new from where it began."""
    record_calls(tmp_path, 1)
    rotate_receipt_key(Layout(tmp_path), BOUNDARY)
    old, new = read_published(Layout(tmp_path)).receipt
    assert (old.first, old.last, new.first, new.last) == (0, 7, 4, None)
    assert stat.S_IMODE((tmp_path / "keys" / "receipt.pem").stat().st_mode) == 0o600


def test_keys_are_not_rotated_while_a_recorder_runs(tmp_path: Path) -> None:
    """A clear refusal, and nothing changed."""
    with recording(tmp_path) as recorder:
        recorder.record_now(request("a"))
        for rotate in (rotate_receipt_key, rotate_log_key):
            with pytest.raises(KeyRefused, match="a boundary that runs"):
                rotate(Layout(tmp_path), BOUNDARY)
        assert not (tmp_path / "keys" / keyset.NEXT).exists()


class Stopped(Exception):
    """The machine stops here."""


@pytest.mark.parametrize("when", range(30))
def test_a_rotation_that_stops_anywhere_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: int
) -> None:
    """Stopped at the nth sync of any kind, the recorder refuses to start until it is finished."""
    with recording(tmp_path), recording(tmp_path):
        pass
    receipt, log = trusted(tmp_path)
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
    assert check(tmp_path, receipt, log).is_complete
    assert finished == (trusted(tmp_path)[0] != receipt) or not finished


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
