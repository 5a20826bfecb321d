"""Long shell text, read in a process of its own: the grammar's errors may take it minutes.

Nothing inside of the grammar can be interrupted, and meanwhile nobody else has the interpreter. So
what is longer than a person types goes to a process that is ended when it takes too long, or too
much memory. It starts with the first such text, and ends with the boundary.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO, Any

from helm_receipts.storage import isolated

from .command import Command, Redirect, Script
from .grammar import MAX_TEXT
from .shell import read_script, read_words

NEAR = 2048
"""Characters of a text that is read at once: whatever it says, that takes milliseconds."""

_SECONDS = 2.0
_SECONDS_A_BYTE = 2.0 / MAX_TEXT
_START_SECONDS = 20.0
_LENGTH = 4

_UNREAD = Script((), complete=False)


def read(told: str | Sequence[str]) -> Script:
    """Read a text, or the words of one command: short ones here, long ones apart."""
    if sum(map(len, told)) <= NEAR:
        return read_script(told) if isinstance(told, str) else read_words(told)
    written = json.dumps(told).encode()
    return _reader.read(written) if len(written) <= 2 * MAX_TEXT else _UNREAD


class _Reader:
    """The process that reads long texts, one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, written: bytes) -> Script:
        """Have a text read; what takes too long, or ends the process, isn't known."""
        seconds = _SECONDS + len(written) * _SECONDS_A_BYTE
        with self._lock:
            try:
                process = self._started()
                told = _exchange(process, written, time.monotonic() + seconds)
            except (OSError, TimeoutError, ValueError):
                self._end()
                return _UNREAD
        return _script(told)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                isolated.run_module("helm_boundary.commands.apart_main"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=isolated.bare_environment(),
                start_new_session=True,
            )
            _answer(self._process, time.monotonic() + _START_SECONDS)
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        process.wait()


_reader = _Reader()


def _exchange(process: subprocess.Popen[bytes], written: bytes, deadline: float) -> Any:
    """Send a text and return what is told of it; TimeoutError, or OSError where it has ended."""
    pipe = process.stdin
    if pipe is None:  # pragma: no cover - it is a pipe
        raise OSError("no pipe")
    pipe.write(len(written).to_bytes(_LENGTH, "big") + written)
    pipe.flush()
    return _answer(process, deadline)


def _answer(process: subprocess.Popen[bytes], deadline: float) -> Any:
    """Return what the process says next; errors as `_exchange`."""
    pipe = process.stdout
    if pipe is None:  # pragma: no cover - it is a pipe
        raise OSError("no pipe")
    size = int.from_bytes(_take(pipe, _LENGTH, deadline), "big")
    return json.loads(_take(pipe, size, deadline))


def _take(pipe: IO[bytes], size: int, deadline: float) -> bytes:
    found = b""
    while len(found) < size:
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError
        part = os.read(pipe.fileno(), size - len(found))
        if not part:
            raise OSError("it has ended")
        found += part
    return found


def _script(told: Mapping[str, Any]) -> Script:
    return Script(tuple(map(_command, told["commands"])), told["complete"])


_LISTS = ("arguments", "built", "writes", "scripts", "code")


def _command(told: Mapping[str, Any]) -> Command:
    lists = {name: tuple(told[name]) for name in _LISTS}
    redirects = tuple(Redirect(**each) for each in told["redirects"])
    return Command(**{**told, **lists, "redirects": redirects})
