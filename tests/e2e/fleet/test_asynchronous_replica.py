"""Failover to a replica that nobody waited for: durable receipts are gone, and that is noticed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect
from support.approvals import ask, body, until
from support.boundary import Boundary
from support.fleet import LogService, command, fleet_boundary, keys_of
from support.postgresql import ROLE, Server, migrated, running_server
from support.short_folders import short_folder
from support.upstream import Upstream

pytestmark = pytest.mark.slow


@contextmanager
def replicated() -> Iterator[tuple[Server, Server]]:
    """Run a primary and a replica that follows when it can."""
    with running_server(short_folder()) as primary:
        replica = Server(short_folder())
        replica.copy(primary, "replica")
        replica.start()
        try:
            yield primary, replica
        finally:
            replica.stop()


def hold_back(primary: Server) -> None:
    """Let the replica catch up, and have it get nothing from now on."""
    with primary.superuser() as connection:

        def sender() -> object:
            row = connection.execute(
                "SELECT pid FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()"
            ).fetchone()
            return row and row[0]

        os.kill(int(str(until(sender))), signal.SIGSTOP)


def call(boundary: Boundary, times: int) -> list[int]:
    """Call some times; returns the statuses."""
    return [ask(boundary, body("hello")).status for _ in range(times)]


def pull(folder: Path, database: Address, home: Path) -> subprocess.CompletedProcess[str]:
    """Bring an auditor's copy up to the database."""
    return command("receipts", "pull", folder, "--state", database.text, home=home)


def test_a_boundary_whose_receipts_are_lost_denies_until_somebody_looks(
    tmp_path: Path, missing_postgresql: None
) -> None:
    """So it says in its log; what is left verifies, but doesn't continue an auditor's copy."""
    with replicated() as (primary, replica), Upstream() as upstream:
        name = migrated(primary).text.rpartition("/")[2]
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{replica.port}"
        both, copy = Address(f"postgresql://{ROLE}@{hosts}/{name}"), tmp_path / "copy"
        with (
            LogService(both, tmp_path / "log") as service,
            fleet_boundary(upstream, tmp_path / "one", both) as one,
        ):
            assert call(one, 3) == [200] * 3
            service.reaches(8)
            hold_back(primary)
            assert call(one, 3) == [200] * 3
            service.reaches(14)
            assert pull(copy, both, tmp_path).returncode == 0
            primary.kill()
            replica.promote()
            for _ in range(3):
                began = time.monotonic()
                denied = ask(one, body("hello"))
                assert (denied.status, denied.codes) == (403, ["RECEIPT_UNAVAILABLE"])
                assert time.monotonic() - began < 4
                time.sleep(1)
            assert len(upstream.requests) == 6
            assert "its last receipt in the table is 8, not 14: rows are lost" in one.log
            behind = pull(copy, both, tmp_path)
            assert behind.returncode == 2, behind
            assert "less than" in behind.stderr or "set back" in behind.stderr
            one.stop()
            one.start()
            assert call(one, 3) == [200] * 3  # whoever restarts it has looked
            one.stop()
            with connect(both) as connection:
                row = connection.execute("SELECT count(*) FROM helm_boundary.receipts").fetchone()
            service.reaches(row[0] if row else 0)
            trusted = [*keys_of([one.state]), "--vkey", service.read("log.vkey").decode().strip()]
        fork = pull(copy, both, tmp_path)
        assert fork.returncode == 2
        assert "the database was set back, and went on otherwise; keep the folder" in fork.stderr
        left = command("receipts", "fsck", *trusted, both.text, home=tmp_path)
        assert left.returncode == 0, left.stdout
        kept = command("receipts", "fsck", *trusted, copy, home=tmp_path)
        assert kept.stdout.startswith("TRUE BUT INCOMPLETE"), kept.stdout  # it hadn't stopped
