"""A database that takes nothing: named refusals, soon, and no call passes until it is well."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.approvals import ask, body, until, write_policy
from support.engines import check
from support.fleet import fleet_boundary
from support.postgresql import ROLE, Server, migrated, running_server
from support.short_folders import short_folder
from support.table_state import TableState
from support.upstream import Upstream

type Act = Callable[[Server, str], None]


def revoke(server: Server, name: str) -> None:
    """Take the right to insert receipts, also from their owner."""
    with server.superuser(name) as connection:
        connection.execute(f"REVOKE INSERT ON helm_boundary.receipts FROM {ROLE}".encode())


def grant(server: Server, name: str) -> None:
    with server.superuser(name) as connection:
        connection.execute(f"GRANT INSERT ON helm_boundary.receipts TO {ROLE}".encode())


def recovering(server: Server, _name: str) -> None:
    """Start it as a replica, which it then is of nobody."""
    server.stop()
    (server.data / "standby.signal").touch()
    server.start()


def promote(server: Server, _name: str) -> None:
    server.promote()


def hang(server: Server, _name: str) -> None:
    """Stop all its processes: connections are taken by the kernel, and nobody answers."""
    for each in processes(server):
        os.kill(each, signal.SIGSTOP)


def go_on(server: Server, _name: str) -> None:
    for each in processes(server):
        os.kill(each, signal.SIGCONT)


def processes(server: Server) -> list[int]:
    children = subprocess.run(
        ["ps", "--ppid", str(server.pid), "-o", "pid="], capture_output=True, text=True, check=False
    )
    return [server.pid, *map(int, children.stdout.split())]


@pytest.mark.parametrize(
    ("fail", "mend", "seconds"),
    [(revoke, grant, 4), (recovering, promote, 4), (hang, go_on, 8)],
    ids=["a right is gone", "in recovery", "hangs"],
)
@pytest.mark.usefixtures("missing_postgresql")
def test_a_database_that_takes_no_receipts_denies_until_it_does(
    tmp_path: Path, fail: Act, mend: Act, seconds: float
) -> None:
    """Calls and questions alike; nothing is forwarded, and nobody restarts anything."""
    options = {"helm_on_escalate": "hold", "helm_state_deadline_ms": 1000}
    with running_server(short_folder()) as server, Upstream() as upstream:
        database = migrated(server)
        name = database.text.rpartition("/")[2]
        policy = write_policy(tmp_path / "policy")
        with fleet_boundary(upstream, tmp_path / "one", database, options, policy=policy) as one:
            assert ask(one, body("hello")).status == 200
            fail(server, name)
            try:
                for text in ("hello", "please", "hello", "please"):
                    began = time.monotonic()
                    denied = ask(one, body(text))
                    assert time.monotonic() - began < seconds
                    assert denied.status == 403
                    assert set(denied.codes) <= {"RECEIPT_UNAVAILABLE", "APPROVAL_UNAVAILABLE"}
                assert len(upstream.requests) == 1
            finally:
                mend(server, name)
            until(lambda: ask(one, body("hello")).status == 200 or None, 30)
            assert one.stop() == 0
        assert check(TableState(tmp_path / "one" / "helm", database).folder()).is_complete
