"""Times as people give them: a date, a moment, or how long ago."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import click

from helm_receipts.envelope.predicate import rfc3339

_AGO = re.compile(r"([0-9]{1,6})\s*(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Moment(click.ParamType[str]):
    """A time in RFC 3339, a date (UTC), or an age such as 7d, 12h, 30m or 2w; gives RFC 3339."""

    name = "time"

    def convert(
        self, value: str, parameter: click.Parameter | None, context: click.Context | None
    ) -> str:
        """Read a time; a usage error for anything else."""
        if (ago := _AGO.fullmatch(value.strip().lower())) is not None:
            before = int(ago[1]) * _SECONDS[ago[2]]
            return rfc3339(max(0, time.time_ns() - before * 1_000_000_000))
        try:
            moment = datetime.fromisoformat(value.strip().upper())
        except ValueError:
            self.fail(
                f"expected a time such as 7d, 12h, 2026-11-23 or 2026-11-23T14:00:00Z, "
                f"found {value!r}",
                parameter,
                context,
            )
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        microseconds = int(moment.timestamp()) * 1_000_000 + moment.microsecond
        return rfc3339(max(0, microseconds) * 1000)


MOMENT = Moment()
