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
from helm_receipts.layout import Layout
from helm_receipts.storage import durable

from .timestamp_client import stamp

FOLDER = "timestamps"
EVERY_SECONDS = 3600.0
_RETRY_SECONDS = 60.0


class Timestamping:
    """Has checkpoints stamped; `tell` gets a line when that doesn't work."""

    def __init__(self, layout: Layout, url: str, tell: Callable[[str], None]) -> None:
        self._log = layout.log
        self._url = url
        self._tell = tell
        self._told = ""
        self._next = 0.0
        self._thread: threading.Thread | None = None

    def attend(self) -> None:
        """Have the newest checkpoint stamped, if the last one was an hour ago."""
        running = self._thread is not None and self._thread.is_alive()
        if not running and time.monotonic() >= self._next and self._is_due():
            self._next = time.monotonic() + _RETRY_SECONDS
            self._thread = threading.Thread(target=self._stamp, name="timestamps", daemon=True)
            self._thread.start()

    def finish(self) -> None:
        """Wait for what is under way, and have the last checkpoint stamped if it is time.

        Where the authority was away the last time, a stop doesn't wait for it again.
        """
        if self._thread is not None:
            self._thread.join()
        if self._is_due() and not self._told:
            self._stamp()

    def _is_due(self) -> bool:
        stamped = (path.stat().st_mtime for path in (self._log / FOLDER).glob("*.tsr"))
        return time.time() - max(stamped, default=0.0) >= EVERY_SECONDS

    def _stamp(self) -> None:
        try:
            note = (self._log / "checkpoint").read_bytes()
            size = parse_checkpoint(note).size
            answer = stamp(self._url, note)
            durable.make_folder(self._log / FOLDER, 0o755)
            files = {f"{FOLDER}/{size}.checkpoint": note, f"{FOLDER}/{size}.tsr": answer}
            durable.replace_files(self._log, files)
        except FileNotFoundError:
            return  # there is no checkpoint yet
        except (ReceiptError, OSError) as error:
            if self._told != str(error):
                self._tell(str(error))
            self._told = str(error)
        else:
            self._told = ""
