"""A cutter of a traced call's stream, which notes when its events came."""

from __future__ import annotations

from collections.abc import Iterator

from helm_boundary.streaming.gate import Cutter
from helm_boundary.streaming.sse import Event

from .exchange import Progress


class TimedCutter:
    """Cuts as another cutter does, and notes when."""

    def __init__(self, cutter: Cutter, progress: Progress) -> None:
        self._cutter = cutter
        self._progress = progress

    @property
    def waiting(self) -> int:
        """The bytes of an event that isn't complete."""
        return self._cutter.waiting

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Cut the events that this chunk completes."""
        for event in self._cutter.feed(chunk):
            self._progress.came()
            yield event

    def finish(self) -> Event | None:
        """Return what is left at the end, as an event."""
        return self._cutter.finish()
