"""The real HAProxy with the configuration that comes with the boundary, as a user of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.approvals import free_port, until
from support.boundary import ROOT

CONFIGURATION = ROOT / "scripts" / "service" / "haproxy" / "haproxy.cfg"
NOBODY = 65534


@dataclass(frozen=True, slots=True)
class HAProxy:
    """A running one: the port that clients connect to, its process, its own socket."""

    port: int
    process: subprocess.Popen[bytes]
    stats: Path

    def command(self, line: str) -> str:
        """Say something on its socket, and return what it answers."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.stats))
            connection.sendall(f"{line}\n".encode())
            answer = b""
            while part := connection.recv(1 << 16):
                answer += part
        return answer.decode()

    def kill(self) -> None:
        """Kill it and its worker, which would go on for those it serves."""
        for file in Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            for worker in map(int, file.read_text().split()):
                os.kill(worker, signal.SIGKILL)
        self.process.kill()
        self.process.wait()

    def states(self) -> dict[str, str]:
        """Return how it sees each boundary: UP, DOWN, NOLB while it stops."""
        rows = [line.split(",") for line in self.command("show stat").splitlines()]
        return {row[1]: row[17] for row in rows if row[0] == "boundaries" and row[1] != "BACKEND"}

    def sees(self, **states: str) -> None:
        """Wait until it sees boundaries so."""

        def are_seen() -> bool | None:
            found = self.states()
            return all(found[name].startswith(state) for name, state in states.items()) or None

        until(are_seen, 30)


@contextmanager
def haproxy(boundaries: Sequence[tuple[int, int]]) -> Iterator[HAProxy]:
    """Run it before two boundaries or more, each given by its port and the one of its health."""
    program = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("no haproxy on PATH; Debian's package has it")
    (one, one_health), (two, two_health), *more = boundaries
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="helm-haproxy-"))
    configuration = folder / CONFIGURATION.name
    servers = [
        f'    server more{each} "127.0.0.1:{each}" port "{health}"\n' for each, health in more
    ]
    configuration.write_text(CONFIGURATION.read_text() + "".join(servers))
    user = NOBODY if os.geteuid() == 0 else None
    if user is not None:
        os.chown(folder, user, user)
    environment = {
        "PROXY_ADDRESS": f"127.0.0.1:{port}", "STATS_SOCKET": str(folder / "stats.sock"),
        "ONE": f"127.0.0.1:{one}", "ONE_HEALTH": str(one_health),
        "TWO": f"127.0.0.1:{two}", "TWO_HEALTH": str(two_health),
    }  # fmt: skip
    process = subprocess.Popen(
        [program, "-W", "-db", "-f", configuration], env=environment, cwd=folder,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=user, group=user,
    )  # fmt: skip
    try:
        running = HAProxy(port, process, folder / "stats.sock")
        until(lambda: running.stats.exists() or None)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        time.sleep(0.1)
        shutil.rmtree(folder, ignore_errors=True)
