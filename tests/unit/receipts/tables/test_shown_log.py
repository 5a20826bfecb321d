"""A database's log is shown to witnesses and timestamp authorities by who integrates it."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from helm_boundary.cli.receipts import receipts
from helm_boundary.log_service.service import keep_up
from helm_boundary.log_service.shown_log import TableShownLog
from helm_receipts.database.address import Address
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.layout import Layout
from helm_receipts.recording.database_place import Database
from helm_receipts.recording.keyset import open_log_key
from helm_receipts.recording.observers import make_observers
from helm_receipts.recording.recorder import Recorder
from helm_receipts.tables.table_log import TableLog
from support.receipts import CONFIGURATION, outcome, request
from support.timestamp_authority import running_authority
from support.witness import running_witness


def record(folder: Path, address: Address, calls: int) -> None:
    recorder = Recorder.open(
        folder, version="0", configuration=CONFIGURATION, database=Database(address, 10)
    )
    for number in range(calls):
        recorder.record_now(request(f"{calls}-{number}"))
        recorder.record_now(outcome(f"{calls}-{number}"))
    recorder.close()


def keep_up_once(address: Address, folder: Path, whom: list[str]) -> list[str]:
    """Run the loop of a log service until all is in the log; returns what it told."""
    told: list[str] = []
    log = TableLog(address, *open_log_key(Layout(folder)))
    ended, observers = threading.Event(), make_observers(TableShownLog(address), whom, told.append)
    thread = threading.Thread(target=keep_up, args=(log, ended, observers))
    thread.start()
    time.sleep(2.5)
    ended.set()
    thread.join()
    return told


def fsck(address: Address, *more: object) -> tuple[int, dict[str, object]]:
    done = CliRunner().invoke(receipts, ["fsck", address.text, *map(str, more), "--json"])
    found: dict[str, object] = json.loads(done.output)
    return done.exit_code, found


def test_checkpoints_are_cosigned_and_a_fork_is_not(tmp_path: Path, database: Address) -> None:
    """The first time and as the log grows, with proofs from tiles in rows."""
    record(tmp_path / "own", database, 3)
    origin, key = open_log_key(Layout(tmp_path / "log"))
    vkey = LogKey(origin, key.public)
    with running_witness("witness.example/w1", vkey) as witness:
        assert keep_up_once(database, tmp_path / "log", [f"witness={witness.option}"]) == []
        record(tmp_path / "own", database, 140)
        assert keep_up_once(database, tmp_path / "log", [f"witness={witness.option}"]) == []
        assert set(witness.asked) == {200, 409}
        policy = tmp_path / "policy"
        policy.write_text(
            f"log {vkey.vkey}\nwitness w {witness.key.vkey} {witness.url}\nquorum w\n"
        )
        code, told = fsck(database, "--policy", policy, "--vkey", vkey.vkey)
        assert code == 0, told
        assert str(told["witnesses"]).startswith("['291 entries")
        witness.seen[origin] = type(witness.seen[origin])(origin, 5, bytes(32))
        record(tmp_path / "own", database, 1)
        (said,) = keep_up_once(database, tmp_path / "log", [f"witness={witness.option}"])
        assert "one of the two was forked" in said


def test_checkpoints_are_stamped_once_an_hour(tmp_path: Path, database: Address) -> None:
    pytest.importorskip("rfc3161_client")
    record(tmp_path / "own", database, 3)
    with running_authority(tmp_path / "tsa") as authority:
        for _ in range(2):
            told = keep_up_once(database, tmp_path / "log", [f"timestamp={authority.url}"])
            assert told == []
        assert len(authority.asked) == 1
        code, found = fsck(database, "--tsa", authority.root)
    assert code in (0, 3)  # nobody has named its keys
    assert str(found["timestamps"]).startswith("['9 entries")
