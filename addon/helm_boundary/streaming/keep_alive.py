"""Signs of life for a client whose stream waits: ours, and never inside an event of the upstream.

A client that hears nothing gives up: SDKs after their read time-out, coding agents after four or
five minutes, and some of them don't count comments.
"""

from __future__ import annotations


class KeepAlive:
    """Comments of server-sent events, which every SDK's reader skips."""

    def __init__(self, event: bytes = b": waiting for a person\n\n") -> None:
        self._event = event
        self.sent = 0

    def next(self) -> list[bytes]:
        """Give the next sign of life."""
        self.sent += 1
        return [self._event]

    def end(self) -> list[bytes]:
        """Give what must follow the last of them before the upstream's own events go on."""
        return []
