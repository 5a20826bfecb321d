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
from pathlib import Path

import pytest

from helm_receipts.database.connections import connect
from helm_receipts.database.migrations import migrate
from support.engines import TableState, check
from support.fleet import LogService, fsck, recomputed_root
from support.orphans import end_with_parent
from support.postgresql import Server, running_server, short_folder
from support.verifiers import PROGRAMS

# A hundred take five minutes.
KILLS = int(os.environ.get("HELM_FLEET_KILLS", "5"))


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
