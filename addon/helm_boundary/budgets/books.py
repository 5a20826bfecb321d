"""The books: what receipts say was reserved and charged, added up for each balance.

The rule that an auditor can redo: a call with an outcome costs what that was charged, one without
what its request reserved; and what a person set is added. The order of receipts makes no
difference, so several writers' journals are read one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from helm_receipts.envelope.record import Record
from helm_receipts.journal.beginnings import PRUNINGS, pruning_lines
from helm_receipts.journal.reader import Line, read_lines, read_record
from helm_receipts.journal.segments import list_segments, list_writers, written_size
from helm_receipts.layout import Layout

from . import windows
from .amounts import NOTHING, Amounts
from .store import KEPT_NS, Balance, Place

ADJUSTMENT = "budget"
"""The phase of a receipt for a balance that a person set."""


@dataclass(slots=True)
class Books:
    """Sums of receipts, read one by one with `read`; `without` leaves calls out that go on."""

    without: Collection[str] = ()
    settled: dict[Place, Amounts] = field(default_factory=dict)
    ends: dict[Place, int | None] = field(default_factory=dict)
    open_calls: dict[str, dict[Place, Amounts]] = field(default_factory=dict)
    estimated: int = 0
    """Calls that were charged by estimate."""

    def read(self, record: Record) -> None:
        """Add what one receipt says."""
        said = record.predicate
        lines = said.get("budget")
        if not lines:
            self._close_unsaid(said)
            return
        if said["phase"] == ADJUSTMENT:
            self._add(self._amounts(lines, "charged"))
            return
        call = said["flow"]["id"]
        if call in self.without:
            return
        if said["phase"] == "request":
            self.open_calls[call] = self._amounts(lines, "reserved")
        elif said["phase"] == "outcome":
            self.open_calls.pop(call, None)
            self.estimated += (said.get("cost") or {}).get("usage") == "estimated"
            self._add(self._amounts(lines, "charged"))

    def balances(self) -> list[Balance]:
        """Return every balance; calls without an outcome are charged what they reserved."""
        total = dict(self.settled)
        for amounts in self.open_calls.values():
            for place, amount in amounts.items():
                total[place] = total.get(place, NOTHING).plus(amount)
        return [
            Balance(place, self.ends[place], amount, NOTHING)
            for place, amount in sorted(total.items())
        ]

    def _close_unsaid(self, said: Mapping[str, Any]) -> None:
        """Close a call whose outcome charges nothing: another version's, that knew no budgets."""
        if said["phase"] == "outcome":
            reserved = self.open_calls.pop(said["flow"]["id"], None)
            if reserved is not None:
                self.estimated += 1
                self._add(reserved)

    def _add(self, amounts: Mapping[Place, Amounts]) -> None:
        for place, amount in amounts.items():
            self.settled[place] = self.settled.get(place, NOTHING).plus(amount)

    def _amounts(self, lines: Iterable[Mapping[str, Any]], name: str) -> dict[Place, Amounts]:
        found = {}
        for line in lines:
            span = windows.read(line["window"])
            place = Place(line["scope"], span.start)
            self.ends[place] = span.end
            found[place] = Amounts.of_names(line.get(name, {}))
        return found


def read_books(journal: Path, without: Collection[str] = ()) -> Books:
    """Add up all receipts of a journal folder; `Broken` for a line that isn't a receipt."""
    books = Books(without)
    for record in records(journal):
        books.read(record)
    return books


def records(journal: Path, since: float = 0.0) -> Iterator[Record]:
    """Read receipts of all writers, but for files that weren't written to since then (seconds)."""
    for writer in list_writers(journal) if journal.is_dir() else ():
        for segment in list_segments(writer):
            if segment.stat().st_mtime >= since:
                for line in read_lines(segment, end=written_size(segment)):
                    yield read_record(line)


def pruned_until(layout: Layout) -> int:
    """Return until when receipts may have been pruned, in nanoseconds since 1970; 0 for none."""
    found = 0
    for at, raw in enumerate(pruning_lines(layout.state)):
        event = read_record(Line(layout.state / PRUNINGS, at, raw)).predicate.get("event") or {}
        before = datetime.fromisoformat(str(event["before"]))
        found = max(found, int(before.timestamp() * 1e9))
    return found


def still_kept(balances: Iterable[Balance], now_ns: int) -> list[Balance]:
    """Leave out windows that have been over for so long that no store has them any more."""
    return [each for each in balances if each.end is None or each.end >= now_ns - KEPT_NS]


def with_pruned(told: Iterable[Balance], kept: Iterable[Balance], until: int) -> list[Balance]:
    """Return what receipts told, and of windows that began before `until` no less than was kept.

    Part of their receipts may be gone; so what is left can even come to less than nothing.
    """
    found = {each.place: each for each in told}
    for each in (*found.values(), *kept):
        if each.place.start < until:
            said = found.get(each.place)
            pairs = zip(each.settled, NOTHING if said is None else said.settled, strict=True)
            most = Amounts(*(max(0, *pair) for pair in pairs))
            found[each.place] = Balance(each.place, each.end, most, NOTHING)
    return [found[place] for place in sorted(found)]


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a call: whether it has an outcome, and what it is charged."""

    ended: bool
    charged: Mapping[Place, Amounts]


type Recent = Callable[[float], Iterable[Record]]
"""Reads the receipts from a time on (seconds since 1970), each writer's in their order."""


def fates_of(recent: Recent, calls: Mapping[str, int]) -> dict[str, Fate]:
    """Find out what became of calls, by their ids and when they began (nanoseconds since 1970).

    A call without a request receipt was never forwarded, and isn't in the answer.
    """
    if not calls:
        return {}
    books, found = Books(), dict[str, Fate]()
    since = min(calls.values()) / 1e9 - 10
    for record in recent(since):
        flow = record.predicate.get("flow")
        call = flow["id"] if flow else ""
        if call not in calls:
            continue
        books.settled = {}
        books.read(record)
        if record.predicate["phase"] == "outcome":
            found[call] = Fate(True, books.settled)
        elif call in books.open_calls:
            found[call] = Fate(False, books.open_calls[call])
    return found
