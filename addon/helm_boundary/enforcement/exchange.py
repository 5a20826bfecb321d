"""One call from its request to its outcome: what is known of it, and what was decided.

A call ends once: whoever ends it first writes its outcome receipt, and nobody else does.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field

from helm_boundary.approvals.binding import Binding
from helm_boundary.approvals.entry import Grant
from helm_boundary.approvals.entry import Request as AskedFor
from helm_boundary.approvals.wait import Park
from helm_boundary.calls.call import Answer, Call, HttpRequest, Operation
from helm_boundary.calls.refusal import Refusal
from helm_boundary.evaluation.document import Context
from helm_boundary.policy.decision import ALLOW, Decision
from helm_boundary.streaming.gate import Gate
from helm_boundary.streaming.tap import Tap
from helm_receipts.envelope.statement import FlowFacts
from helm_receipts.envelope.statement import ToolCall as ToolCallReceipt

from .reply import Approval


@dataclass(frozen=True, slots=True)
class Judged:
    """One verdict of a call's life, with its receipt where it has one; for people to look at."""

    phase: str
    decision: Decision
    receipt_id: str | None


@dataclass(slots=True)
class Live:
    """One call that is under way, and everything that is known of it so far."""

    request: HttpRequest
    operation: Operation
    correlation_id: str
    key_id: str | None
    refusal: Refusal | None = None
    ended: bool = False
    call: Call = field(default_factory=Call)
    facts: tuple[Call, FlowFacts] | None = None
    """What receipts say of the call, and the reading of it that they say it by."""
    shared: bytes = b""
    decision: Decision = field(default_factory=lambda: Decision(ALLOW, ()))
    rewritten: bytes | None = None
    receipt_id: str | None = None
    gate: Gate | Tap | None = None
    answer: Answer | None = None
    status: int | None = None
    unread: Refusal | None = None
    """Why its answer couldn't be read or judged; where verdicts are only observed, it passes."""
    tool_calls: list[ToolCallReceipt] = field(default_factory=list)
    binding: Binding | None = None
    grant: Grant | None = None
    granted: AskedFor | None = None
    approval: Approval | None = None
    park: Park | None = None
    patience: float = 0.0
    """For how many seconds nobody else needs the loop's thread."""
    judgements: list[Judged] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    replaced: bytes | None = None

    @property
    def forwarded_body(self) -> bytes:
        """The bytes that leave: the client's own, unless policy rewrote them."""
        return self.request.body if self.rewritten is None else self.rewritten

    def end(self) -> bool:
        """End the call; True for the one caller who ended it."""
        first, self.ended = not self.ended, True
        return first

    def took(self, step: str, since: float) -> None:
        """Note how long a step took, since a `time.perf_counter()`."""
        self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - since

    def context(self, now_ns: int) -> Context:
        """The context of a judgement at that time."""
        grant = None if self.grant is None else self.grant.told()
        return Context(now_ns, self.request.flow_id, self.correlation_id, grant)


def correlation_id(request: HttpRequest) -> str:
    """The client's own `X-Helm-Correlation-Id` where it is a UUID, else its flow's id, which is."""
    given = request.header("x-helm-correlation-id")
    try:
        return str(uuid.UUID(given)) if given else request.flow_id
    except ValueError:
        return request.flow_id


def api_key(request: HttpRequest) -> str | None:
    """The credential that a request carries, for its pseudonym only; all where it has several.

    Which of them a provider reads isn't known, so another one is another caller.
    """
    authorization = request.header("authorization") or ""
    bearer = authorization.partition(" ")[2].strip() or authorization
    named = (request.header(name) for name in ("api-key", "x-api-key", "x-goog-api-key"))
    return "\n".join(filter(None, (bearer, *named))) or None
