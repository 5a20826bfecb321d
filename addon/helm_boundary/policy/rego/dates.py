"""``time.add_date``, ``time.diff`` and ``time.parse_…`` as OPA has them: Go's time.

Go counts a day that a month lacks into the next one, where the engine's own has the month's last
day or nothing; it tells a difference as the first time's zone has it, and reads no time loosely.
What Go refuses raises, which ends the evaluation: DENY. https://pkg.go.dev/time
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from .arguments import WHOLE, as_text, as_whole
from .layouts import pattern_of

DAY, SECOND = 86_400 * 10**9, 10**9
EPOCH = date(1970, 1, 1).toordinal()
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
RFC3339 = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)T(?P<hour>\d\d?):(?P<minute>\d\d):"
    r"(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?(?P<zone>Z|[+-]\d\d:\d\d)",
    re.ASCII,
)


def add_date(start: int, years: int, months: int, days: int) -> int:
    """Add years, months and days to a time, in nanoseconds; ValueError beyond 64 bits."""
    day, rest = divmod(as_whole(start), DAY)
    from_day = date.fromordinal(day + EPOCH)
    year, month = divmod(
        from_day.year * 12 + from_day.month - 1 + as_whole(years) * 12 + as_whole(months), 12
    )
    first = date(year, month + 1, 1).toordinal() - EPOCH
    return _nanoseconds((first + from_day.day - 1 + as_whole(days)) * DAY + rest)


def diff(first: object, second: object) -> list[int]:
    """Return the years, months, days, hours, minutes and seconds between two times."""
    (one, zone), (other, _) = _time(first), _time(second)
    early, late = (_local(moment, zone) for moment in sorted((one, other)))
    found = [there - here for here, there in zip(_parts(early), _parts(late), strict=True)]
    for position, size in ((5, 60), (4, 60), (3, 24), (2, _days(early)), (1, 12)):
        if found[position] < 0:
            found[position] += size
            found[position - 1] -= 1
    return found


def parse_rfc3339_ns(value: str) -> int:
    """Read a time as RFC 3339 has it, as nanoseconds; ValueError if it isn't one."""
    return _read(RFC3339, value)


def parse_ns(layout: str, value: str) -> int:
    """Read a time by a layout of Go's, as nanoseconds; ValueError if it isn't one."""
    return _read(pattern_of(as_text(layout)), value)


def _read(pattern: re.Pattern[str], value: str) -> int:
    found = pattern.fullmatch(as_text(value))
    if found is None:
        raise ValueError("expected a time as the layout has it")
    part = {name: text for name, text in found.groupdict().items() if text is not None}
    month = part.get("month", "1")
    number = int(month) if month.isdigit() else MONTHS.index(month[:3].lower()) + 1
    day = date(int(part["year"]), number, int(part.get("day", "1")))
    hour, minute, second = (int(part.get(name, "0")) for name in ("hour", "minute", "second"))
    clock = time(hour, minute, second)
    minutes = ((day.toordinal() - EPOCH) * 24 + clock.hour) * 60 + clock.minute
    seconds = minutes * 60 + clock.second
    fraction = int(part.get("fraction", "0").ljust(9, "0")[:9])
    return _nanoseconds((seconds - _offset(part.get("zone", "Z"))) * SECOND + fraction)


def _offset(zone: str) -> int:
    if zone[0] not in "+-":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 24 or minutes > 60:
        raise ValueError("expected a zone's distance")
    return (hours * 3600 + minutes * 60) * (-1 if zone[0] == "-" else 1)


def _time(value: object) -> tuple[int, tzinfo]:
    if not isinstance(value, list | tuple):
        return as_whole(value), UTC
    moment, zone = value
    if zone == "Local":
        raise ValueError("expected a zone that is the same everywhere")
    return as_whole(moment), UTC if as_text(zone) in {"", "UTC"} else ZoneInfo(zone)


def _local(moment: int, zone: tzinfo) -> datetime:
    seconds = timedelta(seconds=moment // SECOND)
    return (datetime(1970, 1, 1, tzinfo=UTC) + seconds).astimezone(zone)


def _parts(moment: datetime) -> tuple[int, ...]:
    return tuple(moment.timetuple()[:6])


def _days(moment: datetime) -> int:
    """Return how many days a time's month has."""
    following = date(moment.year + moment.month // 12, moment.month % 12 + 1, 1)
    return (following - date(moment.year, moment.month, 1)).days


def _nanoseconds(number: int) -> int:
    if number not in WHOLE:
        raise ValueError("expected a time between 1677 and 2262")
    return number


# Name, number of arguments, function.
FUNCTIONS: Mapping[str, tuple[int, Callable[..., object]]] = {
    "time.add_date": (4, add_date),
    "time.diff": (2, diff),
    "time.parse_ns": (2, parse_ns),
    "time.parse_rfc3339_ns": (1, parse_rfc3339_ns),
}
