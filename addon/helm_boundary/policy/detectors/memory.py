"""What was found in texts that were read before, by their digests.

A conversation sends its earlier turns again with each new one; they are the same texts, and the
same detectors find the same in them. Only findings are kept: what policy says of them is asked
anew each time. No text is kept, and no digest leaves the process.
"""

from __future__ import annotations

import hashlib
from threading import Lock

type Span = tuple[int, int, str]
type Spans = tuple[Span, ...]
type Key = tuple[bytes, str]

MAX_BYTES = 8 << 20
"""What all that is kept may take; the texts that were longest not seen are forgotten first."""

_ENTRY, _SPAN = 300, 120
"""Bytes that one text and one span take in Python, about."""


class Memory:
    """Start, end and detector of each finding, for as many texts as the bytes allow."""

    def __init__(self, limit: int = MAX_BYTES) -> None:
        self._limit = limit
        self._size = 0
        self._kept: dict[Key, Spans] = {}
        self._lock = Lock()  # long texts are read in threads

    def key(self, text: bytes, name: str) -> Key:
        """Return what a text is kept under, with the name that its detectors saw beside it."""
        return hashlib.sha256(text).digest(), name

    def recall(self, key: Key) -> Spans | None:
        """Return what was found in a text; None for one that isn't remembered."""
        with self._lock:
            spans = self._kept.pop(key, None)
            if spans is not None:
                self._kept[key] = spans  # the last one now
        return spans

    def keep(self, key: Key, spans: Spans) -> None:
        """Remember what was found in a text, and forget others where it gets too much."""
        with self._lock:
            self._forget(key)
            self._kept[key] = spans
            self._size += _weight(spans)
            while self._size > self._limit:
                self._forget(next(iter(self._kept)))

    def _forget(self, key: Key) -> None:
        spans = self._kept.pop(key, None)
        if spans is not None:
            self._size -= _weight(spans)


def _weight(spans: Spans) -> int:
    return _ENTRY + _SPAN * len(spans)
