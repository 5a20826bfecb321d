"""Keeps the log up with the journals while a recorder runs, on a thread of its own.

Of several processes on a state folder one has the log, by its lock; the others ask for it once a
second, so that somebody takes over when that one ends. The log is derived: when it can't be
written, receipts are recorded all the same, and the log catches up later.
"""

import logging
import threading
import time

from helm_receipts.errors import ReceiptError
from helm_receipts.keys import SigningKey
from helm_receipts.layout import Layout
from helm_receipts.log import BATCH, Log
from helm_receipts.publish import PublishedKeys

INTERVAL_SECONDS = 1.0

_logger = logging.getLogger(__name__)


class Integrator:
    """Integrates once a second, when a batch is pending, and at the end."""

    def __init__(self, layout: Layout, key: SigningKey, published: PublishedKeys) -> None:
        self.failure: str | None = None
        """Why the log isn't being extended, if it isn't."""
        self._layout = layout
        self._key = key
        self._published = published
        self._log: Log | None = None
        self._pending = 0
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="integrator", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def note(self, receipts: int) -> None:
        """Say that so many receipts have become durable."""
        self._pending += receipts
        if self._pending >= BATCH:
            self._wake.set()

    def close(self) -> None:
        """Integrate what there is, then end the thread and give the log back. Idempotent."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._wake.wait(INTERVAL_SECONDS)
                self._wake.clear()
                self._pending = 0
                self._catch_up()
            self._catch_up()
        finally:
            self._drop_log()

    def _catch_up(self) -> None:
        try:
            if self._log is None:
                self._log = Log(self._layout, self._published.origin, self._key)
            keys = self._published.receipt_key
            while self._log.integrate(keys, BATCH, _breathe) == BATCH:
                pass
            self.failure = None
        except BlockingIOError:
            return  # another process has the log
        except (ReceiptError, OSError) as error:
            self._drop_log()
            self._report(str(error))

    def _report(self, failure: str) -> None:
        """Say it once, not once a second."""
        if failure != self.failure:
            self.failure = failure
            _logger.warning("the receipt log isn't being extended: %s", failure)

    def _drop_log(self) -> None:
        if self._log is not None:
            self._log.close()
            self._log = None


def _breathe() -> None:
    """Let the event loop have the interpreter."""
    time.sleep(0)
