"""The values that a receipt is made of: what the boundary says about a call.

A `Draft` is everything the boundary knows; the recorder adds what only it can know (time,
sequence, hashes) and signs. The members mirror the predicate `urn:helm-boundary:decision:v1`.
Bodies in a draft are hashed under the receipt's own salt and then forgotten: no content is ever
in a receipt.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

type Phase = Literal[
    "request", "tool_call", "outcome", "approval", "policy", "key", "session", "budget"
]  # fmt: skip
type Verdict = Literal["ALLOW", "DENY", "ESCALATE"]
type Enforcement = Literal["enforced", "observed"]
type End = Literal["complete", "denied", "upstream_error", "client_gone", "killed"]
type Finality = Literal[
    "class_forbidden", "ungranted", "instance_parameter", "instance_context", "instance_membership"
]
type Covered = Literal["whole", "toolCalls", "none"]

PHASES: Final[tuple[Phase, ...]] = (
    "request", "tool_call", "outcome", "approval", "policy", "key", "session", "budget",
)  # fmt: skip
VERDICTS: Final[tuple[Verdict, ...]] = ("ALLOW", "DENY", "ESCALATE")
ENFORCEMENTS: Final[tuple[Enforcement, ...]] = ("enforced", "observed")
ENDS: Final[tuple[End, ...]] = (
    "complete", "denied", "upstream_error", "client_gone", "killed",
)  # fmt: skip
FINALITIES: Final[tuple[Finality, ...]] = (
    "class_forbidden", "ungranted", "instance_parameter", "instance_context",
    "instance_membership",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reason:
    """Why policy decided so. `pointer` is RFC 6901 into the body; never the matched text."""

    code: str
    rule: str
    finality: Finality
    pointer: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyRef:
    """Which policy decided: where it came from, its SHA-256 in hex, and what evaluated it."""

    uri: str
    digest: str
    engine: str


@dataclass(frozen=True, slots=True)
class FlowFacts:
    """Which call this is about. `path` never carries a query string."""

    id: str
    correlation_id: str
    operation: str
    dialect: str
    method: str
    host: str
    path: str
    model: str | None
    stream: bool
    tls_inspected: bool
    trace_id: str | None = None
    span_id: str | None = None
    """The span in the client's or our own traces that the call is, in hex."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the call was judged: "whole", "toolCalls" or "none", and in bytes."""

    request: Covered
    response: Covered
    bytes_seen: int
    bytes_judged: int


@dataclass(frozen=True, slots=True)
class Rewrite:
    """How many operations changed the body, and the body on either side of them."""

    operations: int
    before: bytes
    after: bytes


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool call with its own verdict; the arguments are only hashed.

    `server` is the short name of the MCP server that the tool is of, where it is of a known one.
    """

    name: str
    arguments: bytes
    verdict: Verdict
    server: str | None = None


@dataclass(frozen=True, slots=True)
class ListedTool:
    """A tool that an MCP server lists; the digest (SHA-256 in hex) is of what it says of itself."""

    server: str | None
    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's grant: its id, who gave it, and the request receipt it answers."""

    id: str
    by: str
    request_receipt: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the call ended; `end` is one of `ENDS`, token counts are the provider's own."""

    status: int | None
    finish_reasons: tuple[str, ...]
    input_tokens: int | None
    output_tokens: int | None
    model_served: str | None
    end: End
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    input_image_tokens: int | None = None
    output_image_tokens: int | None = None
    web_searches: int | None = None
    keep_alives: int = 0
    """Signs of life of our own that were sent while the answer, or a tool call in it, was held."""
    withheld: tuple[str, ...] = ()
    """Pointers to the lines of a batch's results that were held back while the others passed."""
    request_microseconds: int | None = None
    """How long the boundary took over the request: reading, policy, receipt; no person's time."""


type Amounts = Mapping[str, int]
"""Amounts of a budget by their kind: `calls`, `tokens`, `outputTokens`, `nanodollars`."""


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """What a call takes of one balance: the scope, and the window as an ISO 8601 interval.

    A request reserves: `before` and `after` are what is used, reservations included. An outcome
    was `charged` in place of what was reserved; `after` is then what is used without the call's own
    reservation. A killed call doesn't know `after`. `shadow` counts and refuses nothing.
    """

    scope: str
    window: str
    before: Amounts | None = None
    reserved: Amounts | None = None
    charged: Amounts | None = None
    after: Amounts | None = None
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Cost:
    """How a call's charge was found: by the provider's own count, or `estimated`.

    `nanodollars` and `prices` (SHA-256 of the price table, hex) are only there where a budget is in
    money.
    """

    usage: Literal["provider", "estimated"]
    nanodollars: int | None = None
    prices: str | None = None


STREAM: Final = "responseStream"
"""The subject that stands for a stream: the SHA-256 (32 bytes) of the bytes that left."""
RECEIVED: Final = "responseReceived"
"""The subject of the body that came from upstream, where another one passed in its place."""
INSTEAD: Final = "sentInstead"
"""The subject of what was sent in place of a tool call that was denied."""


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """Who called: the proxy user, and the keyed pseudonym of the API key."""

    principal: str | None
    key_id: str | None


@dataclass(frozen=True, slots=True)
class Draft:
    """One receipt before it has a time, a number and a signature.

    `subjects` maps a role ("request", "response", RECEIVED, INSTEAD) to those bytes; of a stream,
    STREAM stands for its bytes by their SHA-256, since nobody keeps them. `event` holds the
    details of session, policy, key and approval receipts under ASCII lowerCamelCase names. `asked`
    are the calls that a request makes by itself: its own receipt has them, and an outcome's hasn't.
    """

    phase: Phase
    verdict: Verdict
    enforcement: Enforcement
    policy: PolicyRef | None
    reasons: tuple[Reason, ...]
    flow: FlowFacts | None
    coverage: Coverage | None
    subjects: Mapping[str, bytes] = field(default_factory=dict)
    rewrite: Rewrite | None = None
    approval: Approval | None = None
    outcome: Outcome | None = None
    client: ClientFacts | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tools: tuple[ListedTool, ...] = ()
    event: Mapping[str, str | int] | None = None
    budget: tuple[BudgetLine, ...] = ()
    cost: Cost | None = None
    asked: tuple[ToolCall, ...] = ()

    @classmethod
    def of_recorder(
        cls, phase: Phase, event: Mapping[str, str | int], policy: PolicyRef | None = None
    ) -> "Draft":
        """Draft a receipt about the recorder itself (a session, a key, a policy), of no call."""
        return cls(
            phase=phase,
            verdict="ALLOW",
            enforcement="enforced",
            policy=policy,
            reasons=(),
            flow=None,
            coverage=None,
            event=event,
        )
