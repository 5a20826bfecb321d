"""How long to wait before a process that died is started again."""

from __future__ import annotations

FIRST, MOST = 0.1, 30.0
STEADY = 60.0
"""One that lived for so many seconds has not failed at its start."""


class Backoff:
    """Seconds to wait: twice as long after each short life, up to `MOST`."""

    def __init__(self) -> None:
        self._next = FIRST

    def after(self, lived: float) -> float:
        """Return how long to wait after a process that lived for so many seconds."""
        pause = FIRST if lived >= STEADY else self._next
        self._next = min(2 * pause, MOST)
        return pause
