"""The process of a policy worker, and the boundary's end of its pipe."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from typing import IO

from helm_receipts.storage import isolated

from . import frames
from .cores import cores

PORTION = 1 << 16
AT_ONCE = 8  # writes; a worker that reads as fast as we write must not keep the loop busy
AWAKE_SECONDS = 0.0005  # most judgements take less
MEMORY = 2 * 1024**3  # bytes of address space; a plan's data is held several times over
MEMORY_FACTOR = 40


class WorkerProcess:
    """One running worker. Writes never block: what the pipe doesn't take waits in ``unsent``."""

    def __init__(self, plan: IO[bytes], alarm: float, trial: str) -> None:
        ours, theirs = socket.socketpair()
        size = os.fstat(plan.fileno()).st_size
        memory = MEMORY + MEMORY_FACTOR * size
        arguments = [theirs.fileno(), plan.fileno(), alarm, memory, trial]
        try:
            self._process = subprocess.Popen(
                isolated.run_module(
                    "helm_boundary.policy.engines.worker_main", *map(str, arguments)
                ),
                pass_fds=(theirs.fileno(), plan.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=worker_environment(),
                start_new_session=True,  # a Ctrl-C for the boundary is not one for its policy
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        self._readable = select.poll()
        self._readable.register(ours, select.POLLIN)
        self.pid = self._process.pid
        self._socket = ours
        self._frames = frames.FrameReader()
        self.unsent: deque[memoryview] = deque()
        self.has_core = cores() > 1
        """Whether the worker can run while the boundary does, which then needn't go to sleep."""

    def fileno(self) -> int:
        """Return the file descriptor of the boundary's end of the pipe."""
        return self._socket.fileno()

    def send(self, *parts: bytes) -> None:
        """Send a frame's parts, or as much as the pipe takes now. An ended worker takes nothing."""
        self.unsent.extend(map(memoryview, parts))
        self.flush()

    def flush(self) -> None:
        """Send what is unsent, as far as the pipe takes it, but not for long."""
        for _ in range(AT_ONCE):
            if not self.unsent:
                return
            try:
                sent = self._socket.send(self.unsent[0])
            except BlockingIOError:
                return
            except OSError:
                self.unsent.clear()  # reading will say that it ended
                return
            left = self.unsent[0][sent:]
            if left:
                self.unsent[0] = left
            else:
                self.unsent.popleft()

    def receive(self) -> Iterator[frames.Frame] | None:
        """Return the frames that have come; None when the worker has ended."""
        try:
            portion = self._socket.recv(PORTION)
        except BlockingIOError:
            return iter(())
        except OSError:
            return None
        return self._frames.feed(portion) if portion else None

    def wait(self, seconds: float) -> bool:
        """Block until the pipe can be read, or written if something waits; False if neither."""
        events = select.POLLIN | (select.POLLOUT if self.unsent else 0)
        poll = select.poll()
        poll.register(self._socket, events)
        return bool(poll.poll(max(0.0, seconds) * 1_000))

    def wait_awake(self, seconds: float) -> bool:
        """Wait for reading, polling at first, since waking from a sleep takes longer."""
        until = time.perf_counter() + (min(seconds, AWAKE_SECONDS) if self.has_core else 0.0)
        while not self._readable.poll(0):
            if time.perf_counter() >= until:
                return self.wait(seconds)
        return True

    def kill(self) -> None:
        """Kill the worker, whatever it is doing."""
        self._socket.close()
        self._process.kill()
        self._process.wait()

    def reap(self) -> str:
        """Return, in words, how the worker ended whose pipe has ended."""
        self._socket.close()
        try:
            code = self._process.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def worker_environment() -> dict[str, str]:
    """Return the environment variables of a process that evaluates policy."""
    return isolated.bare_environment() | {"RUST_BACKTRACE": "0"}
