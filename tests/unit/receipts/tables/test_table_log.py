"""The log in tables: one for all writers, and nothing signed that isn't so."""

from __future__ import annotations

from pathlib import Path

import pytest

from helm_receipts.audit.site import check_site
from helm_receipts.database.address import Address
from helm_receipts.database.connections import Connection, connect
from helm_receipts.envelope.checkpoint import Checkpoint
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.errors import KeyRefused, LogError, ReceiptError
from helm_receipts.layout import Layout
from helm_receipts.recording.database_place import Database
from helm_receipts.recording.keyset import open_keyset, open_log_key
from helm_receipts.recording.recorder import Recorder
from helm_receipts.tables.publication import read_log_keys, read_note
from helm_receipts.tables.pull import pull
from helm_receipts.tables.table_log import TableLog
from helm_receipts.tables.tile_rows import read_tile
from support.engines import check
from support.receipts import CONFIGURATION, outcome, record_calls, request
from support.table_state import TableState


def record(folder: Path, address: Address, calls: int, name: str = "call") -> None:
    recorder = Recorder.open(
        folder, version="0", configuration=CONFIGURATION, database=Database(address, 10)
    )
    for number in range(calls):
        recorder.record_now(request(f"{name}-{number}"))
        recorder.record_now(outcome(f"{name}-{number}"))
    recorder.close()


def log_on(address: Address, folder: Path) -> TableLog:
    return TableLog(address, *open_log_key(Layout(folder)))


def settle(log: TableLog) -> None:
    """Have a log catch up and publish."""
    while log.step():
        pass
    log._published_at = 0.0
    log.step()


def site(address: Address) -> Checkpoint:
    """Check the log as whoever reads it can."""
    with connect(address) as connection:
        key: LogKey = read_log_keys(connection)[-1].key

        def fetch(path: str) -> bytes | None:
            return read_note(connection) if path == "checkpoint" else read_tile(connection, path)

        return check_site(fetch, [key])


def test_receipts_of_all_writers_are_in_it_once(tmp_path: Path, database: Address) -> None:
    log = log_on(database, tmp_path / "log")
    for index in range(3):
        record(tmp_path / f"own{index}", database, 5, f"w{index}")
        settle(log)
    log.close()
    with connect(database) as connection:
        found = connection.execute("SELECT count(*) FROM helm_boundary.receipts").fetchone()
        layout = Layout(tmp_path / "out")
        pull(connection, layout)
    assert (site(database).size,) == found
    assert check(layout.state).is_complete


def test_receipts_wait_for_a_log_service(tmp_path: Path, database: Address) -> None:
    """Calls are recorded without one; the first that comes has all of it, in one log."""
    state = TableState(tmp_path / "own", database)
    record_calls(calls=5, **state.recorded)
    with connect(database) as connection:
        assert not read_note(connection)
        assert connection.execute("SELECT count(*) FROM helm_boundary.seq").fetchone() == (0,)
    record_calls(calls=5, **state.recorded)
    report = check(state.folder())
    assert report.is_complete
    assert report.calls == 10


def test_one_of_two_integrates_and_the_other_takes_over(tmp_path: Path, database: Address) -> None:
    record(tmp_path / "own", database, 3)
    one, two = log_on(database, tmp_path / "log"), log_on(database, tmp_path / "log")
    settle(one)
    assert one.is_ours
    assert not two.step()
    assert not two.is_ours
    one.close()
    record(tmp_path / "own", database, 3, "more")
    settle(two)
    assert two.is_ours
    assert site(database).size == 3 * 4 + 5
    two.close()


def test_whoever_lost_the_lease_changes_nothing(tmp_path: Path, database: Address) -> None:
    """As a process that was stopped for a minute and goes on."""
    one, two = log_on(database, tmp_path / "log"), log_on(database, tmp_path / "log")
    one.step()
    with connect(database) as connection:
        connection.execute("UPDATE helm_boundary.leases SET held_until = to_timestamp(0)")
    two.step()
    assert two.is_ours
    record(tmp_path / "own", database, 3)
    assert not one.step()
    assert not one.is_ours
    with connect(database) as connection:
        assert connection.execute("SELECT next FROM helm_boundary.seq_coord").fetchone() == (0,)


def test_a_log_of_another_key_is_refused(tmp_path: Path, database: Address) -> None:
    log_on(database, tmp_path / "log").step()
    with pytest.raises(KeyRefused, match=r"keys/log\.pem"):
        log_on(database, tmp_path / "other").step()


TAMPERED: dict[str, tuple[str, str]] = {
    "a receipt gone": (
        "DELETE FROM helm_boundary.receipts WHERE number = 4", "table lacks"),
    "the last receipts gone": (
        "DELETE FROM helm_boundary.receipts WHERE number > 6", "table lacks"),
    "a bit of a receipt": (
        "UPDATE helm_boundary.receipts SET line = set_byte(line, 60, get_byte(line, 60) # 1) "
        "WHERE number = 4", "."),
    "two receipts swapped": (
        "UPDATE helm_boundary.receipts SET number = CASE number WHEN 4 THEN -5 ELSE -4 END "
        "WHERE number IN (4, 5); "
        "UPDATE helm_boundary.receipts SET number = -number WHERE number < 0", "."),
    "a receipt again": (
        "UPDATE helm_boundary.receipts SET line = (SELECT line FROM helm_boundary.receipts "
        "WHERE number = 4) WHERE number = 5", "."),
    "a tile gone": (
        "DELETE FROM helm_boundary.tiles WHERE path LIKE 'tile/0/%'", "rows were deleted"),
    "a bit of a tile": (
        "UPDATE helm_boundary.tiles SET data = set_byte(data, 9, get_byte(data, 9) # 1) "
        "WHERE path LIKE 'tile/0/%'", "."),
    "a bit of an entry": (
        "UPDATE helm_boundary.tiles SET data = set_byte(data, 90, get_byte(data, 90) # 1) "
        "WHERE path LIKE 'tile/entries/%'", "."),
    "a bit of the checkpoint": (
        "UPDATE helm_boundary.pub_coord "
        "SET note = set_byte(note, 45, get_byte(note, 45) # 1)", "."),
    "a writer's head set back": (
        "UPDATE helm_boundary.writers SET number = 4; "
        "DELETE FROM helm_boundary.receipts WHERE number > 4", "."),
}  # fmt: skip


@pytest.mark.parametrize(("statement", "said"), TAMPERED.values(), ids=TAMPERED)
def test_tampering_with_rows_is_found(
    tmp_path: Path, database: Address, statement: str, said: str
) -> None:
    record(tmp_path / "own", database, 4)
    log = log_on(database, tmp_path / "log")
    settle(log)
    log.close()
    with connect(database) as connection:
        connection.execute(statement.encode())
        layout = Layout(tmp_path / "out")
        with pytest.raises(ReceiptError, match=said):
            copy_and_check(connection, layout)


def copy_and_check(connection: Connection, layout: Layout) -> None:
    pull(connection, layout)
    check(layout.state)


BEFORE_SIGNING: dict[str, str] = {
    "a receipt that isn't what was signed": (
        "UPDATE helm_boundary.receipts SET line = set_byte(line, 60, get_byte(line, 60) # 1) "
        "WHERE number = 14"),
    "a receipt that follows from another one": (
        "UPDATE helm_boundary.int_writers SET digest = repeat('a', 64)"),
    "a tile that was changed": (
        "UPDATE helm_boundary.tiles SET data = set_byte(data, 9, get_byte(data, 9) # 1) "
        "WHERE path LIKE 'tile/0/%'"),
    "a root that was changed": (
        "UPDATE helm_boundary.int_coord SET root = set_byte(root, 0, get_byte(root, 0) # 1)"),
    "a log that was set back": (
        "UPDATE helm_boundary.int_coord SET size = 0, root = "
        "'\\xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'; "
        "DELETE FROM helm_boundary.int_writers; "
        "UPDATE helm_boundary.seq SET index = index + 100 WHERE number < 3; "
        "UPDATE helm_boundary.seq SET index = index - 100 + 1 WHERE index = 100"),
}  # fmt: skip


@pytest.mark.parametrize("statement", BEFORE_SIGNING.values(), ids=BEFORE_SIGNING)
def test_nothing_is_signed_for_what_was_changed(
    tmp_path: Path, database: Address, statement: str
) -> None:
    record(tmp_path / "own", database, 4)
    log = log_on(database, tmp_path / "log")
    settle(log)
    log.close()
    record(tmp_path / "own", database, 4, "more")
    with connect(database) as connection:
        before = read_note(connection)
        connection.execute(statement.encode())
        with pytest.raises(ReceiptError):
            settle(log)
        assert read_note(connection) == before
    log.close()


def test_a_copy_of_a_database_that_was_set_back_is_refused(
    tmp_path: Path, database: Address
) -> None:
    record(tmp_path / "own", database, 4)
    log = log_on(database, tmp_path / "log")
    settle(log)
    with connect(database) as connection:
        layout = Layout(tmp_path / "out")
        pull(connection, layout)
        connection.execute("UPDATE helm_boundary.writers SET number = 3")
        with pytest.raises(LogError, match="set back"):
            pull(connection, layout)
    log.close()


def test_a_boundarys_own_folder_is_no_state_folder_and_the_other_way_round(
    tmp_path: Path, database: Address
) -> None:
    record(tmp_path / "own", database, 1)
    with pytest.raises(KeyRefused, match="beside"):
        open_keyset(Layout(tmp_path / "own"))
    open_keyset(Layout(tmp_path / "state"))
    with pytest.raises(ReceiptError, match="helm_folder"):
        record(tmp_path / "state", database, 1)


def test_a_large_log_has_no_partial_tiles_left_behind(tmp_path: Path, database: Address) -> None:
    log = log_on(database, tmp_path / "log")
    for batch in range(3):
        record(tmp_path / "own", database, 60, f"b{batch}")
        settle(log)
    log.close()
    assert site(database).size > 256
    with connect(database) as connection:
        found = connection.execute(
            "SELECT path FROM helm_boundary.tiles WHERE path LIKE 'tile/0/000.p/%'"
        ).fetchall()
    assert found == []
