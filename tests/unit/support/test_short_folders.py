"""Folders of test servers go with the processes that made them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from support.boundary import ROOT
from support.short_folders import short_folder, sweep

_MAKES = (
    "import time; from support.short_folders import short_folder; "
    "print(short_folder(), flush=True); time.sleep(60)"
)


def test_what_a_killed_process_left_is_removed_and_what_is_in_use_stays(tmp_path: Path) -> None:
    foreign = tmp_path / "helm-pg-another"
    foreign.mkdir()
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT / "tests")}
    command = [sys.executable, "-c", _MAKES]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        made = Path(process.stdout.readline().strip())
        (made / "data").mkdir()
        sweep(tmp_path)
        assert (made / "data").is_dir()
        process.send_signal(signal.SIGKILL)
    until = time.monotonic() + 10
    while made.exists() and time.monotonic() < until:
        sweep(tmp_path)
    assert not made.exists()
    assert foreign.is_dir()


def test_a_process_does_not_sweep_its_own() -> None:
    own = short_folder()
    sweep(own.parent)
    assert own.is_dir()
