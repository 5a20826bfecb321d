"""Windows: the stretches of time in which a budget's amounts add up, one after the other.

A window is known by its start. A clock that is set back finds the window that it is in again, with
what was used in it; so does a local time that comes twice, as each of its hours has a start of its
own in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final, Literal, NamedTuple

type Unit = Literal["minute", "hour", "day", "week", "month", "ever", "seconds"]

UNITS: Final = ("minute", "hour", "day", "week", "month", "ever")
"""The units that data names; a number of seconds is the other way to say a window."""

SECONDS: Final = {"minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_SECOND = 1_000_000_000


class Span(NamedTuple):
    """One window, in nanoseconds since 1970 in UTC; `end` is None for one that never ends."""

    start: int
    end: int | None


EVER: Final = Span(0, None)


@dataclass(frozen=True, slots=True)
class Window:
    """Windows of a calendar's unit in a timezone, or of a number of seconds since 1970."""

    unit: Unit
    zone: tzinfo = UTC
    seconds: int = 0

    def at(self, now_ns: int) -> Span:
        """Return the window that a time is in."""
        if self.unit == "ever":
            return EVER
        if self.unit == "seconds":
            length = self.seconds * _SECOND
            start = now_ns // length * length
            return Span(start, start + length)
        if self.unit in ("minute", "hour"):
            return self._clock(now_ns)
        return self._calendar(now_ns)

    def _clock(self, now_ns: int) -> Span:
        """Return an hour or a minute, as clocks of the timezone strike it."""
        length = SECONDS[self.unit]
        now = now_ns // _SECOND
        offset = _offset(now, self.zone)
        start = (now + offset) // length * length - offset
        return Span(start * _SECOND, (start + length) * _SECOND)

    def _calendar(self, now_ns: int) -> Span:
        """Return a day, week or month, from midnight to midnight: 23 or 25 hours at times."""
        today = datetime.fromtimestamp(now_ns // _SECOND, self.zone).replace(
            hour=0, minute=0, second=0, microsecond=0, fold=0
        )
        if self.unit == "day":
            start, end = today, today + timedelta(days=1)
        elif self.unit == "week":
            start = today - timedelta(days=today.weekday())
            end = start + timedelta(days=7)
        else:
            start = today.replace(day=1)
            end = (start + timedelta(days=32)).replace(day=1)
        return Span(_nanoseconds(start), _nanoseconds(end))


class Spans:
    """The spans in which windows were last, so that most calls needn't work theirs out."""

    def __init__(self) -> None:
        self._last: dict[Window, Span] = {}

    def at(self, window: Window, now_ns: int) -> Span:
        """Return the same as the window's `at`."""
        span = self._last.get(window)
        if (
            span is None
            or not span.start <= now_ns
            or (span.end is not None and now_ns >= span.end)
        ):
            span = self._last[window] = window.at(now_ns)
        return span


def _offset(now: int, zone: tzinfo) -> int:
    offset = datetime.fromtimestamp(now, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def _nanoseconds(time: datetime) -> int:
    # By way of UTC: a midnight that the clocks skip is the moment at which they do.
    return int(time.replace(fold=0).astimezone(UTC).timestamp()) * _SECOND


@lru_cache(512)  # the same few come with every call
def told(span: Span) -> str:
    """Write a window as receipts have it: an interval of ISO 8601, or `ever`."""
    if span.end is None:
        return "ever"
    return f"{stamp(span.start)}/{stamp(span.end)}"


def read(text: str) -> Span:
    """Read a window that `told` wrote; ValueError for anything else."""
    if text == "ever":
        return EVER
    start, _, end = text.partition("/")
    return Span(_read_stamp(start), _read_stamp(end))


def stamp(at_ns: int) -> str:
    """Write a whole second in UTC, as in RFC 3339."""
    return datetime.fromtimestamp(at_ns // _SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read_stamp(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp()) * _SECOND
