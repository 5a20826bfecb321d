"""Messages of a WebSocket, an event each."""

from __future__ import annotations

from collections.abc import Iterator

from helm_boundary.calls.refusal import schema_violation

from .sse import MAX_EVENT, Event


class MessageCutter:
    """Makes an event of each message; `limit` bounds one, in bytes."""

    waiting = 0
    """Bytes of a message that isn't complete: it comes whole."""

    def __init__(self, limit: int = MAX_EVENT) -> None:
        self._limit = limit

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Make an event of a message.

        Raises:
            Refusal: a message larger than the limit.
        """
        if len(chunk) > self._limit:
            raise schema_violation(f"the session has an event of more than {self._limit} bytes")
        yield Event(chunk, "", chunk)

    def finish(self) -> Event | None:
        """Nothing is ever left of a message."""
        return None
