"""The writer: from drafts to durable receipts, batch after batch, without waiting or threads.

A batch goes through three steps: `prepare` gives numbers and signs, `write` makes the lines
durable (the only step that may run on another thread), `settle` or `abandon` says what came of
it. Numbers are given to the next batch only after the one before has settled, so a failed write
leaves no gap and no fork.
"""

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from helm_receipts.envelope import signatures
from helm_receipts.envelope.predicate import Boundary, Stamp, nanoseconds, render
from helm_receipts.envelope.signing_keys import SigningKey
from helm_receipts.envelope.statement import (
    BudgetLine,
    Cost,
    Draft,
    Enforcement,
    FlowFacts,
    Outcome,
    PolicyRef,
    Verdict,
)
from helm_receipts.errors import ReceiptError, RecorderError, StatementError
from helm_receipts.journal.engine import WriterJournal
from helm_receipts.journal.segments import MAX_LINE

from .openings import Openings
from .resume import Resumption, budget_of, flow_of
from .spool import Spool

# A clock that was set back by less than this is waited out by repeating the last time.
_CLOCK_SLACK = 2_000_000_000
# How much earlier a receipt may be drafted than it is recorded, in nanoseconds.
_FORESIGHT = 2_000_000
# How many outcomes are kept in memory for a disk that may come back.
_MAX_OWED = 10_000
MAX_BATCH = 256


@dataclass(frozen=True, slots=True)
class Receipt:
    """A durable receipt: its id, the journal line without newline, and that line's SHA-256."""

    id: str
    writer: str
    number: int
    envelope: bytes
    digest: str


@dataclass(frozen=True, slots=True)
class Head:
    """What the next receipt follows: the last one's number, digest and time."""

    number: int
    digest: str | None
    decided_at: int


@dataclass(frozen=True, slots=True)
class OpenCall:
    """What is needed to close a call that nobody else will close."""

    flow: FlowFacts
    verdict: Verdict
    enforcement: Enforcement
    policy: PolicyRef | None = None
    budget: tuple[BudgetLine, ...] = ()
    number: int = 0
    """The number of its first request receipt."""


@dataclass(slots=True)
class Batch:
    """Receipts on their way to the disk. `results` has one element for each draft."""

    first_number: int
    head: Head
    lines: list[bytes] = field(default_factory=list)
    results: list[Receipt | RecorderError] = field(default_factory=list)
    opened: dict[str, OpenCall] = field(default_factory=dict)
    closed: dict[str, OpenCall] = field(default_factory=dict)


class Writer:
    """The chain of one writer and the journal it goes to."""

    def __init__(
        self, journal: WriterJournal, key: SigningKey, openings: Openings, boundary: Boundary
    ) -> None:
        self.open_calls: dict[str, OpenCall] = {}
        self.head = Head(0, None, 0)
        self._journal = journal
        self._key = key
        self._openings = openings
        self._opening = openings.current()
        self._boundary = boundary
        self._owed: dict[str, Draft] = {}
        self._foreseen: tuple[Draft, Batch] | None = None
        self._unsure: Batch | None = None
        """The batch whose write failed last."""
        self.spool: Spool | None = None
        """Where outcomes that are owed outlive this process, if anywhere."""

    @property
    def name(self) -> str:
        """The writer's id, with which its receipts' ids begin."""
        return self._journal.writer

    @property
    def is_closed(self) -> bool:
        """Whether a failed write closed the journal; see `recover`."""
        return self._journal.is_closed

    @property
    def is_remote(self) -> bool:
        """Whether a write waits for another machine."""
        return self._journal.is_remote

    def take_up(self, state: Resumption) -> None:
        """Continue a journal that `resume` has looked at."""
        decided_at = nanoseconds(state.decided_at) if state.decided_at else 0
        self.head = Head(state.number, state.digest, decided_at)
        for call, record in state.open_calls.items():
            was = record.predicate
            self.open_calls[call] = OpenCall(
                flow_of(record),
                was["verdict"],
                was["enforcement"],
                budget=budget_of(record),
                number=was["sequence"]["number"],
            )

    def use(self, key: SigningKey) -> None:
        """Sign with another key from here on; a receipt by the old one must have said so."""
        self._key = key
        self._foreseen = None

    def foresee(self, draft: Draft) -> None:
        """Sign what will probably be recorded next, numbered, while there is time for that.

        It goes no further than this process's memory unless that very draft is recorded next, and
        soon.
        """
        self._foreseen = draft, self._prepare([draft])

    def prepare(self, drafts: Sequence[Draft]) -> Batch:
        """Sign drafts, numbered. A draft that can't be recorded is an error among the results."""
        foreseen, self._foreseen = self._foreseen, None
        if foreseen is not None and len(drafts) == 1 and drafts[0] is foreseen[0]:
            batch = foreseen[1]
            age = time.time_ns() - batch.head.decided_at
            if batch.first_number == self.head.number + 1 and 0 <= age < _FORESIGHT:
                return batch
        return self._prepare(drafts)

    def _prepare(self, drafts: Sequence[Draft]) -> Batch:
        batch = Batch(self.head.number + 1, self.head)
        try:
            self._opening = self._openings.current()
        except (ReceiptError, OSError) as error:
            batch.results = [_refusal(draft, error) for draft in drafts]
            return batch
        now = time.time_ns()
        if now < self.head.decided_at - _CLOCK_SLACK:
            behind = (self.head.decided_at - now) // 1_000_000
            self._seal_or_refuse(session("clock", {"setBackMilliseconds": behind}), batch, now)
        now = max(now, batch.head.decided_at)
        batch.results.extend(self._seal_or_refuse(draft, batch, now) for draft in drafts)
        return batch

    def write(self, batch: Batch) -> None:
        """Make the batch durable; `RecorderError` when that can't be known to have happened."""
        if batch.lines:
            if not self._journal.is_closed:
                self._unsure = batch
            self._journal.append(b"".join(batch.lines), batch.first_number, self._open_from())
            self._unsure = None

    def settle(self, batch: Batch) -> None:
        """Go on from a batch that is durable."""
        self.head = batch.head
        self.open_calls.update(batch.opened)
        for call in batch.closed:
            self.open_calls.pop(call, None)
            self._owed.pop(call, None)

    def abandon(self, drafts: Iterable[Draft]) -> None:
        """Give up drafts that didn't become durable; outcomes are owed until the disk is back."""
        for draft in drafts:
            if draft.phase == "outcome" and draft.flow and len(self._owed) < _MAX_OWED:
                self._owed[draft.flow.id] = draft
                if self.spool is not None:
                    self.spool.keep(draft)

    def commit(self, drafts: Sequence[Draft]) -> Batch:
        """Take all three steps at once; `RecorderError` when nothing was recorded."""
        batch = self.prepare(drafts)
        try:
            self.write(batch)
        except RecorderError:
            self.abandon(drafts)
            raise
        self.settle(batch)
        return batch

    def hand_over(self, last: Draft, key: SigningKey, first: Sequence[Draft]) -> None:
        """Record a draft by the key so far and others by the next one: all at once, or none.

        `RecorderError` where nothing was recorded, or where that isn't known.
        """
        before = self.head
        batch = self._prepare([last])
        self.head = batch.head
        self.use(key)
        more = self._prepare(first)
        self.head = before
        if (error := first_error([*batch.results, *more.results])) is not None:
            raise error
        batch.head = more.head
        batch.lines += more.lines
        self.write(batch)
        self.settle(batch)

    def recover(self) -> None:
        """Come back after a failed write: new segment, a receipt saying so, owed outcomes.

        `RecorderError` while the disk refuses, and for good when what was durable is gone.
        """
        try:
            reopened = self._journal.come_back(self.head.number, self.head.digest)
        except (OSError, ReceiptError) as error:
            raise RecorderError(
                f"expected to reopen the journal in {self._journal.place}, found {error}; "
                f"everything is denied until that works: {self._remedy}"
            ) from error
        refused = self._take_in(reopened.has_last)
        owed = [draft for call, draft in list(self._owed.items()) if call in self.open_calls]
        facts = {"owedOutcomes": len(owed), "quarantinedBytes": reopened.quarantined}
        drafts = [session("recovered", facts), *owed, *refused]
        for first in range(0, len(drafts), MAX_BATCH):
            self.commit(drafts[first : first + MAX_BATCH])
        if self.spool is not None:
            self.spool.clear()

    @property
    def _remedy(self) -> str:
        if self.is_remote:
            return "look at the database and the way to it"
        return "free some room or look at the disk"

    def close_calls(self, why: str, known: Mapping[str, Draft] | None = None) -> list[Draft]:
        """Draft an outcome for every call that is open: the `known` one, or the end "killed"."""
        found = known or {}
        return [found.get(name) or _killed(call, why) for name, call in self.open_calls.items()]

    def close(self) -> None:
        """Give the journal back. Idempotent."""
        self._journal.close()

    def _take_in(self, has_last: bool) -> list[Draft]:
        """Go on from a batch that became durable though its write failed, if it did.

        Returns outcomes for the calls that it opened: they were refused, for nobody knew of it.
        """
        unsure, self._unsure = self._unsure, None
        if unsure is None or not has_last:
            return []
        self.settle(unsure)
        return [_killed(call, "unconfirmed") for call in unsure.opened.values()]

    def _open_from(self) -> int:
        """Return a number before which no receipt is of a call that is open."""
        oldest = next(iter(self.open_calls.values()), None)
        return oldest.number if oldest is not None else self.head.number + 1

    def _seal_or_refuse(self, draft: Draft, batch: Batch, now: int) -> Receipt | RecorderError:
        try:
            return self._seal(draft, batch, now)
        except RecorderError as error:
            return error
        except Exception as error:  # whatever it was, there is no receipt, and that must be said
            return _refusal(draft, error)

    def _seal(self, draft: Draft, batch: Batch, now: int) -> Receipt:
        head = batch.head
        stamp = Stamp(self._journal.writer, head.number + 1, head.digest, now)
        self._refuse_stray_outcome(draft, batch)
        envelope = signatures.seal(render(draft, stamp, self._boundary, self._opening), self._key)
        if len(envelope) > MAX_LINE:
            raise StatementError(
                f"expected a receipt within {MAX_LINE} bytes, found {len(envelope)}; "
                "record fewer reasons or tool calls"
            )
        digest = hashlib.sha256(envelope).hexdigest()
        batch.head = Head(stamp.number, digest, now)
        batch.lines += (envelope, b"\n")
        self._track(draft, batch)
        return Receipt(stamp.receipt_id, stamp.writer, stamp.number, envelope, digest)

    def _refuse_stray_outcome(self, draft: Draft, batch: Batch) -> None:
        if draft.phase in ("outcome", "tool_call") and draft.flow:
            call = draft.flow.id
            if call in batch.closed or not (call in self.open_calls or call in batch.opened):
                raise StatementError(
                    f"expected an open call for the {draft.phase} of {call}, found none: it has "
                    "no request receipt, or has its outcome already"
                )

    def _track(self, draft: Draft, batch: Batch) -> None:
        if draft.flow is None:
            return
        call = draft.flow.id
        if draft.phase == "request":
            batch.closed.pop(call, None)
            known = batch.opened.get(call) or self.open_calls.get(call)
            batch.opened[call] = OpenCall(
                draft.flow,
                draft.verdict,
                draft.enforcement,
                draft.policy,
                draft.budget,
                known.number if known is not None else batch.head.number,
            )
        elif draft.phase == "outcome":
            opened = batch.opened.pop(call) if call in batch.opened else self.open_calls[call]
            batch.closed[call] = opened


def _refusal(draft: Draft, error: Exception) -> StatementError:
    refusal = StatementError(f"a draft of phase {draft.phase!r} can't be recorded: {error}")
    refusal.__cause__ = error
    return refusal


def session(kind: str, facts: Mapping[str, int | str]) -> Draft:
    """Draft a receipt about the recorder itself."""
    return Draft.of_recorder("session", {"kind": kind, **facts})


def _killed(call: OpenCall, why: str) -> Draft:
    return Draft(
        phase="outcome",
        # What waited for a person wasn't let through.
        verdict="DENY" if call.verdict == "ESCALATE" else call.verdict,
        enforcement=call.enforcement,
        policy=call.policy,
        reasons=(),
        flow=call.flow,
        coverage=None,
        outcome=Outcome(None, (), None, None, None, "killed"),
        event={"kind": why},
        # Nobody knows what it used, so it is charged what was reserved.
        budget=tuple(
            BudgetLine(line.scope, line.window, charged=line.reserved, shadow=line.shadow)
            for line in call.budget
        ),
        cost=Cost("estimated") if call.budget else None,
    )


def first_error(results: Iterable[Receipt | RecorderError]) -> RecorderError | None:
    """Return the first refusal among results."""
    return next((result for result in results if isinstance(result, RecorderError)), None)
