"""Server-sent events, cut from bytes (WHATWG HTML, section 9.2), and lines of JSON.

Every event keeps its own bytes, so that what is released is what came. Where an event may begin, a
line that begins with `{`, after blanks perhaps, is no field: it is JSON that a provider streams a
line at a time, or sends whole under a stream's content type. Readers of events skip it and others
don't, so it is an event. A line of blanks is nothing to either, and leaves as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from helm_boundary.calls.refusal import schema_violation

# A line ends with CRLF, LF or CR; an event ends with an empty line.
_END = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_LINES = re.compile(rb"\r\n|\n|\r")
# Line ends to readers that split decoded text (Python's str.splitlines), but not to SSE.
_FALSE_LINES = re.compile(
    rb"(?:[\x0b\x0c\x1c-\x1e]|\xc2\x85|\xe2\x80[\xa8\xa9])(?:data|event|id|retry)[ :]"
)
# What nearly every event is: a name perhaps, one line of data in ASCII, and the empty line.
_PLAIN = re.compile(rb"(?:event: ?([ -~]*)\n)?data: ?([\t -~]*)\n\n")
_USUAL = re.compile(
    rb"(?:event: ?([^\r\n]*)(?>\r\n|\n|\r))?data: ?([^\r\n]*)(?>\r\n|\n|\r)(?>\r\n|\n|\r)"
)
_BLANK = re.compile(rb"[\r\n]{1,65536}")
"""Empty lines between events; a bounded run of them leaves as one."""
_INDENT = re.compile(rb"(?:\xef\xbb\xbf)?[\t ]*")
_BLANKS = (b" ", b"\t", b"\xef")
"""With what a line begins that may be blanks and JSON, perhaps behind a byte order mark."""
_CONTROLS = b"\x0b\x0c\x1c\x1d\x1e"
BOM = b"\xef\xbb\xbf"
MAX_EVENT = 32 << 20
"""Bytes of one event, where the operator's bound on bodies (`helm_max_body`) isn't given."""
FIELDS = frozenset({b"data", b"event", b"id", b"retry", b""})
"""The fields there are; the nameless one is a comment."""


class Event(NamedTuple):
    """One event: `raw` is all of its bytes with the empty line that ends it."""

    raw: bytes
    type: str
    data: bytes | None


class EventCutter:
    """Cuts a byte stream into events, whatever the chunks; `limit` bounds one event, in bytes."""

    def __init__(self, limit: int = MAX_EVENT) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._searched = self._indented = 0
        self._has_cr = False
        self._at_start = True
        self._spans_lines = False

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Cut off the events that this chunk completes.

        Raises:
            Refusal: an event larger than the limit.
        """
        if not (self._buffer or self._has_cr) and chunk.endswith(b"\n\n"):
            # Most servers send each event by itself, and nearly all in one form.
            if (event := _plain_event(chunk)) is not None:
                self._check_size(len(chunk))
                self._at_start = False
                yield event
                return
            if _is_one_event(chunk):
                self._check_size(len(chunk))
                yield self._event(chunk)
                return
        self._buffer += chunk
        self._has_cr = self._has_cr or b"\r" in chunk
        while (end := self._find_end()) is not None:
            raw = bytes(self._buffer[:end])
            del self._buffer[:end]
            self._searched = self._indented = 0
            self._check_size(len(raw))
            yield self._event(raw)
        self._check_size(len(self._buffer))

    @property
    def waiting(self) -> int:
        """The bytes of an event that isn't complete."""
        return len(self._buffer)

    def finish(self) -> Event | None:
        """Return the bytes after the last complete event as an event; None if there are none."""
        raw, self._buffer = bytes(self._buffer), bytearray()
        return self._event(raw) if raw else None

    def _event(self, raw: bytes) -> Event:
        # A byte order mark may open a stream; anywhere else it is part of a name.
        text = raw.removeprefix(BOM) if self._at_start else raw
        self._at_start = False
        event = read_event(text)
        return event if text is raw else event._replace(raw=raw)

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise schema_violation(f"the stream has an event of more than {self._limit} bytes")

    def _find_end(self) -> int | None:
        start = max(0, self._searched - 3)
        begins = bytes(self._buffer[:1])
        if begins in _BLANKS:
            begins = self._after_blanks()
        if begins == b"{":
            return self._find_json_end()
        if begins in (b"\n", b"\r"):
            # Empty lines of their own end no event, but they leave like one.
            return self._blank_end()
        if not self._has_cr:  # nearly always, and four times as fast
            at = self._buffer.find(b"\n\n", start)
            self._searched = len(self._buffer)
            return None if at < 0 else at + 2
        found = _END.search(self._buffer, start)
        if found is None or (end := self._complete(found.end())) is None:
            self._searched = len(self._buffer) if found is None else found.start()
            return None
        return end

    def _find_json_end(self) -> int | None:
        """Find the end of a line of JSON; a value over several lines ends with the stream."""
        if self._spans_lines:
            return None
        at = self._buffer.find(b"\n", self._searched)
        self._searched = len(self._buffer)
        if at >= 0 and not self._buffer[:at].rstrip().endswith(b"}"):
            self._spans_lines = True
            return None
        return None if at < 0 else at + 1

    def _after_blanks(self) -> bytes:
        """Return what follows the blanks that a line begins with: a byte, or nothing so far."""
        found = _INDENT.match(self._buffer, self._indented)
        self._indented = found.end() if found else 0
        return bytes(self._buffer[self._indented : self._indented + 1])

    def _blank_end(self) -> int | None:
        found = _BLANK.match(self._buffer, self._indented)
        end = found.end() if found else 1
        if self._complete(end) is None:
            end -= 1
        return None if end == self._indented else end

    def _complete(self, end: int) -> int | None:
        # A CR at the very end may be half of a CRLF: wait, or the split would decide.
        if self._buffer[end - 1 : end] == b"\r" and end == len(self._buffer):
            return None
        return end


def _plain_event(raw: bytes) -> Event | None:
    """Read what is one event of the usual form and no more; None for anything else."""
    plain = _PLAIN.fullmatch(raw)
    if plain is None:
        return None
    name, said = plain.groups()
    return Event(raw, name.decode("ascii") if name else "", said)


def _is_one_event(chunk: bytes) -> bool:
    """Tell whether a chunk, which ends with an empty line, is one whole event and no more."""
    if chunk[:1] not in (b"d", b"e"):
        return False
    return chunk.find(b"\n\n") == len(chunk) - 2 and b"\r" not in chunk


def read_event(raw: bytes) -> Event:
    """Read an event's type and data; data is None where there is none, as in comments.

    Raises:
        Refusal: a line that is no field, which readers of streams skip and others may not (a
            whole JSON body under a stream's name), or a field hidden behind a character that
            only some readers end a line at.
    """
    if (plain := _plain_event(raw)) is not None:
        return plain
    if raw[:1] in b"\n\r\t " and not raw.strip(b"\r\n\t "):
        return Event(raw, "", None)
    odd = not raw.isascii() or len(raw.translate(None, _CONTROLS)) != len(raw)
    if odd and _FALSE_LINES.search(raw):
        raise schema_violation("the stream has a field after a character that may end a line")
    if (usual := _USUAL.fullmatch(raw)) is not None:
        name, said = usual.groups(b"")
        return Event(raw, name.decode("utf-8", "replace"), said)
    if raw.lstrip(b"\t ")[:1] == b"{":
        return Event(raw, "", raw)
    return _read_lines(raw)


def _read_lines(raw: bytes) -> Event:
    kind, data = "", []
    lines = _LINES.split(raw) if b"\r" in raw else raw.split(b"\n")
    for line in lines:
        name, _, value = line.partition(b":")
        if name not in FIELDS:
            raise schema_violation("the stream has a line that is no field of an event")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif name == b"event":
            kind = value.decode("utf-8", "replace")
    return Event(raw, kind, b"\n".join(data) if data else None)
