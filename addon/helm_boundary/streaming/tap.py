"""Listening to a stream without holding any of it: observe mode, and `stream: "pass"`."""

from __future__ import annotations

import hashlib
import logging

from helm_boundary.calls.call import Answer
from helm_boundary.calls.refusal import Refusal
from helm_boundary.policy.decision import Decision
from helm_receipts.envelope.statement import Covered

from .gate import Cutter
from .sse import EventCutter
from .stream import Stream

logger = logging.getLogger(__name__)


class Tap:
    """Lets every byte pass; what can't be read isn't in the answer."""

    covers: Covered = "none"

    def __init__(self, stream: Stream, cutter: Cutter | None = None) -> None:
        self.stream = stream
        self.seen = 0
        self.sent = hashlib.sha256()
        self.stopped: Decision | Refusal | None = None
        self._cutter: Cutter | None = cutter or EventCutter()

    @property
    def is_complete(self) -> bool:
        """Whether the stream has said its end."""
        return self.stream.done

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take a chunk; it leaves as it came."""
        self.seen += len(chunk)
        self.sent.update(chunk)
        try:
            for event in self._cutter.feed(chunk) if self._cutter else ():
                self.stream.read(event)
        except Refusal:
            self._cutter = None  # unreadable from here on
        except Exception:
            self._cutter = None
            logger.exception("helm-boundary: a stream could not be read on, and passes")
        return [chunk]

    def left(self) -> Answer:
        """Return what has left for the client, as an answer: everything that could be read."""
        return self.stream.answer()

    def finish(self) -> list[bytes]:
        """Take the end of the stream."""
        return []


class WholeTap(Tap):
    """The same for a stream that doesn't say itself when it is complete."""

    def finish(self) -> list[bytes]:
        """Take the end of a stream that ended in good order."""
        self.stream.done = True
        return []
