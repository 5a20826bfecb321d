"""Integration of journals into the log: `python -m ….recording.integration STATE [WITNESS]...`.

The program integrates once a second, and at once when a byte comes on its standard input. When
that ends, however its recorder ended, it integrates what there is and ends too. It prints a line
whenever the log can't be extended any more (why) or can be again (empty), and one that starts with
`witness: ` where a witness, each given as URL,vkey, cosigns no checkpoint.
"""

import contextlib
import os
import select
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from helm_receipts.envelope.signing_keys import SigningKey
from helm_receipts.errors import ReceiptError
from helm_receipts.layout import Layout
from helm_receipts.log.log import BATCH, Log
from helm_receipts.log.published_keys import PublishedKeys

from .keyset import read_keyset

if TYPE_CHECKING:
    from .witnessing import Witnessing

INTERVAL_SECONDS = 1.0
WITNESS = "witness: "
"""What a line begins with that is about a witness."""
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


def main(state: Path, witnesses: Sequence[str] = ()) -> None:
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
    shown = _witnessing(layout, witnesses)
    told: str | None = "nothing yet"
    goes_on = True
    while goes_on:
        goes_on = _wait()
        failure = integration.catch_up()
        if failure != told:
            _tell(failure or "")
            told = failure
        if shown is not None and goes_on:
            shown.attend()
    if shown is not None:
        shown.finish()
    integration.close()


def _witnessing(layout: Layout, witnesses: Sequence[str]) -> "Witnessing | None":
    """Make what shows checkpoints to witnesses; nothing of it is imported without one."""
    if not witnesses:
        return None
    from .witness_client import parse_witness
    from .witnessing import Witnessing

    return Witnessing(
        layout, [*map(parse_witness, witnesses)], lambda said: _tell(f"{WITNESS}{said}")
    )


def _tell(failure: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # the recorder has gone; what is left is the log
        print(failure.replace("\n", " "), flush=True)


def _wait() -> bool:
    """Wait until it is time; returns False when standard input has ended."""
    ready, _, _ = select.select([0], [], [], INTERVAL_SECONDS)
    return not ready or bool(os.read(0, _PORTION))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
