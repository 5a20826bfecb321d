"""A program run as a shell would run it: its signals and its exit code are passed through."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

NOT_FOUND = 127
NOT_EXECUTABLE = 126
_BY_SIGNAL = 128
"""Exit codes of POSIX shells: sh(1p), 2.8.2."""
_AT_ONCE = 4096

_FORWARDED = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGCONT")


class NotStarted(Exception):
    """A program that can't be run; `exit_code` is what a shell would return."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def check_program(command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Look for a program where it will be looked for, before anything is started for it.

    Raises:
        NotStarted: there is no such program, or it can't be executed.
    """
    path = os.pathsep.join(os.get_exec_path(environment))
    program = command[0]
    if shutil.which(program, path=path) is not None:
        return
    is_folder = os.sep in program and Path(program).is_dir()
    if is_folder or shutil.which(program, os.F_OK, path) is not None:
        raise NotStarted(f"{program}: it can't be executed", NOT_EXECUTABLE)
    raise NotStarted(f"{program}: no such program", NOT_FOUND)


def run_program(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    keep: tuple[int, ...] = (),
    started: Callable[[], None] = lambda: None,
) -> int:
    """Run a program to its end; returns its exit code, or 128 and the signal that ended it.

    `keep` are file descriptors that it inherits; `started` is called when it runs.

    Raises:
        NotStarted: there is no such program, or it can't be executed.
    """
    process: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        if process is None:
            early.append(number)  # it may be running already: Popen returns a little later
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)

    with _handling(forward) as arrived:
        try:
            process = subprocess.Popen(command, env=environment, pass_fds=keep)
        except FileNotFoundError as error:
            raise NotStarted(f"{error.filename}: no such program", NOT_FOUND) from None
        except OSError as error:
            raise NotStarted(f"{command[0]}: {error.strerror}", NOT_EXECUTABLE) from None
        for number in early:
            process.send_signal(number)
        started()
        code = _wait(process, arrived)
    return code if code >= 0 else _BY_SIGNAL - code


def _wait(process: subprocess.Popen[bytes], arrived: socket.socket) -> int:
    """Return a program's exit code, once it has ended.

    A signal's handler runs between two steps of Python. One that arrives just before a system call
    that waits, or in another thread, would be forwarded once that call is over: when the program
    has ended. So what is waited for are the signals, and the end of the program is one of them.
    """
    while (code := process.poll()) is None:
        select.select([arrived], [], [])
        arrived.recv(_AT_ONCE)
    return code


@contextlib.contextmanager
def _handling(forward: Callable[[int, FrameType | None], None]) -> Iterator[socket.socket]:
    """Forward signals to the program while the block runs; gives what each writes a byte to.

    A terminal sends Ctrl-C to the program too, which shares our process group: then it isn't
    forwarded, or it would come twice.
    """
    numbers = [getattr(signal, name) for name in _FORWARDED if hasattr(signal, name)]
    from_terminal = _in_foreground()
    actions = {number: signal.signal(number, forward) for number in numbers}
    actions[signal.SIGINT] = signal.signal(signal.SIGINT, _heed if from_terminal else forward)
    actions[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _heed)
    arrived, writes = socket.socketpair()
    writes.setblocking(False)
    before = signal.set_wakeup_fd(writes.fileno(), warn_on_full_buffer=False)
    try:
        with arrived, writes:
            yield arrived
    finally:
        signal.set_wakeup_fd(before)
        for number, action in actions.items():
            signal.signal(number, action)


def _heed(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: a signal without a handler would wake nobody."""


def _in_foreground() -> bool:
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError, AttributeError):
            return os.tcgetpgrp(descriptor) == os.getpgrp()
    return False
