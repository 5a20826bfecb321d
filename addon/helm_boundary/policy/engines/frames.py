"""Frames on the pipe between the boundary and a policy worker.

A frame is a header of 9 bytes, network order - length of the body, id, kind - and the body.
A stream socket keeps order and loses nothing, so there is no more to it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

HEADER = struct.Struct("!IIB")

# Kinds, from the boundary and back.
JUDGE = 0  # body: a document; the worker answers ANSWER or FAILED with the same id
ANSWER = 1  # body: the decision, JSON text
FAILED = 2  # body: why it could not be judged, text
READY = 3  # body: empty; the worker has compiled the policy
REFUSED = 4  # body: why the policy can't be used, JSON array of texts
BEGUN = 5  # body: empty; a large document has come and was read, and policy judges it now

LARGE = 1 << 16
"""Bytes from which on it takes a document some time to come and to be read."""

HUGE = 1 << 20
"""Bytes that keep a worker for so long that nobody else should wait behind them."""


def seconds_to_read(size: int) -> float:
    """Say how long a document of so many bytes may take to come and to be read, at most.

    Usually it takes a fiftieth of that. Small ones take no time.
    """
    return size / (1 << 20) if size > LARGE else 0.0


type Frame = tuple[int, int, bytes]


def encode(number: int, kind: int, body: bytes) -> bytes:
    """Encode one frame."""
    return HEADER.pack(len(body), number, kind) + body


def parts(number: int, kind: int, body: bytes) -> tuple[bytes, ...]:
    """Encode one frame; a large body is a part of its own, which isn't copied."""
    if len(body) <= LARGE:
        return (encode(number, kind, body),)
    return HEADER.pack(len(body), number, kind), body


class FrameReader:
    """A reader of whole frames, ``(id, kind, body)``, from bytes in any portions."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, portion: bytes) -> Iterator[Frame]:
        """Yield the frames that are complete now that ``portion`` has come."""
        self._buffer += portion
        start = 0
        while len(self._buffer) - start >= HEADER.size:
            length, number, kind = HEADER.unpack_from(self._buffer, start)
            end = start + HEADER.size + length
            if end > len(self._buffer):
                break
            yield number, kind, bytes(memoryview(self._buffer)[start + HEADER.size : end])
            start = end
        del self._buffer[:start]
