"""Layouts of times as Go has them, as patterns that match what Go reads by them.

https://pkg.go.dev/time#pkg-constants. Those that Go reads loosely (a day of one digit, a zone's
letters, a year of two digits, morning and afternoon) raise, which ends the evaluation: DENY.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

# OPA knows these names; the others of Go's are taken as they are written.
NAMED: Mapping[str, str] = {
    "ANSIC": "Mon Jan _2 15:04:05 2006",
    "UnixDate": "Mon Jan _2 15:04:05 MST 2006",
    "RubyDate": "Mon Jan 02 15:04:05 -0700 2006",
    "RFC822": "02 Jan 06 15:04 MST",
    "RFC822Z": "02 Jan 06 15:04 -0700",
    "RFC850": "Monday, 02-Jan-06 15:04:05 MST",
    "RFC1123": "Mon, 02 Jan 2006 15:04:05 MST",
    "RFC1123Z": "Mon, 02 Jan 2006 15:04:05 -0700",
    "RFC3339": "2006-01-02T15:04:05Z07:00",
    "RFC3339Nano": "2006-01-02T15:04:05.999999999Z07:00",
}
_SHORT = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_LONG = "january|february|march|april|may|june|july|august|september|october|november|december"
PARTS: Mapping[str, str] = {
    "2006": r"(?P<year>\d{4})",
    "January": rf"(?P<month>(?i:{_LONG}))",
    "Jan": rf"(?P<month>(?i:{_SHORT}))",
    "01": r"(?P<month>\d\d)",
    "02": r"(?P<day>\d\d)",
    "Monday": "(?i:monday|tuesday|wednesday|thursday|friday|saturday|sunday)",
    "Mon": "(?i:mon|tue|wed|thu|fri|sat|sun)",
    "2": r"(?P<day>[1-9]|[12]\d|3[01])",
    "15": r"(?P<hour>\d\d?)",
    "04": r"(?P<minute>\d\d)",
    "05.999999999": r"(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?",
    "05": r"(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?",
    "Z07:00": r"(?P<zone>Z|[+-]\d\d:\d\d)",
    "-07:00": r"(?P<zone>[+-]\d\d:\d\d)",
    "Z0700": r"(?P<zone>Z|[+-]\d{4})",
    "-0700": r"(?P<zone>[+-]\d{4})",
    "MST": "(?P<zone>UTC|GMT)",
}
PART = re.compile("|".join(re.escape(part) for part in PARTS))
# What would be a part for Go, or belongs to one, and isn't known here.
UNKNOWN = re.compile(r"[\d_]|Jan|Mon|MST|PM|pm")


@lru_cache(maxsize=64)
def pattern_of(layout: str) -> re.Pattern[str]:
    """Return what a layout matches; ValueError for one that isn't known here."""
    written = NAMED.get(layout, layout)
    if UNKNOWN.search(PART.sub("", written)) or "2006" not in written:
        raise ValueError("expected a layout such as 2006-01-02T15:04:05Z07:00")
    pieces, position = [], 0
    for found in PART.finditer(written):
        pieces += [re.escape(written[position : found.start()]), PARTS[found[0]]]
        position = found.end()
    pieces.append(re.escape(written[position:]))
    try:
        return re.compile("".join(pieces), re.ASCII)
    except re.error:
        raise ValueError("expected each part of a layout once") from None
