"""Frames of Amazon's event streams, as a server writes them."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any


def frame(payload: bytes, *more: tuple[str, str], **headers: str) -> bytes:
    """Build a frame; `event_type` is the header `:event-type`, and so on, with `more` behind."""
    written = b""
    for key, value in (*headers.items(), *more):
        name = b":" + key.replace("_", "-").encode()
        written += struct.pack("!B", len(name)) + name
        written += struct.pack("!BH", 7, len(value)) + value.encode()
    prelude = struct.pack("!II", 16 + len(written) + len(payload), len(written))
    whole = prelude + struct.pack("!I", zlib.crc32(prelude)) + written + payload
    return whole + struct.pack("!I", zlib.crc32(whole))


def event(kind: str, value: Any) -> bytes:
    """Build the frame of an event."""
    payload = json.dumps(value).encode()
    named = {"event_type": kind, "content_type": "application/json", "message_type": "event"}
    return frame(payload, **named)


def chunk(value: Any) -> bytes:
    """Build the frame that carries another API's event."""
    coded = base64.b64encode(json.dumps(value).encode()).decode()
    return event("chunk", {"bytes": coded, "p": "abcdefgh"})


def converse(name: str = "look", *pieces: str) -> list[bytes]:
    """Build Converse's stream of a text and a tool's use."""
    use = {"toolUse": {"toolUseId": "t1", "name": name}}
    said = pieces or ('{"city"', ': "Oslo"}')
    return [
        event("messageStart", {"role": "assistant", "p": "abc"}),
        event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "H"}, "p": "ab"}),
        event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "i"}}),
        event("contentBlockStop", {"contentBlockIndex": 0}),
        event("contentBlockStart", {"contentBlockIndex": 1, "start": use}),
        *(
            event("contentBlockDelta",
                  {"contentBlockIndex": 1, "delta": {"toolUse": {"input": piece}}})
            for piece in said
        ),
        event("contentBlockStop", {"contentBlockIndex": 1}),
        event("messageStop", {"stopReason": "tool_use"}),
        event("metadata", {"usage": {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7},
                           "metrics": {"latencyMs": 9}}),
    ]  # fmt: skip
