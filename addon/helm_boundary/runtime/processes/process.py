"""One boundary of several: its process, what it says, and what it prints."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Self

from helm_boundary.runtime.process_place import Place
from helm_receipts.storage import isolated

_MOST = 1 << 16
"""A line that is longer is printed in parts of this many bytes."""

READY, STOPPING = "READY=1", "STOPPING=1"


class Process:
    """A boundary that was started at a place; it ends when this process does."""

    def __init__(
        self, place: Place, process: asyncio.subprocess.Process, channel: socket.socket
    ) -> None:
        self.place = place
        self.is_ready = False
        self.is_up = False
        """Whether it has been ready, and hasn't ended: it may stop, and let open calls end."""
        self.began = asyncio.get_running_loop().time()
        self._process = process
        self._channel = channel
        self._told = asyncio.Condition()
        self._tasks = [
            asyncio.create_task(self._listen()),
            asyncio.create_task(self._pass_on()),
        ]

    @classmethod
    async def start(cls, place: Place, arguments: Sequence[str]) -> Self:
        """Start `helm-boundary run` with these arguments at a place; raises OSError."""
        ours, theirs = socket.socketpair()
        with theirs:
            environment = isolated.without_python(dict(os.environ)) | place.told()
            environment.pop("NOTIFY_SOCKET", None)  # systemd is told by this process alone
            process = await asyncio.create_subprocess_exec(
                *isolated.run_module("helm_boundary", "run", *arguments),
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # a Ctrl-C reaches it by this process, once
            )
        ours.setblocking(False)
        return cls(place, process, ours)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def wait_until_ready(self) -> bool:
        """Wait until it judges calls; False when it has ended before."""
        async with self._told:
            await self._told.wait_for(lambda: self.is_ready or self._tasks[0].done())
        return self.is_ready

    async def wait(self) -> int:
        """Wait for its end and its last words; returns its exit code, below 0 for a signal."""
        code = await self._process.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._channel.close()
        return code

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def _listen(self) -> None:
        """Follow what it says of itself, until it ends."""
        reader, writer = await asyncio.open_connection(sock=self._channel)
        try:
            while line := await reader.readline():
                await self._take(line.decode(errors="replace").strip())
        except (OSError, ValueError):  # a line without end is none of ours
            pass
        finally:
            writer.close()
            self.is_up = False
            await self._take(STOPPING)

    async def _take(self, state: str) -> None:
        async with self._told:
            if state in (READY, STOPPING):
                self.is_ready = state == READY
                self.is_up = self.is_up or self.is_ready
            self._told.notify_all()

    async def _pass_on(self) -> None:
        """Print its lines, each with its number before it."""
        assert self._process.stdout is not None  # noqa: S101 - asked for in `start`
        prefix, rest = f"[{self.place.number}] ".encode(), b""
        while chunk := await self._process.stdout.read(_MOST):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) >= _MOST:
                lines, rest = [*lines, rest], b""
            _print(prefix, lines)
        _print(prefix, [rest] if rest else [])


def _print(prefix: bytes, lines: Sequence[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.buffer.write(b"".join(prefix + line + b"\n" for line in lines))
        sys.stdout.buffer.flush()
