"""Boundaries' recorders, the log's integrator and the database itself, killed at random moments."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect
from helm_receipts.database.migrations import migrate
from support.engines import check
from support.fleet import LogService, fsck, keys_of, recomputed_root
from support.orphans import end_with_parent
from support.postgresql import Server, running_server
from support.short_folders import short_folder
from support.table_state import TableState
from support.verifiers import PROGRAMS

# A hundred take five minutes.
KILLS = int(os.environ.get("HELM_FLEET_KILLS", "3"))


@pytest.fixture
def server(missing_postgresql: None) -> Iterator[Server]:
    """Return a server of this test's own."""
    with running_server(short_folder()) as running:
        yield running


class Recording:
    """A process that records and forwards, started again whenever it is killed."""

    def __init__(self, name: str, state: TableState) -> None:
        self.forwarded: set[str] = set()
        self._name, self._state, self._runs = name, state, 0
        self.start()

    def start(self) -> None:
        """Start it; a thread reads what it forwards."""
        self._runs += 1
        program = PROGRAMS / "recording_process.py"
        name = f"{self._name}.{self._runs}"
        self._process = subprocess.Popen(
            [sys.executable, str(program), name, *self._state.arguments],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=end_with_parent(),
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def kill(self) -> None:
        """Kill it, and know all that it forwarded."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._reader.join()

    @property
    def has_ended(self) -> bool:
        """Whether it gave up by itself: the database was away when it started."""
        return self._process.poll() is not None

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.endswith(b"\n"):
                self.forwarded.add(line.decode().strip())


def wait_for_calls(processes: list[Recording]) -> None:
    """Wait until something is forwarded: on a busy machine a start takes longer than the rest."""
    before, end = sum(len(each.forwarded) for each in processes), time.monotonic() + 30
    while sum(len(each.forwarded) for each in processes) == before and time.monotonic() < end:
        if all(each.has_ended for each in processes):
            return  # they are started again with the next kill
        time.sleep(0.1)


def test_nothing_is_forwarded_without_a_durable_receipt_whatever_is_killed(
    tmp_path: Path, server: Server
) -> None:
    """And nothing is recorded twice; in the end every call has an outcome, in one log."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    database = server.address(server.create_database())
    with connect(database) as connection:
        migrate(connection)
    states = [TableState(tmp_path / name / "state", database) for name in ("one", "two")]
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    processes = [Recording(f"p{index}", state) for index, state in enumerate(states)]
    services = [LogService(database, tmp_path / "one" / "log").start()]
    killed = dict.fromkeys(("recorder", "integrator", "database"), 0)
    for _ in range(KILLS):
        wait_for_calls(processes)
        time.sleep(chance.uniform(0.5, 2.0))
        what = chance.choice([*killed])
        killed[what] += 1
        if what == "database":
            server.kill()
            server.start()
        elif what == "integrator":
            services[-1].kill()
            services.append(LogService(database, tmp_path / "one" / "log").start())
        else:
            victim = chance.choice(processes)
            victim.kill()
            victim.start()
        for each in processes:
            if each.has_ended:
                each.kill()
                each.start()
    for each in processes:
        each.kill()
    services[-1].stop()
    for state in states:
        state.open().close()
    requests = [
        said["flow"]["id"] for said in states[0].new_predicates() if said["phase"] == "request"
    ]
    forwarded = set().union(*(each.forwarded for each in processes))
    assert len(requests) == len(set(requests)), f"seed {seed}: recorded twice"
    missing = forwarded - set(requests)
    assert not missing, f"seed {seed}: forwarded without a receipt: {missing}"
    assert len(forwarded) > KILLS
    folder = states[0].folder()
    report = check(folder)
    assert report.is_complete, report
    assert report.calls == len(requests)
    assert recomputed_root(folder) == report.root
    assert fsck(database.text)["exit"] in (0, 3)  # nobody has named its keys
    print(f"{killed}, {len(forwarded)} calls forwarded, {report.receipts} receipts")


@pytest.mark.slow
def test_the_other_log_service_goes_on_where_one_was_killed(
    tmp_path: Path, database: Address
) -> None:
    """In the middle of integration, with SIGKILL: no fork, and what was published still holds."""
    (tmp_path / "one").mkdir()
    state = TableState(tmp_path / "one" / "state", database)
    recording = Recording("p", state)
    log = tmp_path / "one" / "log"
    with LogService(database, log) as one, LogService(database, log) as two:
        one.reaches(1)
        holder = {service.pid: service for service in (one, two)}[_integrates(database)]
        other = two if holder is one else one
        kept = holder.read("checkpoint")
        with _waiting_integration(database):
            holder.kill()
        killed_at = other.size
        assert _receipts(database) > killed_at, "all was published when it was killed"
        other.reaches(killed_at + 1, 30)
        recording.kill()
        state.open().close()
        other.reaches(_receipts(database), 30)
        assert _integrates(database) == other.pid
        (tmp_path / "kept").write_bytes(kept)
        (tmp_path / "log.vkey").write_bytes(other.read("log.vkey"))
        trusted = ("--vkey", str(tmp_path / "log.vkey"), "--kept", str(tmp_path / "kept"))
        assert fsck(other.url, *trusted)["exit"] == 0
        named = keys_of([tmp_path / "one" / "state"])
        told = fsck(database.text, *named, *trusted)
    assert (told["exit"], told["kept"]) == (0, 1), told


def _integrates(database: Address) -> int:
    """Return the process that has the lease of the log."""
    with connect(database) as connection:
        row = connection.execute("SELECT holder FROM helm_boundary.leases WHERE name = 'log'")
        (holder,) = row.fetchone() or ("",)
    return int(holder.rpartition(":")[2])


def _receipts(database: Address) -> int:
    """Return how many receipts there are."""
    with connect(database) as connection:
        row = connection.execute("SELECT sum(number)::bigint FROM helm_boundary.writers").fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _waiting_integration(database: Address) -> Iterator[None]:
    """Have the integration wait in the middle of its transaction, for as long as the block lasts.

    It has locked its row, and waits to insert its tiles.
    """
    with (
        connect(database) as connection,
        connect(database) as looking,
        connection.transaction(),
    ):
        connection.execute("LOCK TABLE helm_boundary.tiles IN ACCESS EXCLUSIVE MODE")
        until = time.monotonic() + 20
        waiting = (
            "SELECT 1 FROM pg_locks WHERE relation = 'helm_boundary.tiles'::regclass "
            "AND NOT granted"
        )
        while looking.execute(waiting).fetchone() is None:
            assert time.monotonic() < until, "no integration waits"
            time.sleep(0.01)
        yield
