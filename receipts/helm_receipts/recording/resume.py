"""Resumption of a journal: what the next receipt must follow, and which calls are open."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helm_receipts.envelope import dsse
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.envelope.record import Record
from helm_receipts.envelope.statement import BudgetLine, FlowFacts
from helm_receipts.errors import Broken, EnvelopeError
from helm_receipts.journal.chain import WriterChain
from helm_receipts.journal.reader import Line, read_lines, read_record
from helm_receipts.journal.segments import list_segments, written_size
from helm_receipts.log.published_keys import PublishedKeys

CHECKED_SIGNATURES = 256


@dataclass(slots=True)
class Resumption:
    """Where a writer's journal stands: its last receipt and the calls without an outcome."""

    number: int = 0
    digest: str | None = None
    decided_at: str = ""
    stopped: bool = True
    keyid: str = ""
    """The id of the key that signed the last receipt."""
    successor: str = ""
    """The key in hex that the last receipt hands over to, if it does."""
    open_calls: dict[str, Record] = field(default_factory=dict)


def resume(writer: Path, published: PublishedKeys, *current: PublicKey) -> Resumption:
    """Check the end of a journal and say where it stands; `Broken` when it contradicts itself.

    Checks the chain from the last start on and the last signatures; `fsck` checks the rest. The
    last receipt must be by one of the `current` keys, those before it by a published one.
    """
    state = Resumption()
    segments = [s for s in list_segments(writer) if written_size(s)]
    first = _last_start(segments)
    tail: list[Line] = []
    for segment in segments[first:]:
        for line in read_lines(segment):
            _follow(state, line)
            tail.append(line)
            del tail[:-CHECKED_SIGNATURES]
    known = {key.keyid: key for key in (*(k.key for k in published.receipt), *current)}
    for line in tail:
        state.keyid = _check_signature(line, known)
    if tail and state.keyid not in {key.keyid for key in current}:
        found = f"the last receipt is by {state.keyid[:16]}, which isn't the key in use"
        raise Broken("foreign-key", tail[-1], found)
    return state


def _last_start(segments: list[Path]) -> int:
    """Return the index of the last segment in which a session starts."""
    for index in range(len(segments) - 1, 0, -1):
        if any(_event(record) == "start" for record in _records(segments[index])):
            return index
    return 0


def _records(segment: Path) -> Iterator[Record]:
    return (read_record(line) for line in read_lines(segment))


def _follow(state: Resumption, line: Line) -> None:
    record = read_record(line)
    chain = WriterChain(line.segment.parent.name)
    first = state.number == 0
    number = int(line.segment.stem) if first else state.number + 1
    previous = record.predicate["sequence"].get("previous", {}).get("sha256")
    chain.number, chain.digest = number - 1, previous if first and number > 1 else state.digest
    chain.check_sequence(line, record.predicate["sequence"])
    state.number, state.digest = number, record.digest
    state.decided_at = str(record.predicate["decidedAt"])
    event = record.predicate.get("event") or {}
    rotates = record.predicate["phase"] == "key" and event.get("role") == "receipt"
    state.successor = str(event.get("successor", "")) if rotates else ""
    _track(state, record)


def _track(state: Resumption, record: Record) -> None:
    phase, event = record.predicate["phase"], _event(record)
    if phase == "request":
        state.open_calls.setdefault(record.predicate["flow"]["id"], record)
    elif phase == "outcome":
        state.open_calls.pop(record.predicate["flow"]["id"], None)
    elif event in ("start", "stop"):
        state.stopped = event == "stop"


def _event(record: Record) -> str:
    event: dict[str, Any] = record.predicate.get("event") or {}
    return str(event.get("kind", "")) if record.predicate["phase"] == "session" else ""


def _check_signature(line: Line, known: Mapping[str, PublicKey]) -> str:
    """Check a line's signature; returns the id of the known key that made it."""
    try:
        envelope = dsse.parse_line(line.raw)
        key = known.get(envelope.keyid)
        if key is None:
            raise Broken("foreign-key", line, f"signed by {envelope.keyid[:16]}…")
        envelope.check(key)
    except EnvelopeError as error:
        raise Broken("edited", line, str(error)) from error
    return key.keyid


def flow_of(record: Record) -> FlowFacts:
    """Read the facts of a recorded call, to write its outcome with."""
    flow = record.predicate["flow"]
    return FlowFacts(
        id=flow["id"],
        correlation_id=flow["correlationId"],
        operation=flow["operation"],
        dialect=flow["dialect"],
        method=flow["method"],
        host=flow["host"],
        path=flow["path"],
        model=flow["model"],
        stream=flow["stream"],
        tls_inspected=flow["tlsInspected"],
    )


def budget_of(record: Record) -> tuple[BudgetLine, ...]:
    """Read what a recorded call has reserved."""
    return tuple(
        BudgetLine(
            line["scope"],
            line["window"],
            reserved=line.get("reserved", {}),
            shadow=bool(line.get("shadow")),
        )
        for line in record.predicate.get("budget", ())
    )
