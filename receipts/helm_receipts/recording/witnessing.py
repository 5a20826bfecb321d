"""Witnessing: the log's checkpoint is shown to witnesses now and then, and what they sign is kept.

The newest checkpoint that they have cosigned is kept beside it as `checkpoint.witnessed`: a note
with the log's signature and theirs, which the log continues. That is done on a thread of the
process that integrates, so a witness that is slow or away keeps nobody waiting. With fewer
cosignatures than the one before it a checkpoint takes its place only once that is an hour old.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence

from helm_receipts.envelope.checkpoint import parse_checkpoint
from helm_receipts.envelope.cosignature import cosignatures
from helm_receipts.errors import ReceiptError

from .shown_log import ShownLog
from .witness_client import Witness, cosign

FILE = "checkpoint.witnessed"
EVERY_SECONDS = 30.0
_OLD_SECONDS = 3600


class Witnessing:
    """Shows checkpoints to witnesses; `tell` gets a line for each that gives no cosignature."""

    def __init__(
        self, log: ShownLog, witnesses: Sequence[Witness], tell: Callable[[str], None]
    ) -> None:
        self._log = log
        self._witnesses = witnesses
        self._tell = tell
        self._seen: dict[str, int] = {}
        """The size that each witness has cosigned last, as far as is known."""
        self._told: dict[str, str] = {}
        self._next = 0.0
        self._thread: threading.Thread | None = None

    def attend(self) -> None:
        """Show the newest checkpoint, if it is time and none is being shown."""
        running = self._thread is not None and self._thread.is_alive()
        if self._witnesses and not running and time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY_SECONDS
            self._thread = threading.Thread(target=self._show, name="witnesses", daemon=True)
            self._thread.start()

    def finish(self) -> None:
        """Show the last checkpoint, and wait for what the witnesses say.

        Where one was away the last time, a stop doesn't wait for it again.
        """
        if self._thread is not None:
            self._thread.join()
        if self._witnesses and not self._told:
            self._show()

    def _show(self) -> None:
        try:
            note = self._log.checkpoint()
            size = parse_checkpoint(note).size
        except (OSError, ReceiptError):
            return  # there is none yet
        if all(self._seen.get(each.key.vkey) == size for each in self._witnesses):
            return
        lines = [line for each in self._witnesses if (line := self._ask(each, note, size))]
        if lines and self._is_better(len(lines)):
            # The log says by itself that it can't be written.
            with contextlib.suppress(OSError, ReceiptError):
                self._log.keep({FILE: note + b"".join(lines)})

    def _ask(self, witness: Witness, note: bytes, size: int) -> bytes:
        name = witness.key.vkey
        try:
            line = cosign(witness, self._log.tiles, note, self._seen.get(name, 0))
        except ReceiptError as error:
            if self._told.get(name) != str(error):
                self._tell(str(error))
            self._told[name] = str(error)
            return b""
        self._seen[name] = size
        self._told.pop(name, None)
        return line

    def _is_better(self, count: int) -> bool:
        try:
            keys = [witness.key for witness in self._witnesses]
            before = list(cosignatures(self._log.read(FILE), keys))
        except (OSError, ReceiptError):
            return True
        newest = max((when for _, when in before), default=0)
        return count >= len(before) or newest < time.time() - _OLD_SECONDS
