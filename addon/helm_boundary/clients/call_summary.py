"""The calls made while something ran, and their verdicts, read from the receipts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from helm_receipts.envelope.record import Record
from helm_receipts.export.explain import printable
from helm_receipts.journal.reader import read_lines, read_record
from helm_receipts.journal.segments import list_segments, list_writers, written_size
from helm_receipts.layout import Layout

_RANK = ("ALLOW", "ESCALATE", "DENY")


@dataclass(frozen=True, slots=True)
class Call:
    """One call with its strictest verdict; `receipt` is the id of the receipt that states it."""

    verdict: str
    enforcement: str
    """`enforced`, or `observed` where the verdict had no effect."""
    operation: str
    host: str
    model: str | None
    reasons: tuple[str, ...]
    receipt: str
    end: str | None = None
    """How it ended, once that is known."""

    @property
    def failed(self) -> bool:
        """Whether it was let through and its upstream gave no answer."""
        return self.verdict == "ALLOW" and self.end == "upstream_error"


class Tally:
    """A reader of what is added to a state folder's journals from now on."""

    def __init__(self, state: Path) -> None:
        self._journal = Layout(state).journal
        self._before = {segment: written_size(segment) for segment in self._segments()}

    def calls(self, pid: int | None = None) -> list[Call]:
        """Return the calls since, in order; with `pid`, only those that this boundary judged.

        `pid` must be of a boundary that has started since.
        """
        records = list(self._records())
        if pid is not None:
            writers = {_writer(record) for record in records if _started(record) == pid}
            records = [record for record in records if _writer(record) in writers]
        found: dict[str, Call] = {}
        for record in sorted(records, key=lambda record: str(record.predicate["decidedAt"])):
            flow = record.predicate.get("flow")
            # A grant or an outcome alone is about a call of before, or of somebody else's.
            if flow is None or not (flow["id"] in found or record.predicate["phase"] == "request"):
                continue
            call, before = _call(record, flow), found.get(flow["id"])
            if before is not None and _RANK.index(call.verdict) <= _RANK.index(before.verdict):
                call = replace(before, end=call.end or before.end)
            found[flow["id"]] = call
        return list(found.values())

    def _records(self) -> Iterator[Record]:
        for segment in self._segments():
            size, start = written_size(segment), self._before.get(segment, 0)
            for line in read_lines(segment, start, size) if size > start else ():
                yield read_record(line)

    def _segments(self) -> Iterator[Path]:
        for writer in list_writers(self._journal) if self._journal.is_dir() else ():
            yield from list_segments(writer)


def summary(calls: list[Call]) -> list[str]:
    """Return lines for a person: counts by verdict, then each kind of call and its last receipt."""
    if not calls:
        return ["no OpenAI-shaped calls"]
    ranked = sorted(calls, key=lambda call: _RANK.index(call.verdict))
    verdicts = Counter(_verdict(call) for call in ranked if not call.failed)
    counts = [f"{count} {verdict}" for verdict, count in verdicts.items()]
    if failed := sum(call.failed for call in calls):
        counts.append(f"{failed} without an answer (upstream_error)")
    counted = ", ".join(counts)
    kinds: dict[tuple[Any, ...], list[Call]] = {}
    for call in calls:
        kind = (_verdict(call), call.failed, call.operation, call.host, call.model)
        kinds.setdefault(kind, []).append(call)
    return [f"{len(calls)} call{'s' * (len(calls) > 1)}: {counted}", *map(_line, kinds.values())]


def as_json(calls: list[Call]) -> dict[str, Any]:
    """Return the calls and the counts by verdict, for a program."""
    verdicts = Counter(call.verdict for call in calls)
    return {"calls": [asdict(call) for call in calls], "verdicts": dict(verdicts)}


def _line(calls: list[Call]) -> str:
    last = calls[-1]
    said = [_verdict(last), f"{len(calls)}x", last.operation, last.host, last.model or "-"]
    because = f"  {', '.join(last.reasons)}" if last.verdict != "ALLOW" else ""
    because += "  upstream_error" if last.failed else ""
    return printable(f"  {'  '.join(said)}{because}  (receipt {last.receipt})")


def _verdict(call: Call) -> str:
    """Say a verdict so that an observed one doesn't look like an enforced one."""
    return call.verdict if call.enforcement == "enforced" else f"{call.verdict} (OBSERVED)"


def _call(record: Record, flow: dict[str, Any]) -> Call:
    reasons = tuple(dict.fromkeys(reason["code"] for reason in record.predicate["reasons"]))
    verdict, enforcement = record.predicate["verdict"], record.predicate["enforcement"]
    end = (record.predicate.get("outcome") or {}).get("end")
    return Call(
        verdict,
        enforcement,
        flow["operation"],
        flow["host"],
        flow["model"],
        reasons,
        record.id,
        end,
    )


def _writer(record: Record) -> str:
    return str(record.predicate["sequence"]["writer"])


def _started(record: Record) -> int | None:
    event = record.predicate.get("event") or {}
    return event.get("process") if record.predicate["phase"] == "session" else None
