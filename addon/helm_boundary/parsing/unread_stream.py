"""Streams that can't be read at all."""

from __future__ import annotations

from helm_boundary.calls.call import Answer
from helm_boundary.streaming.sse import Event
from helm_boundary.streaming.stream import UnheldStream


class UnreadStream(UnheldStream):
    """What passes and isn't read: nothing is held, and nothing is known of it."""

    def __init__(self, status: int) -> None:
        self.done = False
        self._status = status

    def read(self, event: Event) -> None:
        """Let an event be."""

    def answer(self, *, waiting_only: bool = False) -> Answer:
        """Return the status alone."""
        return Answer(self._status, complete=self.done)
