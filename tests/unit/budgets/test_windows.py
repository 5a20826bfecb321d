"""Windows: where they begin and end, over months, clocks and daylight saving."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helm_boundary.budgets.windows import EVER, UNITS, Span, Window, read, told

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3600 * 10**9


def at(text: str) -> int:
    """Return a time in nanoseconds since 1970."""
    return int(datetime.fromisoformat(text).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("window", "now", "start", "end"),
    [
        (Window("minute"), "2026-01-31T23:59:59Z", "2026-01-31T23:59Z", "2026-02-01T00:00Z"),
        (Window("hour"), "2026-01-31T23:59:59Z", "2026-01-31T23:00Z", "2026-02-01T00:00Z"),
        (Window("day"), "2026-01-31T23:59:59Z", "2026-01-31T00:00Z", "2026-02-01T00:00Z"),
        (Window("week"), "2026-02-01T12:00Z", "2026-01-26T00:00Z", "2026-02-02T00:00Z"),
        (Window("month"), "2026-01-31T23:59:59Z", "2026-01-01T00:00Z", "2026-02-01T00:00Z"),
        (Window("month"), "2026-02-01T00:00Z", "2026-02-01T00:00Z", "2026-03-01T00:00Z"),
        (Window("month"), "2028-02-29T12:00Z", "2028-02-01T00:00Z", "2028-03-01T00:00Z"),
        (Window("month"), "2026-12-31T23:00Z", "2026-12-01T00:00Z", "2027-01-01T00:00Z"),
        (Window("seconds", seconds=90), "1970-01-01T00:02Z", "1970-01-01T00:01:30Z",
         "1970-01-01T00:03Z"),
        # In Berlin the clocks go forward on 29 March 2026 at 1:00 UTC, and back on 25 October.
        (Window("day", BERLIN), "2026-03-29T12:00Z", "2026-03-28T23:00Z", "2026-03-29T22:00Z"),
        (Window("day", BERLIN), "2026-10-25T12:00Z", "2026-10-24T22:00Z", "2026-10-25T23:00Z"),
        (Window("month", BERLIN), "2026-03-31T22:30Z", "2026-03-31T22:00Z", "2026-04-30T22:00Z"),
        (Window("hour", BERLIN), "2026-10-25T00:30Z", "2026-10-25T00:00Z", "2026-10-25T01:00Z"),
        (Window("hour", BERLIN), "2026-10-25T01:30Z", "2026-10-25T01:00Z", "2026-10-25T02:00Z"),
        # An hour that begins at half past in UTC.
        (Window("hour", ZoneInfo("Asia/Kolkata")), "2026-01-01T00:45Z", "2026-01-01T00:30Z",
         "2026-01-01T01:30Z"),
        # A midnight that the clocks skip: the day begins at one.
        (Window("day", ZoneInfo("America/Santiago")), "2024-09-08T12:00Z", "2024-09-08T04:00Z",
         "2024-09-09T03:00Z"),
    ],
)  # fmt: skip
def test_a_window_begins_and_ends(window: Window, now: str, start: str, end: str) -> None:
    """At these times in UTC."""
    assert window.at(at(now)) == Span(at(start), at(end))


def test_a_budget_that_never_resets() -> None:
    """One window for all time."""
    assert Window("ever").at(at("2026-01-31T23:59:59Z")) == EVER
    assert read(told(EVER)) == EVER


@given(
    st.integers(0, 4_000_000_000),
    st.sampled_from(UNITS[:-1]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
)
def test_windows_follow_each_other_without_a_gap(now: int, unit: str, zone: str) -> None:
    """And each can be read again from how receipts tell it."""
    window = Window(unit, ZoneInfo(zone))  # type: ignore[arg-type]
    span = window.at(now * 10**9)
    assert span.end is not None
    assert span.start <= now * 10**9 < span.end
    assert window.at(span.start) == window.at(span.end - 1) == span
    assert window.at(span.end).start == span.end
    assert read(told(span)) == span


def test_a_clock_that_is_set_back_an_hour_finds_its_window_again() -> None:
    """So what was used in it is used."""
    window = Window("hour")
    now = at("2026-05-05T12:10Z")
    assert window.at(now - HOUR).end == window.at(now).start
