"""Frames of Amazon's event streams, cut from bytes, and the one that ends a denied stream.

Source: `application/vnd.amazon.eventstream` in Amazon Transcribe's and Smithy's documentation. A
frame is its whole length, that of its headers and a sum over both; headers; a payload; and a sum
over all of it. Clients check both sums.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from helm_boundary.calls.call import Json
from helm_boundary.calls.refusal import Refusal, schema_violation
from helm_boundary.wire import strict_json

from .sse import MAX_EVENT, Event

MEDIA_TYPE = "application/vnd.amazon.eventstream"

_PRELUDE = struct.Struct("!III")
_SUM = struct.Struct("!I")
_LEAST = _PRELUDE.size + _SUM.size
_STRING, _STRING_SIZE = 7, struct.Struct("!H")
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""The bytes of a header's value by its type, where they are always as many."""
_LONGEST_MESSAGE = 1024
_SIZED = frozenset({6, _STRING})
_WRAPPED = frozenset({"bytes", "p"})
"""What a frame has that carries another API's event: its base64, and letters that pad it."""


class FrameCutter:
    """Cuts a byte stream into frames, whatever the chunks; `limit` bounds one, in bytes.

    An event's type is its frame's, and its data the payload; of a frame that wraps another API's
    event (`chunk`), the data is that event, and the type is empty.
    """

    def __init__(self, limit: int = MAX_EVENT) -> None:
        self._limit = limit
        self._buffer = bytearray()

    @property
    def waiting(self) -> int:
        """The bytes of a frame that isn't complete."""
        return len(self._buffer)

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Cut off the frames that this chunk completes.

        Raises:
            Refusal: a frame that clients can't read, or larger than the limit.
        """
        self._buffer += chunk
        while len(self._buffer) >= _PRELUDE.size:
            size = self._size()
            if len(self._buffer) < size:
                return
            raw = bytes(self._buffer[:size])
            del self._buffer[:size]
            yield read_frame(raw)

    def finish(self) -> Event | None:
        """Return nothing, as every frame says how long it is; Refusal for part of one."""
        if self._buffer:
            raise schema_violation("the stream ended inside a frame")
        return None

    def _size(self) -> int:
        size, _, told = _PRELUDE.unpack_from(self._buffer)
        if zlib.crc32(self._buffer[:8]) != told or size < _LEAST:
            raise _broken()
        if size > self._limit:
            raise schema_violation(f"the stream has an event of more than {self._limit} bytes")
        return int(size)


def read_frame(raw: bytes) -> Event:
    """Read a whole frame as an event.

    Raises:
        Refusal: a sum that is wrong, headers that can't be read, or one that is there twice.
    """
    _, of_headers, _ = _PRELUDE.unpack_from(raw)
    end = len(raw) - _SUM.size
    payload_at = _PRELUDE.size + of_headers
    if zlib.crc32(raw[:end]) != _SUM.unpack_from(raw, end)[0] or payload_at > end:
        raise _broken()
    headers = _read_headers(raw[_PRELUDE.size : payload_at])
    kind, payload = _type_of(headers), raw[payload_at:end]
    if kind == "chunk":
        return Event(raw, "", _unwrapped(payload))
    return Event(raw, kind, payload or None)


def error_frame(told: Mapping[str, Any]) -> bytes:
    """Write the frame of an error, on which every client raises: no operation has to know it."""
    message = str(told["error"]["message"])
    headers = {
        ":error-code": "AccessDeniedException",
        ":error-message": message.encode("ascii", "replace").decode("ascii")[:_LONGEST_MESSAGE],
        ":content-type": "application/json",
        ":message-type": "error",
    }
    return write_frame(headers, strict_json.dump_ascii(told))


def write_frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Write a frame with these headers, all of them strings."""
    written = b"".join(
        bytes([len(name)]) + name.encode() + bytes([_STRING]) + _STRING_SIZE.pack(len(value)) +
        value.encode()
        for name, value in headers.items()
    )  # fmt: skip
    size = struct.pack("!II", _LEAST + len(written) + len(payload), len(written))
    frame = size + _SUM.pack(zlib.crc32(size)) + written + payload
    return frame + _SUM.pack(zlib.crc32(frame))


def _read_headers(data: bytes) -> dict[str, str]:
    """Read the headers that are strings; the others are skipped."""
    found: dict[str, str] = {}
    names: set[str] = set()
    at = 0
    try:
        while at < len(data):
            name = data[at + 1 : at + 1 + data[at]].decode("utf-8")
            kind, at = data[at + 1 + data[at]], at + 2 + data[at]
            if kind in _SIZED:
                size, at = _STRING_SIZE.unpack_from(data, at)[0], at + _STRING_SIZE.size
            else:
                size = _SIZES[kind]
            if kind == _STRING:
                found[name] = data[at : at + size].decode("utf-8")
            at += size
            if name in names or at > len(data):
                raise _broken()
            names.add(name)
    except (IndexError, KeyError, UnicodeDecodeError, struct.error):
        raise _broken() from None
    return found


def _type_of(headers: Mapping[str, str]) -> str:
    """Return what a frame says it is: an event's type, or that it is an exception or an error."""
    message = headers.get(":message-type", "")
    if message in ("exception", "error"):
        return message
    if message != "event" or not headers.get(":event-type"):
        raise schema_violation("a frame of the stream doesn't say what it is")
    return headers[":event-type"]


def _unwrapped(payload: bytes) -> bytes:
    value: Json = strict_json.parse(payload, "a frame of the stream")
    wrapped = value.get("bytes") if isinstance(value, dict) and value.keys() <= _WRAPPED else None
    if not isinstance(wrapped, str):
        raise schema_violation("a frame of the stream has more in it than an event's bytes")
    try:
        return base64.b64decode(wrapped, validate=True)
    except binascii.Error:
        raise schema_violation("a frame's bytes aren't base64") from None


def _broken() -> Refusal:
    return schema_violation("the stream has a frame that can't be read")
