"""A stream that passes unread leaves without what was only asked for, whatever its pieces."""

from __future__ import annotations

import json

import pytest

from helm_boundary.dialects.chat_stream import ChatStream
from helm_boundary.streaming.sse import EventCutter
from helm_boundary.streaming.tap import AskedTap


def event(**members: object) -> bytes:
    """Write one event."""
    return b"data: " + json.dumps(members).encode() + b"\n\n"


WORDS = [event(choices=[{"index": 0, "delta": {"content": word}}], usage=None) for word in "abc"]
COUNT = event(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 4})
DONE = b"data: [DONE]\n\n"
SENT = b"".join((*WORDS, b": a comment\n\n", COUNT, DONE))
EXPECTED = SENT.replace(COUNT, b"").replace(b', "usage": null', b"")


@pytest.mark.parametrize("size", [1, 7, 50, 10_000])
def test_the_count_stays_here(size: int) -> None:
    """And is read all the same; the hash is of what has left."""
    tap = AskedTap(ChatStream(200), EventCutter())
    out = [part for at in range(0, len(SENT), size) for part in tap.feed(SENT[at : at + size])]
    out += tap.finish()
    assert b"".join(out) == EXPECTED
    assert b"" not in out, "which would end the response"
    assert tap.left().usage.output_tokens == 4
    assert tap.is_complete


@pytest.mark.parametrize("odd", [b"data: {not json}\n\n", b"no field of an event\n\n", b"x" * 300])
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_what_cannot_be_read_passes_as_it_came(odd: bytes, size: int) -> None:
    """With all that follows, and to the last byte."""
    sent = WORDS[0] + odd + COUNT + b"an end without a line"
    tap = AskedTap(ChatStream(200), EventCutter(200))
    out = [part for at in range(0, len(sent), size) for part in tap.feed(sent[at : at + size])]
    out += tap.finish()
    assert b"".join(out) == sent.replace(b', "usage": null', b"", 1)
