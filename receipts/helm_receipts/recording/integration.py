"""Integration of journals into the log: `python -m ….recording.integration STATE [WHOM]...`.

The program integrates once a second, and at once when a byte comes on its standard input. When
that ends, however its recorder ended, it integrates what there is and ends too. It prints a line
whenever the log can't be extended any more (why) or can be again (empty). To WHOM checkpoints are
shown is `witness=URL,vkey` or `timestamp=URL`; a line that starts with `shown: ` says that one of
these signs none.
"""

import contextlib
import os
import select
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from helm_receipts.envelope.signing_keys import SigningKey
from helm_receipts.errors import ReceiptError
from helm_receipts.layout import Layout
from helm_receipts.log.log import BATCH, Log
from helm_receipts.log.published_keys import PublishedKeys

from .keyset import read_keyset
from .observers import make_observers
from .shown_log import FolderLog

INTERVAL_SECONDS = 1.0
SHOWN = "shown: "
"""What a line begins with that is about a witness or a timestamp authority."""
_NICENESS = 10
_PORTION = 4096


class Integration:
    """The log of a state folder, held while this process is the one that extends it."""

    def __init__(self, layout: Layout, key: SigningKey, published: PublishedKeys) -> None:
        self._layout = layout
        self._key = key
        self._published = published
        self._log: Log | None = None

    def catch_up(self) -> str | None:
        """Integrate all that is pending; returns why that can't be done, or None.

        That another process has the log is no failure: it integrates.
        """
        try:
            if self._log is None:
                self._log = Log(self._layout, self._published.origin, self._key)
            while self._log.integrate(self._published.receipt_key, BATCH) == BATCH:
                pass
        except BlockingIOError:
            return None
        except (ReceiptError, OSError) as error:
            self.close()
            return str(error)
        return None

    def close(self) -> None:
        """Let another process have the log. Idempotent."""
        if self._log is not None:
            self._log.close()
            self._log = None


def main(state: Path, whom: Sequence[str] = ()) -> None:
    """Integrate until standard input ends."""
    # Whoever stops the recorder with its whole process group still gets what it has recorded.
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    os.nice(_NICENESS)
    layout = Layout(state)
    try:
        keys = read_keyset(layout)
    except (ReceiptError, OSError) as error:
        _tell(str(error))
        return
    integration = Integration(layout, keys.log, keys.published)
    observers = make_observers(FolderLog(layout.log), whom, _tell_shown)
    told: str | None = "nothing yet"
    goes_on = True
    while goes_on:
        goes_on = _wait()
        failure = integration.catch_up()
        if failure != told:
            _tell(failure or "")
            told = failure
        for observer in observers if goes_on else ():
            observer.attend()
    for observer in observers:
        observer.finish()
    integration.close()


def _tell_shown(said: str) -> None:
    _tell(f"{SHOWN}{said}")


def _tell(failure: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # the recorder has gone; what is left is the log
        print(failure.replace("\n", " "), flush=True)


def _wait() -> bool:
    """Wait until it is time; returns False when standard input has ended."""
    ready, _, _ = select.select([0], [], [], INTERVAL_SECONDS)
    return not ready or bool(os.read(0, _PORTION))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
