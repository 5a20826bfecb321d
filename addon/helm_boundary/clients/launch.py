"""A boundary started for a program, and the wait until it is ready."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from helm_boundary.calls.call import Mode
from helm_boundary.runtime.health import STARTED_FOR, Health, ask, running_boundaries, socket_of
from helm_boundary.runtime.start_order import Order, run_arguments
from helm_receipts.storage import isolated
from helm_receipts.storage.custody import refuse_foreign_state

START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_POLL = 0.02
_SHOWN = 12
_OURS = "helm-boundary: "
_PR_SET_PDEATHSIG = 1


class LaunchFailed(Exception):
    """A boundary that didn't come up; the message holds the end of its output."""


class Launched:
    """A boundary in a process of its own, as long as the `with` block lasts.

    It has a session of its own, so that a Ctrl-C in the terminal reaches the program alone. Where
    the system can be asked for that, it ends with the process that started it.

    Raises:
        LaunchFailed: on systems where it couldn't tell us that it is ready.
    """

    def __init__(self, order: Order, state: Path, environment: Mapping[str, str]) -> None:
        if not hasattr(socket, "AF_UNIX"):
            raise LaunchFailed(
                "expected Unix sockets, by which a boundary says that it is ready; without them "
                "use `helm-boundary run`, and `helm-boundary system-proxy on`"
            )
        self._state = state
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop()
        self._process = subprocess.Popen(
            isolated.run_module("helm_boundary", "run", *run_arguments(order)),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=isolated.without_python({**environment, STARTED_FOR: str(os.getpid())}),
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def wait_until_ready(self) -> Health:
        """Wait until the boundary judges calls, and return its health.

        Raises:
            LaunchFailed: it ended, or took too long.
        """
        place = socket_of(self._state, self.pid)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if place.exists() and (health := ask(place)) is not None and health.ready:
                return health
            time.sleep(_POLL)
        raise LaunchFailed(f"the boundary did not start: {self._end_of_log()}")

    def stop(self) -> None:
        """Ask the boundary to end, which lets open calls finish; kill it if that takes too long."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _end_of_log(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").splitlines()
        ours = [line for line in lines if _OURS in line]
        return ours[-1].partition(_OURS)[2] if ours else "\n".join(lines[-_SHOWN:])


def joinable(state: Path, mode: Mode | None = None) -> Health | None:
    """Return a running boundary on the state folder that takes proxy clients, or None.

    With a `mode` it must have that one; without, one that enforces is preferred. One that was
    started for another program ends with it, so it isn't joined.

    Raises:
        StateRefused: others can write in the folder, or it is somebody else's that runs there.
    """
    refuse_foreign_state(state)
    running = [each for each in running_boundaries(state) if each.ready and each.proxy]
    lasting = [each for each in running if not each.started_for and mode in (None, each.mode)]
    return min(lasting, key=lambda health: health.mode != "enforce", default=None)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
