"""Signs of life for a client whose stream waits: ours, and never inside an event of the upstream.

A client that hears nothing gives up: SDKs after their read time-out, coding agents after four or
five minutes.
"""

from __future__ import annotations


class KeepAlive:
    """One sign of life after another, counted; empty where none is known."""

    __slots__ = ("_event", "sent")

    def __init__(self, event: bytes) -> None:
        self._event = event
        self.sent = 0

    def next(self) -> list[bytes]:
        """Give the next sign of life, if there is one."""
        if not self._event:
            return []
        self.sent += 1
        return [self._event]
