"""PgBouncer in transaction mode in between: sessions are anybody's, and nothing depends on one."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from helm_boundary.clients.free_ports import free_ports
from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect
from helm_receipts.database.migrations import migrate
from helm_receipts.recording.database_place import Database
from helm_receipts.recording.recorder import Recorder
from support.engines import check
from support.postgresql import ROLE, Server, owner_of_servers
from support.receipts import CONFIGURATION, outcome, request
from support.short_folders import short_folder
from support.table_state import TableState

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")

SETTINGS = """
[databases]
{name} = host=127.0.0.1 port={server} user={role}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
auth_file = {users}
pool_mode = transaction
default_pool_size = 2
server_lifetime = 1
"""


@pytest.fixture
def pooled(postgresql: Server) -> Iterator[Address]:
    """Return the address of an empty database behind a pooler with two connections."""
    if PROGRAM is None:
        pytest.skip("no pgbouncer (on Debian: apt-get install pgbouncer)")
    name = postgresql.create_database()
    folder, (port,) = short_folder(), free_ports(1)
    users = folder / "users"
    users.write_text(f'"{ROLE}" ""\n')
    text = SETTINGS.format(server=postgresql.port, port=port, users=users, name=name, role=ROLE)
    (folder / "settings.ini").write_text(text)
    owner = owner_of_servers()
    if owner is not None:
        for path in (folder, *folder.iterdir()):
            os.chown(path, *owner)
    user, group = owner or (None, None)
    with subprocess.Popen(
        [PROGRAM, str(folder / "settings.ini")], cwd=folder, stderr=subprocess.DEVNULL,
        user=user, group=group,
    ) as process:  # fmt: skip
        try:
            address = postgresql.address(name, port)
            wait_for(address)
            yield address
        finally:
            process.terminate()


def wait_for(address: Address) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            psycopg.connect(address.text).close()
            return
        except psycopg.OperationalError:
            assert time.monotonic() < until
            time.sleep(0.1)


def test_everything_works_through_a_pooler(tmp_path: Path, pooled: Address) -> None:
    """Migrations, four writers at once, the log and a copy of it all."""
    with connect(pooled) as connection:
        assert migrate(connection) > 0

    async def one(recorder: Recorder, writer: int) -> None:
        for number in range(20):
            await recorder.record(request(f"{writer}.{number}"))
            await recorder.record(outcome(f"{writer}.{number}"))

    async def work() -> None:
        recorders = [
            Recorder.open(
                tmp_path / f"state{writer}",
                version="0",
                configuration=CONFIGURATION,
                database=Database(pooled, 5.0),
            )
            for writer in range(4)
        ]
        await asyncio.gather(*(one(each, writer) for writer, each in enumerate(recorders)))
        for each in recorders:
            await asyncio.to_thread(each.close)

    asyncio.run(work())
    report = check(TableState(tmp_path / "state0", pooled).folder())
    assert report.is_complete
    assert report.calls == 80
