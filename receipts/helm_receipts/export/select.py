"""A selection of receipts: by what they say, by who called, and by time."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helm_receipts.envelope.record import Record
from helm_receipts.journal.reader import read_lines, read_record
from helm_receipts.journal.segments import list_segments, list_writers, written_size

_SHORTEST_PSEUDONYM = 8


@dataclass(frozen=True, slots=True)
class Selection:
    """What a receipt must say to be chosen; None means anything. Times are RFC 3339."""

    verdict: str | None = None
    phase: str | None = None
    operation: str | None = None
    model: str | None = None
    host: str | None = None
    tool: str | None = None
    """The name of one of its tool calls."""
    rule: str | None = None
    """A rule, or a topic: `models` is each rule of `models.…`."""
    call: str | None = None
    """The id of its call, or the correlation id."""
    principal: str | None = None
    """The proxy's user, or an API key's pseudonym or the first digits of one."""
    reason: str | None = None
    since: str | None = None
    until: str | None = None
    caller: Callable[[dict[str, Any]], bool] | None = None
    """Tells of a predicate whether it is about one of the callers that are meant."""

    def matches(self, record: Record) -> bool:
        """Tell whether a receipt says all that is asked for. Times compare as RFC 3339 text."""
        said = record.predicate
        flow, codes = said.get("flow") or {}, {each["code"] for each in said["reasons"]}
        return (
            self.verdict in (None, said["verdict"])
            and self.phase in (None, said["phase"])
            and self.operation in (None, flow.get("operation"))
            and self.model in (None, flow.get("model"))
            and (self.host is None or self.host.lower() == str(flow.get("host")).lower())
            and self.call in (None, flow.get("id"), flow.get("correlationId"))
            and (self.reason is None or self.reason in codes)
            and (self.rule is None or any(self._rules(said)))
            and (self.tool is None or self.tool in tools_of(said))
            and (self.principal is None or self._is_by(said.get("client") or {}))
            and (self.since is None or said["decidedAt"] >= self.since)
            and (self.until is None or said["decidedAt"] < self.until)
            and (self.caller is None or self.caller(said))
        )

    def _rules(self, said: dict[str, Any]) -> Iterator[bool]:
        for reason in said["reasons"]:
            yield f"{reason['rule']}.".startswith(f"{self.rule}.")

    def _is_by(self, client: dict[str, Any]) -> bool:
        wanted, pseudonym = str(self.principal), str(client.get("keyId", ""))
        is_begun = len(wanted) >= _SHORTEST_PSEUDONYM and pseudonym.startswith(wanted.rstrip("…"))
        return wanted == client.get("principal") or is_begun


def tools_of(said: dict[str, Any]) -> set[str]:
    """Name the tools whose calls a receipt is about; those of MCP servers also as policy does."""
    calls = said.get("toolCalls", ())
    policy_names = {f"mcp.{each['server']}.{each['name']}" for each in calls if each.get("server")}
    return {each["name"] for each in calls} | policy_names


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
