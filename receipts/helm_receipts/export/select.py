"""A selection of receipts: by verdict, operation, model, principal, reason, phase and time."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from helm_receipts.envelope.record import Record
from helm_receipts.journal.reader import read_lines, read_record
from helm_receipts.journal.segments import list_segments, list_writers, written_size


@dataclass(frozen=True, slots=True)
class Selection:
    """What a receipt must say to be chosen; None means anything."""

    verdict: str | None = None
    phase: str | None = None
    operation: str | None = None
    model: str | None = None
    principal: str | None = None
    reason: str | None = None
    since: str | None = None
    until: str | None = None

    def matches(self, record: Record) -> bool:
        """Tell whether a receipt says all that is asked for. Times compare as RFC 3339 text."""
        said = record.predicate
        flow, client = said.get("flow") or {}, said.get("client") or {}
        return (
            self.verdict in (None, said["verdict"])
            and self.phase in (None, said["phase"])
            and self.operation in (None, flow.get("operation"))
            and self.model in (None, flow.get("model"))
            and self.principal in (None, client.get("principal"), client.get("keyId"))
            and (self.reason is None or self.reason in {r["code"] for r in said["reasons"]})
            and (self.since is None or said["decidedAt"] >= self.since)
            and (self.until is None or said["decidedAt"] < self.until)
        )


def select(journal: Path, selection: Selection) -> Iterator[Record]:
    """List the chosen receipts of all writers in the order of their times, unverified."""
    return filter(selection.matches, Follower(journal).poll())


class Follower:
    """Reads a journal folder as it grows."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._read: dict[Path, int] = {}
        """How many bytes of each segment have been read."""

    def poll(self) -> Iterator[Record]:
        """List the receipts since the last poll, of all writers, in the order of their times."""
        journals = [self._poll_writer(writer) for writer in list_writers(self._journal)]
        return heapq.merge(*journals, key=lambda record: str(record.predicate["decidedAt"]))

    def _poll_writer(self, writer: Path) -> Iterator[Record]:
        for segment in list_segments(writer):
            size, start = written_size(segment), self._read.get(segment, 0)
            if size > start:
                for line in read_lines(segment, start, size):
                    self._read[segment] = line.offset + len(line.raw) + 1
                    yield read_record(line)
