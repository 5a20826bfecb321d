"""Several processes of one machine, whose state is a database: with one folder of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect
from support.approvals import until
from support.processes import Processes
from support.upstream import Upstream


def test_two_processes_share_a_database_and_a_folder(database: Address, tmp_path: Path) -> None:
    """Both write there, one that is killed is replaced, and emergencies refuse to be half-done."""
    options = {"helm_state": database.text, "helm_state_deadline_ms": 20_000}
    with (
        Upstream() as upstream,
        Processes(upstream, state=tmp_path, options=options) as processes,
    ):
        writers = {processes.writer() for _ in range(30)}
        assert len(writers) == 2, writers
        victim = min(processes.pids)
        os.kill(victim, signal.SIGKILL)
        until(lambda: (len(processes.pids) == 2 and victim not in processes.pids) or None, 90)
        assert len({processes.writer() for _ in range(30)}) == 2
        with connect(database) as connection:
            found = connection.execute("SELECT count(*) FROM helm_boundary.receipts").fetchone()
        assert found is not None
        assert int(str(found[0])) >= 2 * 60
        refused = subprocess.run(
            [sys.executable, "-m", "helm_boundary", "observe", "--state", str(processes.state),
             "--for", "5m", "--why", "a test"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert refused.returncode == 2
        assert "found one whose state is postgresql://" in refused.stderr
        assert processes.stop() == 0
