"""Signs of life for a client whose stream waits: ours, and never inside an event of the upstream.

A client that hears nothing gives up: SDKs after their read time-out, coding agents after four or
five minutes.
"""

from __future__ import annotations

import time

EVERY = 5.0
"""Seconds after which a client that waits gets a sign of life, and the next after each."""


class KeepAlive:
    """One sign of life after another, counted; empty where none is known."""

    __slots__ = ("_event", "_left", "sent")

    def __init__(self, event: bytes) -> None:
        self._event = event
        self._left = time.monotonic()
        self.sent = 0

    def next(self) -> list[bytes]:
        """Give the next sign of life, if there is one."""
        if not self._event:
            return []
        self._left = time.monotonic()
        self.sent += 1
        return [self._event]

    def beside(self, out: list[bytes], *, is_held: bool) -> list[bytes]:
        """Return what leaves: `out`, or a sign of life where what comes has been held for long.

        A tool call with a long file in its arguments takes a model minutes, all of it held.
        """
        if out:
            self._left = time.monotonic()
        elif is_held and time.monotonic() - self._left > EVERY:
            return self.next()
        return out
