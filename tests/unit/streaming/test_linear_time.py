"""Work that is linear in bytes: twice the stream takes about twice the time, however it is cut."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from helm_boundary.calls.call import Answer, Text
from helm_boundary.policy.decision import ALLOW, Decision
from helm_boundary.streaming import gate as gates
from helm_boundary.streaming.gate import Gate, NeedsVerdict, Release, State
from helm_boundary.streaming.sse import Event, EventCutter

SIZE = 400_000


def cut(data: bytes, step: int) -> list[bytes]:
    cutter = EventCutter(1 << 30)
    raw = [e.raw for at in range(0, len(data), step) for e in cutter.feed(data[at : at + step])]
    rest = cutter.finish()
    return [*raw, *([rest.raw] if rest else [])]


def seconds(work: Callable[[], object]) -> float:
    """Return what a run takes of this process's time."""
    began = time.process_time()
    work()
    return time.process_time() - began


STREAMS: dict[str, tuple[Callable[[int], bytes], int]] = {
    "LF": (lambda n: b"\n" * n, 65_536),
    "CR": (lambda n: b"\r" * n, 65_536),
    "CRLF": (lambda n: b"\r\n" * (n // 2), 65_536),
    "CRLF by bytes": (lambda n: b"\r\n" * (n // 40), 1),
    "empty comments": (lambda n: b":\n\n" * (n // 15), 65_536),
    "one event that drips": (lambda n: b"data: " + b"x" * n * 4 + b"\n\n", 64),
    "one event that drips, after a CR": (lambda n: b"\rdata: " + b"x" * n * 4 + b"\n\n", 64),
    "a line of JSON that drips": (lambda n: b'{"a":"' + b"x" * n * 4 + b'"}\n', 64),
    "an indented line that drips": (lambda n: b" " * n + b'{"a":"' + b"x" * n + b'"}\n', 64),
    "lines of blanks": (lambda n: b" \n" * (n // 4), 65_536),
    "an event of many lines": (lambda n: b"data:\n" * (n // 6) + b"\n", 65_536),
    "an event of many lines that drips": (lambda n: b"data:\r\n" * (n // 7) + b"\r\n", 64),
}


@pytest.mark.parametrize("name", STREAMS)
def test_twice_the_bytes_take_about_twice_the_time(name: str) -> None:
    """And nothing of them is lost."""
    made, step = STREAMS[name]
    once, twice = made(SIZE), made(2 * SIZE)
    assert b"".join(cut(once, step)) == once
    # In turns, and the least of five: what else is running takes from both alike.
    rounds = [
        (seconds(lambda: cut(once, step)), seconds(lambda: cut(twice, step))) for _ in "12345"
    ]
    took, taken_for_twice = map(min, zip(*rounds, strict=True))
    assert taken_for_twice < 3 * took + 0.02


@pytest.mark.parametrize("line", [b"\n", b"\r", b"\r\n"])
def test_empty_lines_leave_in_runs(line: bytes) -> None:
    """A megabyte of them is some events, and what stands behind them is read as ever."""
    sent = line * 100_000 + b"data: x" + line * 2
    assert b"".join(cut(sent, 8_000)) == sent
    events = list(EventCutter(1 << 20).feed(sent + b":"))
    assert len(events) < 10
    assert events[-1].data == b"x"


class ManyCalls:
    """A stream that begins with a text, and of which each event is a whole tool call."""

    done = False

    def __init__(self, size: int) -> None:
        self._text = Text("/t", "assistant", "x" * size)
        self.holds = self.ready = False

    def read(self, _: Event) -> None:
        self.holds = self.ready = True

    def mark_judged(self) -> None:
        self.holds = self.ready = False

    def answer(self, *, waiting_only: bool = False) -> Answer:
        return Answer(200, texts=(self._text,), complete=not waiting_only)


def test_calls_are_judged_at_the_end_where_each_alone_would_be_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thousand behind a megabyte of text aren't a gigabyte; all of them leave, or none does."""
    monkeypatch.setattr(gates, "MAX_JUDGED", 10_000)
    gate = Gate(ManyCalls(900), EventCutter(1_000), context=100)
    sent = b"data: {}\n\n"
    judged, left = 0, list[bytes]()
    steps = gate.feed(sent * 50)
    while steps:
        match steps.pop(0):
            case NeedsVerdict(tell):
                tell()
                judged += 1
                steps += gate.resume(Decision(ALLOW, ()))
            case Release(events):
                left += events
    assert (judged, len(left), gate.state) == (11, 11, State.HOLDING)
    (question,) = gate.finish()
    assert isinstance(question, NeedsVerdict)
    (release,) = gate.resume(Decision(ALLOW, ()))
    assert isinstance(release, Release)
    assert len(release.events) == 39
    assert gate.state is State.ENDED
