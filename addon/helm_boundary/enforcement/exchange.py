"""An exchange: one call inside the boundary, from its request to its outcome.

What the client sent never changes. How far the call has come is its progress, which enforcement
alone writes; what a person has agreed to is its consent, which the approval desk and its grants
write.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from helm_boundary.approvals.binding import Binding
from helm_boundary.approvals.entry import Grant
from helm_boundary.approvals.entry import Request as AskedFor
from helm_boundary.calls.call import UNREAD, Answer, Call, HttpRequest, Json, Operation
from helm_boundary.calls.refusal import Refusal
from helm_boundary.calls.trace_context import CallTrace
from helm_boundary.evaluation.document import Context
from helm_boundary.evaluation.judge import deny
from helm_boundary.policy.decision import ALLOW, Decision
from helm_boundary.streaming.gate import Gate
from helm_boundary.streaming.keep_alive import KeepAlive
from helm_boundary.streaming.tap import Tap
from helm_receipts.envelope.statement import BudgetLine, Draft, FlowFacts, ListedTool
from helm_receipts.envelope.statement import ToolCall as ToolCallReceipt
from helm_receipts.recording.recorder import Receipt

from .chunk_times import ChunkTimes
from .fallback_reply import NO_VERDICT
from .reply import Approval, Shortage
from .timings import Timings

if TYPE_CHECKING:  # nothing of budgets is imported where there are none
    from .account import Account
    from .batch_files import BatchFile

_UNDECIDED = deny(NO_VERDICT)
FORESEEN = Decision(ALLOW, ())
"""The decision on most calls, and on most answers."""
REQUEST_STEPS = ("request reading", "request policy", "request receipt")
"""The steps that a call waits for before it is forwarded."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One verdict of an exchange, with its receipt where it has one; for people to look at."""

    phase: str
    decision: Decision
    receipt_id: str | None


@dataclass(slots=True)
class Progress:
    """How far a call has come. Only modules of this package write it."""

    call: Call = UNREAD
    """The request as it was read, with what policy rewrote."""
    shared: bytes = b""
    """The part of the input document that both phases share; empty for a request nobody read."""
    session: str | None = None
    """The session that the client says the call belongs to."""
    facts: FlowFacts | None = None
    """What receipts say of the call, once one has said it."""
    foreseen: Draft | None = None
    """The receipt that was drafted while policy was asked, for `FORESEEN`."""
    decision: Decision = _UNDECIDED
    """What was decided about the request."""
    rewritten: bytes | None = None
    """The request's body in place of the client's own, where policy rewrote it."""
    receipt_id: str | None = None
    """The receipt of the request."""
    receipt: Receipt | None = None
    """The same, whole."""
    status: int | None = None
    """The response's status."""
    gate: Gate | Tap | None = None
    """What the response streams through."""
    keep_alive: KeepAlive | None = None
    """What the client gets while its stream waits, and how often it did."""
    answer: Answer | None = None
    """The response as it was read last."""
    unread: Refusal | None = None
    """Why the answer couldn't be read or judged; where verdicts are only observed, it passes."""
    tool_calls: list[ToolCallReceipt] = field(default_factory=list)
    """The tool calls that a stream has had so far, or a batch's results."""
    rewritten_event: bytes | None = None
    """The event of a stream in place of the one that waits, where policy rewrote it."""
    tools: list[ListedTool] = field(default_factory=list)
    """The tools that an MCP server has listed in a stream so far."""
    withheld: tuple[str, ...] = ()
    """Pointers to the lines of a batch's results that don't pass."""
    replaced: bytes | None = None
    """The response's body as it came, where policy rewrote it."""
    judgements: list[Judged] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    """How long each step took."""
    timings: Timings | None = None
    """Where that is counted up, if anybody measures it."""
    trace: CallTrace | None = None
    """The call's spans, where calls are traced."""
    moments: dict[str, int] = field(default_factory=dict)
    """When what happened, in nanoseconds since 1970, where calls are traced."""
    chunks: ChunkTimes | None = None
    """How long the events of a stream took to come, where calls are traced."""
    has_left: bool = False
    """Whether an upstream was connected for the request, and may have seen it."""
    ended: bool = False
    batch: tuple[Call, ...] = ()
    """The calls that the request brings along, where it is a batch."""
    batch_file: BatchFile | None = None
    """What is in the file that a batch is made of, where that is known."""
    budgets: tuple[Json, ...] = ()
    """The balances that policy sees."""
    account: Account | None = None
    """What the call has reserved of its budgets, until that is settled."""
    budget: tuple[BudgetLine, ...] = ()
    """What the request's receipt says of that."""
    shortage: Shortage | None = None
    """What the call's budgets hadn't enough of."""
    asked_for_usage: bool = False
    """Whether the stream's usage was asked for in the client's place, and is kept from it."""

    def end(self) -> bool:
        """End the call; return True to the one caller who ended it and writes its outcome."""
        first, self.ended = not self.ended, True
        return first

    def take_foreseen(self, decision: Decision) -> Draft | None:
        """Take the receipt that was drafted while policy was asked, if policy decided like that."""
        draft, self.foreseen = self.foreseen, None
        return draft if decision == FORESEEN else None

    def passes(self, moment: str) -> None:
        """Note a moment, the first time that it comes."""
        if self.trace is not None:
            self.moments.setdefault(moment, time.time_ns())

    def leaves(self) -> None:
        """Note that an upstream is connected and gets the request."""
        self.has_left = True

    def came(self) -> None:
        """Note that an event of the answer has come."""
        if self.trace is not None:
            now = time.time_ns()
            self.moments.setdefault("first", now)
            if self.chunks is None:
                self.chunks = ChunkTimes(now)
            else:
                self.chunks.add(now)

    def judged(self, phase: str, decision: Decision, receipt_id: str | None) -> None:
        """Add a verdict to what people can look at."""
        self.judgements.append(Judged(phase, decision, receipt_id))

    @property
    def request_seconds(self) -> float:
        """How long the boundary took over the request; known before anything is forwarded."""
        return sum(self.seconds.get(step, 0.0) for step in REQUEST_STEPS)

    def took(self, step: str, since: float) -> None:
        """Add the time that a step took, since a `time.perf_counter()`."""
        seconds = time.perf_counter() - since
        self.seconds[step] = self.seconds.get(step, 0.0) + seconds
        if self.timings is not None:
            self.timings.note(step, seconds, self.seconds)


@dataclass(slots=True)
class Consent:
    """The part of a person: what they were asked and agreed to. Only the desk writes it."""

    binding: Binding | None = None
    """What a grant for this call is bound to."""
    grant: Grant | None = None
    """The grant that the call uses."""
    granted: AskedFor | None = None
    """The question that the grant answers."""
    approval: Approval | None = None
    """What the client needs to have the call approved."""


@dataclass(frozen=True, slots=True, eq=False)
class Exchange:
    """One call: what the client sent, how far the call has come, and a person's consent."""

    request: HttpRequest
    operation: Operation
    correlation_id: str
    key_id: str | None
    refusal: Refusal | None = None
    """Why the request can't even be recognised."""
    spends: bool = True
    """Whether a model works for it: not for a session's handshake, nor for most of its events."""
    keys: tuple[str, ...] = ()
    """The pseudonym of each credential by itself, where the request carries several."""
    progress: Progress = field(default_factory=Progress)
    consent: Consent = field(default_factory=Consent)

    @property
    def forwarded_body(self) -> bytes:
        """The bytes that leave: the client's own, unless policy rewrote them."""
        rewritten = self.progress.rewritten
        return self.request.body if rewritten is None else rewritten

    def context(self, now_ns: int) -> Context:
        """Return the context of a judgement at that time."""
        grant = self.consent.grant
        told = None if grant is None else grant.told()
        session = self.progress.session
        budgets = self.progress.budgets
        return Context(now_ns, self.request.flow_id, self.correlation_id, session, told, budgets)


def correlation_id(request: HttpRequest) -> str:
    """Return the client's own `X-Helm-Correlation-Id` where it is a UUID, else its flow's id."""
    given = request.header("x-helm-correlation-id")
    try:
        return str(uuid.UUID(given)) if given else request.flow_id
    except ValueError:
        return request.flow_id


def api_key(request: HttpRequest) -> str | None:
    """Return the credential that a request carries, for its pseudonym only; all where it has more.

    Which of them a provider reads isn't known, so another one makes another caller.
    """
    return "\n".join(credentials(request)) or None


def credentials(request: HttpRequest) -> tuple[str, ...]:
    """Return every credential that a request's headers carry, one by one.

    A header that comes several times has several: a server may read any of them.
    """
    found: dict[str, None] = {}
    for name in _CREDENTIALS:
        if request.header(name) is None:  # nearly always
            continue
        for key, value in request.headers:
            if key.lower() == name and (said := value.split(maxsplit=1)):
                found[said[-1].strip() if name == _AUTHORIZATION else value.strip()] = None
    return tuple(found)


_AUTHORIZATION = "authorization"
_CREDENTIALS = (_AUTHORIZATION, "api-key", "x-api-key", "x-goog-api-key")
