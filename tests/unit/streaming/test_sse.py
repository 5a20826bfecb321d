"""Events as the standard has them, whichever way their lines end."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helm_boundary.calls.refusal import Refusal
from helm_boundary.streaming.sse import BOM, Event, EventCutter, read_event

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
    assert saying(at_once) == saying(apart)
    for events in (at_once, apart):
        assert b"".join(event.raw for event in events if event) == raw


def saying(events: list[Event | None]) -> list[Event]:
    """Leave out what says nothing: empty lines leave at once or apart, as they come."""
    return [event for event in events if event and (event.type or event.data is not None)]


@pytest.mark.parametrize("event", [b"data: 123456789\n\n", b"data: \xc3\xa912345678\n\n"])
def test_the_limit_is_an_events_and_not_a_chunks(event: bytes) -> None:
    """Several small ones come together; one that is too large is refused."""
    assert len([*EventCutter(len(event)).feed(event * 9)]) == 9
    for chunks in ([event], [event[:3], event[3:]]):
        cutter = EventCutter(len(event) - 1)
        with pytest.raises(Refusal, match="more than"):
            [*cutter.feed(chunks[0]), *(cutter.feed(chunks[1]) if chunks[1:] else ())]


LINE = b'{"a": {"b": 1}}'
ODD_LINES = {
    "indented": b"  " + LINE + b"\n\t" + LINE + b"\n",
    "ends in CRLF": LINE + b"\r\n \t" + LINE + b"\r\n",
    "blanks behind": LINE + b" \n" + LINE + b"\t\r\n",
    "empty lines between": b"\n\r\n" + LINE + b"\n\n\r\n" + LINE + b"\n\n",
    "lines of blanks between": b" \n" + LINE + b"\n  \n\t\r\n" + LINE + b"\n \n",
    "byte order mark": BOM + LINE + b"\n" + LINE + b"\n",
    "byte order mark and blanks": BOM + b" \t" + LINE + b"\n" + LINE + b"\n",
    "byte order mark and an empty line": BOM + b"\r\n" + LINE + b"\n" + LINE + b"\n",
    "no end of line": b" " + LINE + b"\n " + LINE,
    "blanks at the end": LINE + b"\n" + LINE + b"\n  ",
}


@pytest.mark.parametrize("name", ODD_LINES)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_lines_of_json_are_events_whatever_blanks_are_around(name: str, size: int) -> None:
    """Their readers skip blanks, as JSON has it; what is cut is what came."""
    raw = ODD_LINES[name]
    cutter = EventCutter()
    events = [e for at in range(0, len(raw), size) for e in cutter.feed(raw[at : at + size])]
    if (rest := cutter.finish()) is not None:
        events.append(rest)
    assert b"".join(event.raw for event in events) == raw
    told = [event.data.strip() for event in events if event.data is not None]
    assert told == [LINE, LINE]


def test_blanks_before_a_field_are_still_refused() -> None:
    """Some readers strip lines, others skip what is no field."""
    with pytest.raises(Refusal, match="no field"):
        [*EventCutter().feed(b' data: {"a": 1}\n\n')]
