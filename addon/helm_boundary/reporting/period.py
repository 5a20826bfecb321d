"""The period that a report is about."""

from __future__ import annotations

import re
import time

from helm_boundary.receipt_index.filters import Filter
from helm_receipts.envelope.predicate import rfc3339

_AGO = re.compile(r"(\d{1,4})([hdw])", re.ASCII)
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}


def read_period(since: str, until: str | None, now_ns: int | None = None) -> Filter:
    """Read `7d`, `24h`, `2w` or a time, and perhaps where the period ends; raises FilterError."""
    now = time.time_ns() if now_ns is None else now_ns
    found = _AGO.fullmatch(since)
    if found is not None:
        hours = int(found[1]) * _HOURS[found[2]]
        since = rfc3339(now - hours * 3600 * 10**9)
    period = Filter(since=since, until=until or rfc3339(now))
    period.condition()
    return period
