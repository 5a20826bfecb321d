"""What was told of calls and isn't exported yet."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import Queue
from typing import IO

_LINES = 20_000
"""How far is read ahead, some 40 MB: beyond it the boundary drops calls, and counts them."""


def read_ahead(file: IO[bytes]) -> Iterator[bytes]:
    """Return the lines of a file as they come; a thread reads them, however long each one takes.

    It takes little time, so it should be started before a priority is lowered: threads get that of
    whoever starts them.
    """
    ahead: Queue[bytes] = Queue(_LINES)

    def read() -> None:
        try:
            for line in file:
                ahead.put(line)
        finally:
            ahead.put(b"")

    threading.Thread(target=read, name="backlog", daemon=True).start()
    return iter(ahead.get, b"")
