"""mitmproxy's console in a terminal of its own: tmux types, and reads the screen back."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


def missing() -> str | None:
    """Return why there is no terminal to drive, or None."""
    return None if shutil.which("tmux") else "no tmux (on Debian: apt-get install tmux)"


class Console:
    """One program on one screen."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def screen(self) -> str:
        """Return what the terminal shows."""
        return self._tmux("capture-pane", "-p", "-t", "console")

    def type(self, *keys: str) -> None:
        """Press keys; names such as Enter and Escape are understood."""
        self._tmux("send-keys", "-t", "console", *keys)

    def say(self, text: str) -> None:
        """Type text literally."""
        self._tmux("send-keys", "-l", "-t", "console", text)

    def see(self, *words: str, seconds: float = 25) -> str:
        """Wait until the screen shows all these words; return it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            screen = self.screen()
            if all(word in screen for word in words):
                return screen
            time.sleep(0.1)
        raise TimeoutError(f"expected {words} on the screen, found:\n{self.screen()}")

    def start(self, command: Sequence[str], folder: Path) -> None:
        """Run a program on a screen of 150 by 40."""
        environment = ["-e", f"HOME={folder}", "-e", "LANG=C.UTF-8", "-e", "TERM=screen-256color"]
        size = ["-x", "150", "-y", "40"]
        line = shlex.join(command)
        self._tmux("new-session", "-d", "-s", "console", *size, *environment, line)

    def stop(self) -> None:
        """End everything on the screen, as a console outlives its terminal."""
        tmux = ["tmux", "-S", str(self._socket)]
        shown = subprocess.run(
            [*tmux, "list-panes", "-a", "-F", "#{pane_pid}"], check=False, capture_output=True
        )
        subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)
        for pid in shown.stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(pid), signal.SIGKILL)

    def _tmux(self, *arguments: str) -> str:
        return subprocess.run(
            ["tmux", "-u", "-S", str(self._socket), "-f", os.devnull, *arguments],
            check=True,
            capture_output=True,
            text=True,
        ).stdout


@contextmanager
def console(command: Sequence[str], folder: Path) -> Iterator[Console]:
    """Run the program for as long as the `with` block lasts."""
    terminal = Console(folder / "tmux")
    terminal.start(command, folder)
    try:
        yield terminal
    finally:
        terminal.stop()
