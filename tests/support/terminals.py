"""A program in a terminal of its own, whose window can be closed.

with Terminal(command, folder) as terminal:
terminal.see("listens on")
terminal.close()
terminal.ends()
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self


class Terminal:
    """One program that leads the session of a pseudo-terminal."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self._command = command
        self._folder = folder
        self._shown = b""
        self._process: subprocess.Popen[bytes] | None = None
        self._window = -1
        self._reader: threading.Thread | None = None
        self._closing = threading.Event()

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._program().pid

    @property
    def shown(self) -> str:
        """All that was printed so far."""
        return self._shown.decode(errors="replace")

    def see(self, words: str, seconds: float = 30) -> None:
        """Wait until the program has printed these words."""
        deadline = time.monotonic() + seconds
        while words not in self.shown:
            if time.monotonic() > deadline or self._program().poll() is not None:
                raise TimeoutError(f"expected {words!r}, found:\n{self.shown}")
            time.sleep(0.05)

    def close(self) -> None:
        """Close the window: the kernel hangs up."""
        self._closing.set()
        if self._reader is not None:
            self._reader.join()
        os.close(self._window)
        self._window = -1

    def ends(self, seconds: float = 20) -> int:
        """Wait until the program has ended; returns its exit code, negative for a signal's."""
        return self._program().wait(seconds)

    def goes_on(self, seconds: float = 2) -> bool:
        """Tell whether the program is still there after that time."""
        try:
            self._program().wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def __enter__(self) -> Self:
        self._window, line = pty.openpty()
        fcntl.ioctl(line, termios.TIOCSWINSZ, b"\x28\x00\x96\x00\x00\x00\x00\x00")
        self._process = subprocess.Popen(
            self._command,
            stdin=line,
            stdout=line,
            stderr=line,
            env=self._environment(),
            cwd=self._folder,
            start_new_session=True,
            preexec_fn=self._take_terminal,
        )
        os.close(line)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._program().poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
            self._program().wait()
        if self._window >= 0:
            self.close()

    def _take_terminal(self) -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a test run under nohup has it ignored
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def _environment(self) -> Mapping[str, str]:
        own = {"HOME": str(self._folder), "LANG": "C.UTF-8", "TERM": "xterm-256color"}
        return {**os.environ, **own, "HELM_PINS": str(self._folder / "pins")}

    def _read(self) -> None:
        while not self._closing.is_set():
            readable, _, _ = select.select([self._window], [], [], 0.05)
            try:
                self._shown += os.read(self._window, 1 << 16) if readable else b""
            except OSError:
                return  # the program has ended

    def _program(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("expected a program that was started: use `with`")
        return self._process
