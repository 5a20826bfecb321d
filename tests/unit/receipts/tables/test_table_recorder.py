"""Receipts in a table: durable when `record` returns, each once, in one chain for each writer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect
from helm_receipts.envelope.dsse import parse_line
from helm_receipts.envelope.record import parse_statement
from helm_receipts.errors import RecorderError
from helm_receipts.recording.database_place import Database
from helm_receipts.recording.recorder import Recorder
from support.postgresql import Server, migrated, running_server
from support.receipts import CONFIGURATION, outcome, request
from support.short_folders import short_folder


def opened(folder: Path, address: Address, seconds: float = 2.0) -> Recorder:
    return Recorder.open(
        folder,
        version="0",
        configuration=CONFIGURATION,
        database=Database(address, seconds),
    )


def said(address: Address) -> list[dict[str, Any]]:
    """Return what every receipt says, writer by writer."""
    with connect(address) as connection:
        rows = connection.execute(
            "SELECT line FROM helm_boundary.receipts ORDER BY writer, number"
        ).fetchall()
    return [parse_statement(parse_line(bytes(row[0])).payload)["predicate"] for row in rows]


def ends(address: Address) -> dict[str, str]:
    """Return how each call ended."""
    return {
        each["flow"]["id"]: each["outcome"]["end"]
        for each in said(address)
        if each["phase"] == "outcome"
    }


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await work()

    asyncio.run(main())


@pytest.fixture
def server(missing_postgresql: None) -> Iterator[Server]:
    """Return a server that this test may kill."""
    with running_server(short_folder()) as running:
        yield running


@contextmanager
def recording(folder: Path, address: Address, seconds: float = 2.0) -> Iterator[Recorder]:
    recorder = opened(folder, address, seconds)
    try:
        yield recorder
    finally:
        recorder.close()


def test_a_session_and_its_calls_are_in_the_table(tmp_path: Path, database: Address) -> None:
    async def work() -> None:
        with recording(tmp_path / "own", database) as recorder:
            await recorder.record(request("a"))
            recorder.record_now(outcome("a"))

    run(work)
    phases = [(each["phase"], (each.get("event") or {}).get("kind")) for each in said(database)]
    assert phases == [
        ("session", "start"), ("key", "registered"), ("request", None), ("outcome", None),
        ("session", "stop"),
    ]  # fmt: skip


def test_two_processes_write_as_two_writers(tmp_path: Path, database: Address) -> None:
    with recording(tmp_path / "one", database), recording(tmp_path / "two", database):
        pass
    with recording(tmp_path / "one", database), recording(tmp_path / "one", database):
        pass
    with connect(database) as connection:
        found = connection.execute("SELECT count(*), count(DISTINCT keyid) FROM "
                                   "helm_boundary.writers").fetchone()  # fmt: skip
    assert found == (3, 2)


def test_the_next_start_goes_on_with_the_chain(tmp_path: Path, database: Address) -> None:
    for _ in range(3):
        opened(tmp_path / "own", database).close()
    numbers = [each["sequence"]["number"] for each in said(database)]
    assert numbers == list(range(1, 8))


def test_a_crash_leaves_calls_that_the_next_start_closes(tmp_path: Path, database: Address) -> None:
    async def work() -> None:
        recorder = opened(tmp_path / "own", database)
        for name in "abc":
            await recorder.record(request(name))
        await recorder.record(outcome("b"))
        recorder._writer._journal._release()  # type: ignore[attr-defined]  # as its end would

    run(work)
    opened(tmp_path / "own", database).close()
    assert ends(database) == {"a": "killed", "b": "complete", "c": "killed"}
    starts = [
        each["event"]["previousStop"]
        for each in said(database)
        if (each.get("event") or {}).get("kind") == "start"
    ]
    assert starts == ["none", "crash"]


def test_another_process_with_the_key_closes_what_a_lost_folder_left(
    tmp_path: Path, database: Address
) -> None:
    async def work() -> None:
        recorder = opened(tmp_path / "own", database)
        await recorder.record(request("a"))

    run(work)
    with connect(database) as connection:
        connection.execute("UPDATE helm_boundary.writers SET held_until = now() - interval '1 s'")
    other = tmp_path / "other" / "keys"
    other.mkdir(parents=True, mode=0o700)
    (tmp_path / "other").chmod(0o700)
    key = tmp_path / "own" / "keys" / "receipt.pem"
    (other / "receipt.pem").write_bytes(key.read_bytes())
    (other / "receipt.pem").chmod(0o600)
    opened(tmp_path / "other", database).close()
    assert ends(database) == {"a": "killed"}
    before = len(said(database))
    opened(tmp_path / "other", database).close()
    assert len(said(database)) == before + 2, "what is closed stays as it is"


def test_a_database_that_is_away_denies_and_outcomes_come_when_it_is_back(
    tmp_path: Path, server: Server
) -> None:
    address = migrated(server)

    async def work() -> None:
        with recording(tmp_path / "own", address, seconds=0.5) as recorder:
            await recorder.record(request("a"))
            server.kill()
            begun = time.monotonic()
            with pytest.raises(RecorderError):
                await recorder.record(request("denied"))
            assert time.monotonic() - begun < 4
            with pytest.raises(RecorderError):
                await recorder.record(outcome("a"))
            server.start()
            await back(recorder)

    run(work)
    assert ends(address)["a"] == "complete"
    assert "denied" not in ends(address)


def test_a_recorder_comes_back_before_anybody_asks_again(tmp_path: Path, server: Server) -> None:
    """What is owed is written then, and the next call isn't the one to be denied."""
    address = migrated(server)

    async def work() -> None:
        with recording(tmp_path / "own", address, seconds=0.5) as recorder:
            await recorder.record(request("a"))
            server.kill()
            with pytest.raises(RecorderError):
                await recorder.record(outcome("a"))
            assert recorder.is_coming_back
            server.start()
            until = time.monotonic() + 20
            while recorder.is_coming_back:
                assert time.monotonic() < until
                await asyncio.sleep(0.05)
            assert ends(address) == {"a": "complete"}
            await recorder.record(request("b"))

    run(work)


def test_an_outcome_that_the_database_never_took_is_recorded_by_the_next_start(
    tmp_path: Path, server: Server
) -> None:
    address = migrated(server)

    async def work() -> None:
        recorder = opened(tmp_path / "own", address, seconds=0.3)
        await recorder.record(request("a"))
        await recorder.record(request("b"))
        server.kill()
        with pytest.raises(RecorderError):
            await recorder.record(outcome("a"))
        with pytest.raises(RecorderError):
            recorder.close()

    run(work)
    server.start()
    opened(tmp_path / "own", address).close()
    assert ends(address) == {"a": "complete", "b": "killed"}


def test_a_server_that_takes_no_writes_denies(tmp_path: Path, database: Address) -> None:
    name = database.text.rpartition("/")[2]

    async def work() -> None:
        with recording(tmp_path / "own", database, seconds=0.3) as recorder:
            alter(database, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
            alter(
                database,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            with pytest.raises(RecorderError):
                await recorder.record(request("denied"))
            alter(database, f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
            await back(recorder)

    run(work)
    assert "denied" not in ends(database)


def test_a_lock_that_lasts_longer_than_the_deadline_denies(
    tmp_path: Path, database: Address
) -> None:
    async def work() -> None:
        with recording(tmp_path / "own", database, seconds=0.3) as recorder:
            with connect(database) as other, other.transaction():
                other.execute("LOCK TABLE helm_boundary.receipts IN EXCLUSIVE MODE")
                begun = time.monotonic()
                with pytest.raises(RecorderError):
                    await recorder.record(request("slow"))
                assert time.monotonic() - begun < 3
            await back(recorder)

    run(work)
    # It waited for the lock and may have been committed after that: then it has an outcome.
    assert ends(database).get("slow", "killed") == "killed"


def test_whoever_lost_its_place_writes_nothing_any_more(tmp_path: Path, database: Address) -> None:
    async def work() -> None:
        recorder = opened(tmp_path / "own", database, seconds=0.3)
        await recorder.record(request("a"))
        with connect(database) as connection:
            connection.execute(
                "UPDATE helm_boundary.writers SET epoch = epoch + 1, holder = 'somebody'"
            )
        for name in "bc":
            with pytest.raises(RecorderError):
                await recorder.record(request(name))
        with pytest.raises(RecorderError, match="another process has taken"):
            recorder.close()

    run(work)
    assert [each["flow"]["id"] for each in said(database) if "flow" in each] == ["a"]


def test_rows_that_were_lost_are_noticed(tmp_path: Path, database: Address) -> None:
    """As by a failover to a replica that didn't have them."""

    async def work() -> None:
        recorder = opened(tmp_path / "own", database, seconds=0.3)
        await recorder.record(request("a"))
        before = snapshot(database)
        await recorder.record(request("b"))
        with connect(database) as connection:
            connection.execute("DELETE FROM helm_boundary.receipts WHERE number = 4")
            connection.execute("UPDATE helm_boundary.writers SET number = %s, digest = %s", before)
        with pytest.raises(RecorderError):
            await recorder.record(request("c"))
        with pytest.raises(RecorderError, match="rows are lost"):
            recorder.close()

    run(work)


def test_a_server_that_keeps_nothing_is_refused(tmp_path: Path, missing_postgresql: None) -> None:
    with running_server(short_folder(), {"fsync": "off"}) as server:
        name = server.create_database()
        with pytest.raises(RecorderError, match="fsync = on"):
            opened(tmp_path / "own", server.address(name))


def test_a_database_without_tables_is_refused_with_the_command(
    tmp_path: Path, empty_database: Address
) -> None:
    with pytest.raises(RecorderError, match="helm-boundary state migrate"):
        opened(tmp_path / "own", empty_database)


def alter(address: Address, statement: str) -> None:
    with connect(Address(f"{address.text}?options=-cdefault_transaction_read_only%3Doff")) as other:
        other.execute(statement.encode())


def snapshot(address: Address) -> tuple[Any, ...]:
    with connect(address) as connection:
        found = connection.execute("SELECT number, digest FROM helm_boundary.writers").fetchone()
    assert found is not None
    return found


async def back(recorder: Recorder) -> None:
    """Wait until receipts can be written again."""
    until = time.monotonic() + 20
    while True:
        try:
            await recorder.record(request("probe"))
            await recorder.record(outcome("probe"))
            return
        except RecorderError:
            assert time.monotonic() < until
            await asyncio.sleep(0.1)


def test_a_commit_that_no_replica_has_is_none(tmp_path: Path, server: Server) -> None:
    """Somebody ends the server's wait for its replica: it then says yes, with a warning."""
    address = migrated(server)

    async def work() -> None:
        with recording(tmp_path / "own", address, seconds=1.5) as recorder:
            with server.superuser() as connection:
                connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
                connection.execute("SELECT pg_reload_conf()")
                await asyncio.sleep(0.3)
                recorded = asyncio.create_task(recorder.record(request("denied")))
                for _ in range(8):
                    await asyncio.sleep(0.15)
                    connection.execute(
                        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
                        "WHERE wait_event = 'SyncRep'"
                    )
                with pytest.raises(RecorderError):
                    await recorded
                connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
                connection.execute("SELECT pg_reload_conf()")
            await back(recorder)

    run(work)
    assert ends(address)["denied"] == "killed"
