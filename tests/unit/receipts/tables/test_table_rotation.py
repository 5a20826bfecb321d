"""Keys of a fleet change so that whoever trusted the first ones can follow."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from helm_boundary.cli.receipts import receipts
from helm_boundary.log_service.service import serving
from helm_receipts.audit.fsck import FsckReport, fsck
from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect
from helm_receipts.envelope import key_files
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.errors import Broken, KeyRefused, RecorderError
from helm_receipts.layout import Layout
from helm_receipts.log.handovers import follow_handovers
from helm_receipts.log.published_keys import read_published
from helm_receipts.recording import table_rotation
from helm_receipts.recording.database_place import Database
from helm_receipts.recording.keyset import NEXT, open_log_key
from helm_receipts.recording.recorder import Recorder
from helm_receipts.recording.writer import Writer
from helm_receipts.tables.publication import read_note
from helm_receipts.tables.pull import pull
from support.receipts import CONFIGURATION, outcome, request
from support.sampling import every
from support.stopped_rotation import KILLED
from support.table_state import TableState, lend_key, log_kept_up, rotate, settle


def opened(folder: Path, address: Address) -> Recorder:
    return Recorder.open(
        folder, version="0", configuration=CONFIGURATION, database=Database(address, 10)
    )


def record(folder: Path, address: Address, name: str) -> None:
    recorder = opened(folder, address)
    recorder.record_now(request(name))
    recorder.record_now(outcome(name))
    recorder.close()


def public(folder: Path) -> PublicKey:
    return key_files.load(folder / "keys" / "receipt.pem", "receipt").public


def check(address: Address, out: Path, receipt: list[PublicKey], log: LogKey, *kept: bytes):  # type: ignore[no-untyped-def]
    """Pull into a folder and run fsck there, as an auditor with these keys."""
    layout = Layout(out)
    with connect(address) as connection:
        pull(connection, layout)
    chain = follow_handovers(layout.log, log, read_published(layout))
    report: FsckReport = fsck(out, receipt, chain, kept)
    return report


def test_an_auditor_with_the_first_keys_can_follow(tmp_path: Path, database: Address) -> None:
    """Two rotations of each key, two boundaries: a copy, the database and the served log verify."""
    one, two, log = (tmp_path / name for name in ("one", "two", "log"))
    for folder in (one, two):
        record(folder, database, f"{folder.name}-first")
    first = [public(one), public(two)]
    settle(database, Layout(log))
    origin, log_key = open_log_key(Layout(log))
    vkey = LogKey(origin, log_key.public)
    lend_key(two, log)
    with connect(database) as connection:
        kept = read_note(connection)
    for turn, kind in enumerate(("p256", "ed25519")):
        with log_kept_up(database, Layout(log)):
            done = rotate("receipt", one, database, "--type", kind)
            assert done.exit_code == 0, done.output
        record(one, database, f"one-{turn}")
        done = rotate("log", log, database)
        assert done.exit_code == 0, done.output
        record(two, database, f"two-{turn}")
        settle(database, Layout(log))
    assert public(one) not in first
    report = check(database, tmp_path / "copy", first, vkey, kept)
    assert report.is_complete, report
    assert report.calls == 6
    published = read_published(Layout(tmp_path / "copy"))
    assert [key.last is None for key in published.log] == [False, False, True]
    named = []
    for number, key in enumerate(first):
        (tmp_path / f"{number}.pem").write_bytes(key.pem())
        named += ["--key", str(tmp_path / f"{number}.pem")]
    (tmp_path / "kept").write_bytes(kept)
    named += ["--vkey", vkey.vkey, "--kept", str(tmp_path / "kept"), "--json"]
    with serving(database, "127.0.0.1", 0) as server:
        for place in (database.text, f"http://127.0.0.1:{server.port}"):
            told = CliRunner().invoke(receipts, ["fsck", place, *named])
            assert told.exit_code == 0, told.output
            assert json.loads(told.output)["kept"] == 1
    with pytest.raises(Broken, match="foreign-key"):
        check(database, tmp_path / "copy", [public(one), public(two)], vkey)


def test_nothing_is_rotated_while_something_runs(tmp_path: Path, database: Address) -> None:
    """And what runs goes on."""
    own, pod, log = tmp_path / "own", tmp_path / "pod", tmp_path / "log"
    record(own, database, "a")
    lend_key(own, pod)
    running = opened(pod, database)
    refused = rotate("receipt", own, database)
    assert refused.exit_code == 2
    assert "found" in refused.output
    record(own, database, "meanwhile")  # nothing is half done
    running.record_now(request("b"))
    running.record_now(outcome("b"))
    running.close()
    settle(database, Layout(log))
    with log_kept_up(database, Layout(log)):
        time.sleep(1)
        refused = rotate("log", log, database)
        assert refused.exit_code == 2
        assert "stop all" in refused.output
        assert rotate("receipt", own, database).exit_code == 0
    with pytest.raises(RecorderError, match="hands over"):
        opened(pod, database)
    lend_key(own, pod)
    record(pod, database, "c")


def test_a_rotation_waits_for_the_log_and_is_finished_later(
    tmp_path: Path, database: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped at each of its steps, no boundary starts in its folder until it is finished."""
    own, log = tmp_path / "own", tmp_path / "log"
    record(own, database, "a")
    settle(database, Layout(log))
    first, (origin, key) = public(own), open_log_key(Layout(log))

    def rotated() -> None:
        table_rotation.rotate_receipt_key(
            Layout(own), Database(database, 10), "0", CONFIGURATION, patience=0.2
        )

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "hand_over", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            rotated()
    for _ in range(2):
        with pytest.raises(KeyRefused, match="log serve"):
            rotated()
        with pytest.raises(RecorderError, match="finish"):
            opened(own, database)
    assert (own / "keys" / NEXT).exists()
    settle(database, Layout(log))
    rotated()
    record(own, database, "b")
    settle(database, Layout(log))
    report = check(database, tmp_path / "copy", [first], LogKey(origin, key.public))
    assert report.is_complete, report


_STEPS = 36  # one more or less, by how long the log takes
_DEAD = "UPDATE helm_boundary.writers SET held_until = now() - interval '1 s' WHERE keyid = %s"
_PROGRAM = Path(__file__).parents[3] / "support" / "stopped_rotation.py"


@pytest.mark.parametrize("when", every(9, range(_STEPS)))
def test_a_rotation_that_is_killed_anywhere_is_finished(
    tmp_path: Path, database: Address, when: int
) -> None:
    """Before its nth step; until it is finished a boundary refuses, or goes on as before.

    A second place with the same key was killed before, and is closed by the rotation.
    """
    state, pod = TableState(tmp_path / "own", database), tmp_path / "pod"
    record(tmp_path / "own", database, "a")
    lend_key(tmp_path / "own", pod)
    killed = opened(pod, database)
    killed.record_now(request("b"))
    settle(database, state.log)
    first, (origin, log) = public(tmp_path / "own"), open_log_key(state.log)
    with connect(database) as connection:
        connection.execute(_DEAD, (first.keyid,))
    with log_kept_up(database, state.log):
        ended = subprocess.run(
            [sys.executable, _PROGRAM, tmp_path / "own", database.text, str(when)], check=False
        )
        assert ended.returncode == KILLED or when > _STEPS - 4, ended
    with connect(database) as connection:
        connection.execute(_DEAD, (first.keyid,))  # a minute later
    if (tmp_path / "own" / "keys" / NEXT).exists():
        with pytest.raises(RecorderError, match="keys rotate receipt"):
            opened(tmp_path / "own", database)
        done = state.rotate("receipt")
        assert done.exit_code == 0, done.output
    record(tmp_path / "own", database, "c")
    settle(database, state.log)
    report = check(database, tmp_path / "copy", [first], LogKey(origin, log.public))
    assert report.is_complete, report
