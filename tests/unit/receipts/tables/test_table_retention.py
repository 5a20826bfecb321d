"""Old receipts of a database are archived or pruned; what merely vanished is named."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from helm_boundary.cli.receipts import receipts
from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect
from helm_receipts.envelope import key_files
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.layout import Layout
from helm_receipts.recording.database_place import Database
from helm_receipts.recording.keyset import open_log_key
from helm_receipts.recording.recorder import Recorder
from helm_receipts.tables.pull import PrunedBeyond, pull
from helm_receipts.tables.table_log import TableLog
from support.receipts import CONFIGURATION, outcome, request


def opened(folder: Path, address: Address) -> Recorder:
    return Recorder.open(
        folder, version="0", configuration=CONFIGURATION, database=Database(address, 10)
    )


def record(folder: Path, address: Address, name: str, calls: int = 5) -> None:
    recorder = opened(folder, address)
    for number in range(calls):
        recorder.record_now(request(f"{name}-{number}"))
        recorder.record_now(outcome(f"{name}-{number}"))
    recorder.close()


def settle(address: Address, tmp_path: Path) -> None:
    log = TableLog(address, *open_log_key(Layout(tmp_path / "log")))
    while log.step():
        pass
    log._published_at = 0.0
    log.step()
    log.close()


@pytest.fixture
def fleet(tmp_path: Path, database: Address) -> Address:
    """Two boundaries' receipts, in the log."""
    for name in ("one", "two"):
        record(tmp_path / name, database, name)
    settle(database, tmp_path)
    return database


def run(*arguments: object) -> Result:
    return CliRunner().invoke(receipts, [str(argument) for argument in arguments])


def keep(what: str, tmp_path: Path, address: Address, *more: object) -> Result:
    own = ("--folder", tmp_path / "one")
    return run(what, "--state", address.text, *own, "--before", "0s", *more)


def named(tmp_path: Path) -> list[object]:
    """Name the keys, as an auditor who has them would."""
    found: list[object] = []
    for name in ("one", "two"):
        key = key_files.load(tmp_path / name / "keys" / "receipt.pem", "receipt")
        (tmp_path / f"{name}.pem").write_bytes(key.public.pem())
        found += ["--key", tmp_path / f"{name}.pem"]
    origin, log = open_log_key(Layout(tmp_path / "log"))
    return [*found, "--vkey", LogKey(origin, log.public).vkey]


def fsck(tmp_path: Path, place: object, *more: object) -> dict[str, object]:
    told: dict[str, object] = json.loads(
        run("fsck", place, *named(tmp_path), *more, "--json").output
    )
    return told


def rows(address: Address) -> int:
    with connect(address) as connection:
        (count,) = connection.execute("SELECT count(*) FROM helm_boundary.receipts").fetchone() or (
            0,
        )
    return int(count)


def test_what_is_archived_is_said_and_verifies_with_the_rest(
    tmp_path: Path, fleet: Address
) -> None:
    """Of both writers; the database alone is pruned, not broken; a stranger verifies all of it."""
    before = fsck(tmp_path, fleet.text)
    assert before["exit"] == 0, before
    assert "would be" in keep("archive", tmp_path, fleet, "--dry-run", "-o", tmp_path / "a").output
    done = keep("archive", tmp_path, fleet, "-o", tmp_path / "old", "--json")
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.output)["pruned"]) == 2
    settle(fleet, tmp_path)
    left = fsck(tmp_path, fleet.text)
    assert (left["exit"], len(left["pruned"])) == (0, 2)  # type: ignore[arg-type]
    record(tmp_path / "two", fleet, "later")
    settle(fleet, tmp_path)
    again = keep("archive", tmp_path, fleet, "-o", tmp_path / "old")
    assert again.exit_code == 0, again.output
    settle(fleet, tmp_path)
    whole = fsck(tmp_path, fleet.text, "--archive", tmp_path / "old")
    assert (whole["exit"], whole["pruned"]) == (0, []), whole
    assert whole["receipts"] == whole["size"]
    with connect(fleet) as connection:
        pull(connection, Layout(tmp_path / "copy"))
    command = [sys.executable, "-m", "helm_receipts", "fsck", tmp_path / "copy"]
    for archives in ([], ["--archive", tmp_path / "old"]):
        told = subprocess.run(
            [*map(str, [*command, *named(tmp_path), *archives])],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert told.returncode == 0, told
    assert run("verify", "--state", tmp_path / "old", *named(tmp_path)[:4]).exit_code in (0, 3)


def test_what_is_pruned_is_gone_and_boundaries_go_on(tmp_path: Path, fleet: Address) -> None:
    """One runs meanwhile; the request of its open call stays. An older copy says that it is old."""
    with connect(fleet) as connection:
        pull(connection, Layout(tmp_path / "copy"))
    running = opened(tmp_path / "two", fleet)
    running.record_now(request("early"))
    for number in range(5):
        running.record_now(request(f"more-{number}"))
        running.record_now(outcome(f"more-{number}"))
    settle(fleet, tmp_path)
    count = rows(fleet)
    done = keep("prune", tmp_path, fleet, "--yes")
    assert done.exit_code == 0, done.output
    assert rows(fleet) < count
    running.record_now(outcome("early"))
    running.close()
    record(tmp_path / "one", fleet, "last")
    settle(fleet, tmp_path)
    told = fsck(tmp_path, fleet.text)
    assert told["exit"] == 0, told
    assert told["openCalls"] == 0
    with connect(fleet) as connection, pytest.raises(PrunedBeyond, match="another folder"):
        pull(connection, Layout(tmp_path / "copy"))
    listed = run("list", "--state", fleet.text)
    assert listed.exit_code == 0, listed.output


FORGED = {
    "rows are gone, and said to be pruned": (
        "INSERT INTO helm_boundary.prunings SELECT writer, 3, line FROM helm_boundary.receipts "
        "WHERE number = 3; DELETE FROM helm_boundary.receipts WHERE number < 4"
    ),
    "one more than was pruned": (
        "UPDATE helm_boundary.prunings SET number = number + 1; DELETE FROM helm_boundary.receipts "
        "USING helm_boundary.prunings WHERE receipts.writer = prunings.writer "
        "AND receipts.number <= prunings.number"
    ),
}


@pytest.mark.parametrize("how", FORGED)
def test_what_vanished_is_not_taken_for_pruned(tmp_path: Path, fleet: Address, how: str) -> None:
    """Nothing is pruned of a database that doesn't verify, either."""
    if how == "one more than was pruned":
        record(tmp_path / "two", fleet, "later")
        assert keep("prune", tmp_path, fleet, "--yes").exit_code == 0
        record(tmp_path / "one", fleet, "last")
        record(tmp_path / "two", fleet, "last-two")
        settle(fleet, tmp_path)
    with connect(fleet) as connection:
        connection.execute(FORGED[how].encode())
    count = rows(fleet)
    refused = run("fsck", fleet.text, *named(tmp_path))
    assert refused.exit_code == 1, refused.output
    assert "table lacks" in refused.output + refused.stderr or "DROPPED" in refused.output.upper()
    assert keep("prune", tmp_path, fleet, "--yes").exit_code == 1
    assert rows(fleet) == count
