"""The integrator: keeps the log up with the journals while a recorder runs, in its own process.

Integrating on a thread would cost every call that is recorded meanwhile a few milliseconds: the
interpreter goes back and forth between the two at every system call. Of several processes on a
state folder one has the log, by its lock; the others ask for it once a second, so that somebody
takes over when that one ends. The log is derived: when it can't be written, receipts are recorded
all the same, and the log catches up later.
"""

import contextlib
import logging
import subprocess
import threading
from collections.abc import Sequence
from typing import IO, cast

from helm_receipts.layout import Layout
from helm_receipts.log.log import BATCH
from helm_receipts.storage import isolated

from .integration import INTERVAL_SECONDS, SHOWN, Integration
from .keyset import Keyset

_END_SECONDS = 30.0

_logger = logging.getLogger(__name__)


class Integrator:
    """Integrates once a second, when a batch is pending, and at the end."""

    def __init__(self, layout: Layout, keys: Keyset, whom: Sequence[str] = ()) -> None:
        self.failure: str | None = None
        """Why the log isn't being extended, if it isn't."""
        self._layout = layout
        self._keys = keys
        self._arguments = (str(layout.state), *whom)
        self._pending = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._input: IO[bytes] | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="integrator", daemon=True)

    def start(self) -> None:
        """Begin in a second: a recorder that ends before that needs no other process."""
        self._thread.start()

    def note(self, receipts: int) -> None:
        """Say that so many receipts have become durable."""
        self._pending += receipts
        if self._pending >= BATCH:
            self._pending = 0
            self._say(b"\n")

    def close(self) -> None:
        """Integrate what there is, then end. Idempotent."""
        if self._ending.is_set():
            return
        self._ending.set()
        self._end_input()
        if self._thread.is_alive():
            self._thread.join(_END_SECONDS)
            hangs = self._process
            if hangs is not None:
                hangs.kill()
            self._thread.join()
        rest = Integration(self._layout, self._keys.log, self._keys.published)
        self._report(rest.catch_up())
        rest.close()

    def _run(self) -> None:
        while not self._ending.wait(INTERVAL_SECONDS):
            try:
                self._attend()
            except OSError as error:
                self._report(f"its process can't be started: {error.strerror}")

    def _attend(self) -> None:
        """Start the process, and listen to it until it ends."""
        with subprocess.Popen(
            isolated.run_module("helm_receipts.recording.integration", *self._arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=isolated.bare_environment(),
            bufsize=0,
            start_new_session=True,  # a Ctrl-C for the recorder is not one for its log
        ) as process:
            self._process, self._input = process, cast(IO[bytes], process.stdin)
            if self._ending.is_set():
                self._end_input()
            for line in cast(IO[bytes], process.stdout):
                self._hear(line.decode("utf-8", "replace").strip())
        self._process = self._input = None
        if not self._ending.is_set():
            self._report(f"its process ended with {process.returncode}; another one is started")

    def _say(self, word: bytes) -> None:
        if self._input is not None:
            # Where it has ended, the next one looks by itself.
            with contextlib.suppress(OSError, ValueError):
                self._input.write(word)

    def _end_input(self) -> None:
        if self._input is not None:
            with contextlib.suppress(OSError):
                self._input.close()

    def _hear(self, said: str) -> None:
        if said.startswith(SHOWN):
            _logger.warning("a checkpoint wasn't signed by others: %s", said.removeprefix(SHOWN))
        else:
            self._report(said or None)

    def _report(self, failure: str | None) -> None:
        """Log a failure once, not once a second."""
        if failure is not None and failure != self.failure:
            _logger.warning("the receipt log isn't being extended: %s", failure)
        self.failure = failure
