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
from .usage_filter import without_usage

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


class AskedTap(Tap):
    """The same for a stream whose usage was asked for in its client's place: that doesn't leave.

    So an event leaves when it is whole. From where the stream can't be read on, all of it does.
    """

    def __init__(self, stream: Stream, cutter: Cutter) -> None:
        super().__init__(stream, cutter)
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take a chunk; the events that it completes leave, but for what was only asked for."""
        self.seen += len(chunk)
        self._rest += chunk
        return self._leave(self._read(chunk))

    def finish(self) -> list[bytes]:
        """Take the end of the stream; what is no whole event leaves as it came."""
        rest, self._rest = bytes(self._rest), bytearray()
        return self._leave([rest])

    def _read(self, chunk: bytes) -> list[bytes]:
        out: list[bytes] = []
        try:
            for event in self._cutter.feed(chunk) if self._cutter else ():
                del self._rest[: len(event.raw)]
                out.append(without_usage(event).raw)
                self.stream.read(event)
        except Refusal:
            self._cutter = None
        except Exception:
            self._cutter = None
            logger.exception("helm-boundary: a stream could not be read on, and passes")
        if self._cutter is None:
            out.append(bytes(self._rest))
            self._rest.clear()
        return out

    def _leave(self, parts: list[bytes]) -> list[bytes]:
        data = b"".join(parts)
        self.sent.update(data)
        return [data] if data else []
