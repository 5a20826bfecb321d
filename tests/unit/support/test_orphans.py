"""What tests start doesn't outlive them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.short_folders import short_folder

_STARTS = """
import sys
from pathlib import Path
from support.postgresql import Server
server = Server(Path(sys.argv[1]))
server.initialise()
server.start()
print(server._process.pid, flush=True)
sys.stdin.read()
"""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of it")
def test_a_server_ends_with_a_test_run_that_is_killed(missing_postgresql: None) -> None:
    tests = Path(__file__).parents[2]
    run = subprocess.Popen(
        [sys.executable, "-c", _STARTS, str(short_folder())],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(tests)},
    )  # fmt: skip
    assert run.stdout is not None
    pid = int(run.stdout.readline())
    assert is_running(pid)
    run.kill()
    run.wait()
    until = time.monotonic() + 20
    while is_running(pid):
        assert time.monotonic() < until
        time.sleep(0.05)
