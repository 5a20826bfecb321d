"""Timestamping: once an hour, an authority signs that the log's checkpoint was there at that time.

    log/timestamps/<size>.checkpoint     the checkpoint, as it was stamped
    log/timestamps/<size>.tsr            the authority's answer (RFC 3161, DER)

Done on a thread of the process that integrates, so an authority that is away keeps nobody waiting.
"""

import threading
import time
from collections.abc import Callable

from helm_receipts.envelope.checkpoint import parse_checkpoint
from helm_receipts.errors import ReceiptError

from .shown_log import ShownLog
from .timestamp_client import stamp

FOLDER = "timestamps"
EVERY_SECONDS = 3600.0
_LOOK_SECONDS = 60.0


class Timestamping:
    """Has checkpoints stamped; `tell` gets a line when that doesn't work."""

    def __init__(self, log: ShownLog, url: str, tell: Callable[[str], None]) -> None:
        self._log = log
        self._url = url
        self._tell = tell
        self._told = ""
        self._next = 0.0
        self._thread: threading.Thread | None = None

    def attend(self) -> None:
        """Have the newest checkpoint stamped, if the last one was an hour ago."""
        running = self._thread is not None and self._thread.is_alive()
        if not running and time.monotonic() >= self._next:
            self._next = time.monotonic() + _LOOK_SECONDS
            self._thread = threading.Thread(target=self._stamp, name="timestamps", daemon=True)
            self._thread.start()

    def finish(self) -> None:
        """Wait for what is under way, and have the last checkpoint stamped if it is time.

        Where the authority was away the last time, a stop doesn't wait for it again.
        """
        if self._thread is not None:
            self._thread.join()
        if not self._told:
            self._stamp()

    def _is_due(self) -> bool:
        return time.time() - self._log.kept_at(".tsr") >= EVERY_SECONDS

    def _stamp(self) -> None:
        try:
            note = self._log.checkpoint()
            if not note or not self._is_due():
                return
            size = parse_checkpoint(note).size
            answer = stamp(self._url, note)
            files = {f"{FOLDER}/{size}.checkpoint": note, f"{FOLDER}/{size}.tsr": answer}
            self._log.keep(files)
        except (ReceiptError, OSError) as error:
            if self._told != str(error):
                self._tell(str(error))
            self._told = str(error)
        else:
            self._told = ""
