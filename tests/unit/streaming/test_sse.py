"""Events as the standard has them, whichever way their lines end."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helm_boundary.calls.refusal import Refusal
from helm_boundary.streaming.sse import BOM, EventCutter, read_event

NAMES = (b"data", b"event", b"id", b"retry", b"")
LINES = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from((b": ", b":", b":  ", b"")),
        st.sampled_from((b"", b"{}", b'{"a": 1}', b"[DONE]", b"word", b"data: {}", "ä".encode())),
    ),
    min_size=1,
    max_size=4,
)
END_OF_LINE = st.sampled_from((b"\n", b"\r\n", b"\r"))


def as_the_standard_says(raw: bytes) -> tuple[str, bytes | None]:
    """Read an event's type and its data, a line at a time (WHATWG HTML, section 9.2.6)."""
    kind, data = b"", None
    for line in re.split(rb"\r\n|\n|\r", raw):
        found = re.fullmatch(rb"(data|event)(?:: ?(.*))?", line, re.DOTALL)
        if found is None:
            continue
        value = found[2] or b""
        if found[1] == b"event":
            kind = value
        else:
            data = value if data is None else data + b"\n" + value
    return kind.decode(), data


@given(LINES, END_OF_LINE, END_OF_LINE)
def test_an_event_is_read_as_the_standard_says(
    lines: list[tuple[bytes, bytes, bytes]], between: bytes, last: bytes
) -> None:
    """The usual forms, which are read at once, and all others, a line at a time."""
    fields = [name + colon + value if colon else name for name, colon, value in lines]
    raw = between.join(fields) + last + last
    event = read_event(raw)
    assert (event.type, event.data) == as_the_standard_says(raw)
    assert event.raw == raw


@given(LINES, END_OF_LINE, st.booleans(), st.integers(0, 60))
def test_a_chunk_that_is_an_event_is_read_as_if_it_came_in_two(
    lines: list[tuple[bytes, bytes, bytes]], between: bytes, begins: bool, cut: int
) -> None:
    """What servers send at once has a way of its own, and means the same."""
    fields = [name + colon + value if colon else name for name, colon, value in lines]
    raw = (BOM if begins else b"") + between.join(fields) + b"\n\n"
    whole, pieces = EventCutter(), EventCutter()
    at_once = [*whole.feed(raw), whole.finish()]
    apart = [*pieces.feed(raw[:cut]), *pieces.feed(raw[cut:]), pieces.finish()]
    assert at_once == apart


@pytest.mark.parametrize("event", [b"data: 123456789\n\n", b"data: \xc3\xa912345678\n\n"])
def test_the_limit_is_an_events_and_not_a_chunks(event: bytes) -> None:
    """Several small ones come together; one that is too large is refused."""
    assert len([*EventCutter(len(event)).feed(event * 9)]) == 9
    for chunks in ([event], [event[:3], event[3:]]):
        cutter = EventCutter(len(event) - 1)
        with pytest.raises(Refusal, match="more than"):
            [*cutter.feed(chunks[0]), *(cutter.feed(chunks[1]) if chunks[1:] else ())]
