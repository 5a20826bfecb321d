"""Bills: what a provider says calls have cost, day by day, beside what receipts say.

Read are OpenAI's costs (`GET /v1/organization/costs`: dollars), Anthropic's cost report
(`GET /v1/organizations/cost_report`: cents), and CSV with a column for the date and one for the
dollars.
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from helm_receipts.journal.records import read_records

from .amounts import NANO

_DATES = ("date", "day", "usage_date_utc", "start_time_iso", "start_time", "starting_at")
_COSTS = ("cost", "cost_usd", "amount_value", "amount", "usd", "dollars")
_CENT = NANO // 100
_MOST = 1 << 62
_UNREADABLE = (
    ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError, csv.Error,
)  # fmt: skip


class BillError(ValueError):
    """A file that isn't a bill; says what was expected."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day in UTC: what the bill and what the receipts say, in nanodollars."""

    date: str
    billed: int
    charged: int
    calls: int
    estimated: int


def read_bill(file: Path) -> dict[str, int]:
    """Read a bill: nanodollars by day (ISO 8601); `BillError` where it isn't one."""
    found: defaultdict[str, int] = defaultdict(int)
    try:
        text = file.read_text("utf-8-sig")
        pairs = _of_json(json.loads(text)) if text.lstrip()[:1] in "{[" else _of_csv(text)
        for date, amount in pairs:
            if abs(amount) > _MOST:
                raise ValueError(f"nobody is billed so much in a day as on {date}")
            found[date] += amount
    except _UNREADABLE as error:
        raise BillError(
            f"{file}: expected OpenAI's or Anthropic's costs in JSON, or CSV with columns "
            f"date and cost ({error})"
        ) from error
    return dict(found)


def compare(bill: Mapping[str, int], journal: Path) -> list[Day]:
    """Put what receipts say beside a bill, for each day that either of them names."""
    charged: defaultdict[str, int] = defaultdict(int)
    calls: defaultdict[str, int] = defaultdict(int)
    estimated: defaultdict[str, int] = defaultdict(int)
    for record in read_records(journal):
        cost = record.predicate.get("cost")
        if cost is None or record.predicate["phase"] != "outcome":
            continue
        day = record.predicate["decidedAt"][:10]
        charged[day] += cost.get("nanodollars", 0)
        calls[day] += 1
        estimated[day] += cost["usage"] == "estimated"
    return [
        Day(day, bill.get(day, 0), charged[day], calls[day], estimated[day])
        for day in sorted({*bill, *calls})
    ]


def _of_json(value: Any) -> Iterable[tuple[str, int]]:
    for bucket in value["data"] if isinstance(value, dict) else value:
        started = bucket.get("start_time", bucket.get("starting_at"))
        for result in bucket["results"]:
            amount = result["amount"]
            if isinstance(amount, dict):
                yield _day(started), int(Decimal(str(amount["value"])) * NANO)
            else:
                yield _day(started), int(Decimal(amount) * _CENT)


def _of_csv(text: str) -> Iterable[tuple[str, int]]:
    rows = csv.DictReader(io.StringIO(text))
    names = {name.strip().lower(): name for name in rows.fieldnames or ()}
    date = next((names[each] for each in _DATES if each in names), "")
    cost = next((names[each] for each in _COSTS if each in names), "")
    if not (date and cost):
        raise BillError("there is no such column")
    for row in rows:
        yield _day(row[date]), int(Decimal(row[cost].strip().lstrip("$") or "0") * NANO)


def _day(value: Any) -> str:
    """Return the day in UTC of seconds since 1970, or of a time in ISO 8601."""
    text = str(value).strip()
    if text.isdecimal() and len(text) > 8:
        return datetime.fromtimestamp(int(text), UTC).strftime("%Y-%m-%d")
    return datetime.fromisoformat(text).strftime("%Y-%m-%d")
