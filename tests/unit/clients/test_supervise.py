"""A program run as a shell would run it: signals, exit codes, and what can't be run."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from helm_boundary.clients.supervise import NotStarted, check_program, run_program

HEEDS = (
    "import os, signal\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})\n"
    "open('ready', 'w').close()\n"
    "os._exit(9 if signal.sigtimedwait({signal.SIGHUP}, 5) else 1)"
)


def test_a_signal_that_another_thread_gets_is_forwarded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, not when the program has ended; so is one that comes as the wait begins."""
    monkeypatch.chdir(tmp_path)

    def hear() -> None:
        while not (tmp_path / "ready").exists():
            time.sleep(0.01)
        signal.pthread_kill(threading.get_ident(), signal.SIGHUP)
        time.sleep(5)  # the kernel hands it to this thread alone

    threading.Thread(target=hear, daemon=True).start()
    assert run_program([sys.executable, "-c", HEEDS], os.environ) == 9


def test_handlers_are_as_they_were() -> None:
    """Once the program has ended, however it ended."""
    numbers = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    before = [signal.getsignal(number) for number in numbers]
    assert run_program(["sh", "-c", "exit 3"], os.environ) == 3
    assert run_program(["sh", "-c", "kill -KILL $$"], os.environ) == 128 + signal.SIGKILL
    with pytest.raises(NotStarted):
        run_program(["no-such-program-here"], os.environ)
    assert [signal.getsignal(number) for number in numbers] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_a_program_is_looked_for_first(tmp_path: Path) -> None:
    """Where it will be looked for: in the PATH that it gets."""
    tool = tmp_path / "tool"
    tool.touch()
    here = {"PATH": str(tmp_path)}
    for command, code in (("tool", 126), (str(tool), 126), (str(tmp_path), 126), ("", 127),
                          ("other", 127), (f"{tmp_path}/other", 127)):  # fmt: skip
        with pytest.raises(NotStarted) as refused:
            check_program([command], here)
        assert refused.value.exit_code == code, command
    tool.chmod(0o755)
    check_program(["tool"], here)
    check_program([str(tool)], {})
    with pytest.raises(NotStarted):
        check_program(["tool"], {"PATH": "/nowhere"})
