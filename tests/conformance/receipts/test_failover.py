"""Failover to a replica that every commit waits for: nothing is lost, and writers go on."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect
from helm_receipts.database.migrations import migrate
from helm_receipts.errors import RecorderError
from helm_receipts.recording.database_place import Database
from helm_receipts.recording.recorder import Recorder
from support.engines import check
from support.postgresql import ROLE, Server, running_server
from support.receipts import CONFIGURATION, outcome, request
from support.short_folders import short_folder
from support.table_state import TableState


def test_nothing_is_lost_when_a_synchronous_replica_takes_over(
    tmp_path: Path, missing_postgresql: None
) -> None:
    with running_server(short_folder()) as primary:
        name = primary.create_database()
        with connect(primary.address(name)) as connection:
            migrate(connection)
        replica = Server(short_folder())
        replica.copy(primary, "replica")
        replica.start()
        try:
            fail_over(tmp_path, name, primary, replica)
        finally:
            replica.stop()


def fail_over(tmp_path: Path, name: str, primary: Server, replica: Server) -> None:
    with primary.superuser() as connection:
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'replica'")
        connection.execute("SELECT pg_reload_conf()")
        wait_for_replica(connection)
    hosts = f"127.0.0.1:{primary.port},127.0.0.1:{replica.port}"
    both = Address(f"postgresql://{ROLE}@{hosts}/{name}")
    seen = set[str]()

    async def call(recorder: Recorder, call: str) -> bool:
        try:
            await recorder.record(request(call))
            seen.add(call)
            await recorder.record(outcome(call))
        except RecorderError:
            await asyncio.sleep(0.2)
            return False
        return True

    async def until_denied(recorder: Recorder, lane: int) -> int:
        number = 0
        while await call(recorder, f"during.{lane}.{number}"):
            number += 1
        return number

    async def work() -> None:
        recorder = Recorder.open(
            tmp_path / "state",
            version="0",
            configuration=CONFIGURATION,
            database=Database(both, 1.0),
        )
        await asyncio.gather(*(call(recorder, f"before.{number}") for number in range(40)))
        load = [asyncio.create_task(until_denied(recorder, each)) for each in range(8)]
        await asyncio.sleep(0.5)
        await asyncio.to_thread(primary.kill)
        assert sum(await asyncio.gather(*load)) > 8
        await asyncio.to_thread(replica.promote)
        with replica.superuser() as connection:
            connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
            connection.execute("SELECT pg_reload_conf()")
        until = time.monotonic() + 60
        while not await call(recorder, f"after.{time.monotonic()}"):
            assert time.monotonic() < until
        await asyncio.to_thread(recorder.close)

    asyncio.run(work())
    state = TableState(tmp_path / "state", replica.address(name))
    requests = [said["flow"]["id"] for said in state.new_predicates() if said["phase"] == "request"]
    assert seen <= set(requests), "a call went on whose receipt is lost"
    assert len(requests) == len(set(requests))
    assert len(seen) >= 41
    report = check(state.folder())
    assert report.is_complete, report
    assert report.calls == len(requests)
    print(f"{len(seen)} calls, {report.receipts} receipts")


def wait_for_replica(connection: object) -> None:
    until = time.monotonic() + 30
    while True:
        found = connection.execute(  # type: ignore[attr-defined]
            "SELECT sync_state FROM pg_stat_replication"
        ).fetchall()
        if found == [("sync",)]:
            return
        assert time.monotonic() < until, found
        time.sleep(0.1)
