"""The predicate: from a draft to the bytes that are signed, an in-toto Statement v1.

Sources: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md for the statement;
the predicate `urn:helm-boundary:decision:v1` is our own.
"""

import time
from calendar import timegm
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from helm_receipts.errors import CanonicalError, StatementError

from . import canonical, canonical_encoding, opening
from .record import PREDICATE_TYPE, STATEMENT_TYPE, receipt_id
from .statement import (
    ENDS,
    ENFORCEMENTS,
    PHASES,
    VERDICTS,
    BudgetLine,
    ClientFacts,
    Cost,
    Coverage,
    Draft,
    FlowFacts,
    ListedTool,
    Outcome,
    PolicyRef,
    Reason,
)

# A peer can choose some of what is recorded (a model's name, a tool's name). What is longer than
# this is cut, so that nobody can fill the disk through the receipts.
MAX_TEXT = 1024
MAX_ITEMS = 10_000

_MOST = canonical.MAX_INTEGER

Hash = Callable[[str, bytes], str]


@dataclass(frozen=True, slots=True)
class Boundary:
    """Who signs: the boundary's id, its version and the SHA-256 of its configuration in hex."""

    id: str
    version: str
    configuration: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """What only the recorder can say about a receipt, given inside the append."""

    writer: str
    number: int
    previous: str | None
    decided_at: int
    """Nanoseconds since 1970 in UTC."""

    @property
    def receipt_id(self) -> str:
        """`<writer>-<number>`: derived from the sequence, so it can't be given twice."""
        return receipt_id(self.writer, self.number)


def render(draft: Draft, stamp: Stamp, boundary: Boundary, key: opening.SecretKey) -> bytes:
    """Write a draft as a statement in canonical JSON; `StatementError` when it can't be one.

    Lone surrogates, which JSON from a peer can smuggle in, become "?", and integers that JSON
    can't carry become null: neither may keep a receipt from being written.
    """
    _refuse_unknown(draft)
    receipt = stamp.receipt_id

    def hashed(role: str, body: bytes) -> str:
        return opening.digest(body, opening.salt(key, receipt, role))

    value = {
        "_type": STATEMENT_TYPE,
        "predicate": _predicate(draft, stamp, boundary, key.id, hashed),
        "predicateType": PREDICATE_TYPE,
        "subject": _subjects(draft, hashed),
    }
    try:
        # What isn't a string from here goes through `_whole`, so nothing is outside the profile.
        return canonical_encoding.encode_unchecked(value)
    except CanonicalError as error:
        if isinstance(error.__cause__, UnicodeEncodeError):
            return canonical_encoding.encode(_without_surrogates(value))
        raise StatementError(f"a draft can't be recorded: {error}") from error


def _predicate(
    draft: Draft, stamp: Stamp, boundary: Boundary, opening_key: str, hashed: Hash
) -> dict[str, Any]:
    value: dict[str, Any] = {
        "boundary": {
            "configuration": {"sha256": boundary.configuration},
            "id": boundary.id,
            "version": boundary.version,
        },
        "decidedAt": rfc3339(stamp.decided_at),
        "enforcement": draft.enforcement,
        "phase": draft.phase,
        "reasons": [_reason(reason) for reason in draft.reasons[:MAX_ITEMS]],
        "sequence": _sequence(stamp),
        "subjectHash": {"algorithm": opening.ALGORITHM, "key": opening_key},
        "verdict": draft.verdict,
    }
    if draft.policy is not None:
        value["policy"] = _policy(draft.policy)
    if draft.flow is not None:
        value["flow"] = _flow(draft.flow)
    if draft.coverage is not None:
        value["coverage"] = _coverage(draft.coverage)
    if draft.client is not None:
        value["client"] = _client(draft.client)
    if draft.outcome is not None:
        value["outcome"] = _outcome(draft.outcome)
    if draft.event is not None:
        value["event"] = {_name(name): _detail(detail) for name, detail in draft.event.items()}
    if draft.approval is not None:
        value["approval"] = {
            "by": _text(draft.approval.by),
            "id": _text(draft.approval.id),
            "requestReceipt": _text(draft.approval.request_receipt),
        }
    if draft.rewrite is not None:
        value["rewrite"] = {
            "after": {"sha256": hashed("rewrite-after", draft.rewrite.after)},
            "before": {"sha256": hashed("rewrite-before", draft.rewrite.before)},
            "operations": _whole(draft.rewrite.operations),
        }
    if draft.tool_calls:
        value["toolCalls"] = [
            {
                "argumentsHash": {"sha256": hashed(f"toolCall/{index}", call.arguments)},
                "name": _text(call.name),
                **({} if call.server is None else {"server": _text(call.server)}),
                "verdict": _text(call.verdict),
            }
            for index, call in enumerate(draft.tool_calls[:MAX_ITEMS])
        ]
    if draft.tools:
        value["tools"] = [_listed(tool) for tool in draft.tools[:MAX_ITEMS]]
    if draft.budget:
        value["budget"] = [_budget_line(line) for line in draft.budget[:MAX_ITEMS]]
    if draft.cost is not None:
        value["cost"] = _cost(draft.cost)
    return value


def _budget_line(line: BudgetLine) -> dict[str, Any]:
    amounts = {
        "after": line.after,
        "before": line.before,
        "charged": line.charged,
        "reserved": line.reserved,
    }
    value: dict[str, Any] = {
        name: _amounts(found) for name, found in amounts.items() if found is not None
    }
    if line.shadow:
        value["shadow"] = True
    return value | {"scope": _text(line.scope), "window": _text(line.window)}


def _amounts(found: Mapping[str, int]) -> dict[str, int]:
    for amount in found.values():  # a call's receipts have some sixty of them
        if type(amount) is not int or not -_MOST <= amount <= _MOST:
            _whole(amount)
    return dict(found)


def _cost(cost: Cost) -> dict[str, Any]:
    value: dict[str, Any] = {"usage": cost.usage}
    if cost.nanodollars is not None:
        value["nanodollars"] = _whole(cost.nanodollars)
    if cost.prices is not None:
        value["prices"] = {"sha256": cost.prices}
    return value


def _listed(tool: ListedTool) -> dict[str, Any]:
    value = {"digest": {"sha256": _text(tool.digest)}, "name": _text(tool.name)}
    return value if tool.server is None else {**value, "server": _text(tool.server)}


def _subjects(draft: Draft, hashed: Hash) -> list[dict[str, Any]]:
    """List the subjects; in-toto wants one, so without a body the event's details are one."""
    bodies = draft.subjects or {"event": canonical_encoding.encode(dict(draft.event or {}))}
    return [
        {"digest": {"sha256": hashed(role, body)}, "name": role}
        for role, body in sorted(bodies.items())
    ]


def _sequence(stamp: Stamp) -> dict[str, Any]:
    value: dict[str, Any] = {"number": stamp.number, "writer": stamp.writer}
    if stamp.previous is not None:
        value["previous"] = {"sha256": stamp.previous}
    return value


def _reason(reason: Reason) -> dict[str, Any]:
    value = {
        "code": _text(reason.code),
        "finality": _text(reason.finality),
        "rule": _text(reason.rule),
    }
    if reason.pointer is not None:
        value["pointer"] = _text(reason.pointer)
    return value


def _policy(policy: PolicyRef) -> dict[str, Any]:
    return {
        "digest": {"sha256": _text(policy.digest)},
        "engine": _text(policy.engine),
        "uri": _text(policy.uri),
    }


def _flow(flow: FlowFacts) -> dict[str, Any]:
    traced: dict[str, Any] = {}
    if flow.trace_id is not None and flow.span_id is not None:
        traced = {"spanId": _text(flow.span_id), "traceId": _text(flow.trace_id)}
    return traced | {
        "correlationId": _text(flow.correlation_id),
        "dialect": _text(flow.dialect),
        "host": _text(flow.host),
        "id": _text(flow.id),
        "method": _text(flow.method),
        "model": _text_or_none(flow.model),
        "operation": _text(flow.operation),
        "path": _text(flow.path.partition("?")[0]),
        "stream": bool(flow.stream),
        "tlsInspected": bool(flow.tls_inspected),
    }


def _coverage(coverage: Coverage) -> dict[str, Any]:
    return {
        "bytesJudged": _whole(coverage.bytes_judged),
        "bytesSeen": _whole(coverage.bytes_seen),
        "request": _text(coverage.request),
        "response": _text(coverage.response),
    }


def _client(client: ClientFacts) -> dict[str, Any]:
    value = {}
    if client.principal is not None:
        value["principal"] = _text(client.principal)
    if client.key_id is not None:
        value["keyId"] = _text(client.key_id)
    return value


def _outcome(outcome: Outcome) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if outcome.request_microseconds is not None:
        told["requestMicroseconds"] = _whole(outcome.request_microseconds)
    if outcome.keep_alives:
        told["keepAlives"] = _whole(outcome.keep_alives)
    if outcome.withheld:
        told["withheld"] = [_text(pointer) for pointer in outcome.withheld[:MAX_ITEMS]]
    return told | {
        "end": outcome.end,
        "finishReasons": [_text(reason) for reason in outcome.finish_reasons[:MAX_ITEMS]],
        "modelServed": _text_or_none(outcome.model_served),
        "status": None if outcome.status is None else _whole(outcome.status),
        "usage": _usage(outcome),
    }


def _usage(outcome: Outcome) -> dict[str, int | None]:
    """State the counts that receipts always have, and those of what has a price of its own."""
    apart = {
        "cacheWrite1hTokens": _count(outcome.cache_write_1h_tokens),
        "cacheWriteTokens": _count(outcome.cache_write_tokens),
        "cachedTokens": _count(outcome.cached_tokens),
        "inputAudioTokens": _count(outcome.input_audio_tokens),
        "inputImageTokens": _count(outcome.input_image_tokens),
        "outputAudioTokens": _count(outcome.output_audio_tokens),
        "outputImageTokens": _count(outcome.output_image_tokens),
        "reasoningTokens": _count(outcome.reasoning_tokens),
        "webSearches": _count(outcome.web_searches),
    }
    return {
        "inputTokens": _count(outcome.input_tokens),
        "outputTokens": _count(outcome.output_tokens),
        **{name: count for name, count in apart.items() if count is not None},
    }


def _text(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _text_or_none(text: str | None) -> str | None:
    return None if text is None else _text(text)


def _detail(detail: str | int) -> str | int:
    return _text(detail) if isinstance(detail, str) else _whole(detail)


def _name(name: str) -> str:
    if not name.isascii():
        raise StatementError(f"an event's details have ASCII names, found {name!r}")
    return name


def _whole(number: int) -> int:
    if type(number) is not int or not -canonical.MAX_INTEGER <= number <= canonical.MAX_INTEGER:
        raise StatementError(f"expected an integer within 2^53 - 1, found {str(number)[:40]!r}")
    return number


def _count(number: int | None) -> int | None:
    if number is None or not 0 <= number <= canonical.MAX_INTEGER:
        return None
    return number


def _refuse_unknown(draft: Draft) -> None:
    _one_of("phase", draft.phase, PHASES)
    _one_of("verdict", draft.verdict, VERDICTS)
    _one_of("enforcement", draft.enforcement, ENFORCEMENTS)
    if draft.outcome is not None:
        _one_of("end", draft.outcome.end, ENDS)
    if draft.phase in ("request", "tool_call", "outcome") and draft.flow is None:
        raise StatementError(f"a {draft.phase} receipt says which call it is about: set `flow`")
    if draft.phase == "outcome" and draft.outcome is None:
        raise StatementError("an outcome receipt says how the call ended: set `outcome`")


def _one_of(name: str, found: str, known: tuple[str, ...]) -> None:
    if found not in known:
        raise StatementError(f"expected {name} to be one of {known}, found {found!r}")


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {name: _without_surrogates(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(element) for element in value]
    return value


# The second that was written last and its text: many receipts share one.
_second = (-1, "")


def rfc3339(nanoseconds: int) -> str:
    """Write a time in UTC with microseconds, as in RFC 3339 section 5.6, ending in Z."""
    global _second
    whole, fraction = divmod(nanoseconds, 1_000_000_000)
    if whole != _second[0]:
        _second = (whole, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)))
    return f"{_second[1]}.{fraction // 1000:06d}Z"


def nanoseconds(text: str) -> int:
    """Read a time that `rfc3339` wrote; ValueError for anything else."""
    whole = timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))
    return whole * 1_000_000_000 + int(text[20:26]) * 1000
