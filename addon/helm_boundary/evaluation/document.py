"""The input document: what policy sees of a call (`helm.input/v1`, `policies/input.schema.json`).

A call is judged once as a request and once or more as a response; what doesn't change between
the two is written once, as JSON text, and only the rest is added. Credentials are never in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import orjson

from helm_boundary.calls.call import Answer, Call, HttpRequest, Json, JudgedPhase, Mode, Operation
from helm_boundary.calls.hosts import provider_of
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.policy.detectors.detectors import Finding
from helm_receipts.envelope.predicate import rfc3339

SCHEMA = "helm.input/v1"

HEADERS = frozenset(
    {
        "accept",
        "anthropic-beta",
        "anthropic-version",
        "content-encoding",
        "content-type",
        "mcp-method",
        "mcp-name",
        "mcp-protocol-version",
        "openai-beta",
        "openai-organization",
        "openai-project",
        "user-agent",
    }
)
"""The request headers that policy may see; none of them carries a credential."""


_ASIDE = frozenset({"id", "error_code", "service_tier"})
"""What only traces and budgets ask of an answer."""
_OF_ANSWERS = tuple(member.name for member in fields(Answer) if member.name not in _ASIDE)

SLICE = 256
"""Items that are serialised in one go."""
_LISTS_OF_CALLS = ("models", "messages", "tools", "texts", "attachments", "tool_calls", "unclaimed")
_LISTS_OF_ANSWERS = (
    "finish_reasons", "messages", "texts", "tool_calls", "tools", "requests", "attachments",
)  # fmt: skip
"""The members that may be long; asking all of them costs a small call more than writing them."""


@dataclass(frozen=True, slots=True)
class Context:
    """The time and the exchange of a judgement.

    `session` is what the client calls its session, `approval` a person's grant; or None. `budgets`
    are the balances that the call counts in.
    """

    now_ns: int
    flow_id: str
    correlation_id: str
    session: str | None = None
    approval: Json = None
    budgets: tuple[Json, ...] = ()


def state_call(
    request: HttpRequest,
    operation: Operation,
    call: Call,
    body: bytes,
    *,
    mode: Mode,
    key_id: str | None,
    unread: frozenset[str] = frozenset(),
) -> bytes:
    """Return what the documents of both phases share, as JSON text without its closing brace.

    `body` is the JSON text that `call` was read from, or empty; it is taken over as it is. Members
    that are `unread`, as a policy has them, are empty.
    """
    shared = {
        "schema": SCHEMA,
        "mode": mode,
        "operation": {
            "id": operation.id,
            "name": f"{operation.method} {operation.path}".strip(),
            "category": operation.category,
            "dialect": operation.dialect,
            "stream": call.stream,
        },
        "http": _http(request),
        "client": {
            "address": request.client_address,
            "principal": request.principal,
            "key_id": key_id,
        },
        "provider": provider_of(request.host),
        "model": call.model,
        "models": call.models or (() if call.model is None else (call.model,)),
        "messages": call.messages,
        "tools": call.tools,
        "tool_choice": call.tool_choice,
        "texts": call.texts,
        "attachments": call.attachments,
        "tool_calls": call.tool_calls,
        "server": call.server,
        "parameters": call.parameters,
        "unclaimed": call.unclaimed,
    }
    shared |= dict.fromkeys(unread & shared.keys(), ())
    if body and "body" in unread:
        body = b"{}"
    return _join(_json_object(shared, _LISTS_OF_CALLS)[:-1], b',"body":', body or b"null")


def state_request(shared: bytes, findings: Sequence[Finding], context: Context) -> bytes:
    """Return the whole document of a request's judgement."""
    return _join(shared, _phase("request", findings, context), b"}")


def state_response(
    shared: bytes,
    answer: Answer,
    findings: Sequence[Finding],
    context: Context,
    unread: frozenset[str] = frozenset(),
) -> bytes:
    """Return the whole document of a response's judgement; its findings are the answer's.

    `unread` as `state_call`'s.
    """
    told = {
        name: () if f"response.{name}" in unread else getattr(answer, name) for name in _OF_ANSWERS
    }
    phase = _phase("response", findings, context)
    return _join(shared, phase, b',"response":', _json_object(told, _LISTS_OF_ANSWERS), b"}")


def _phase(phase: JudgedPhase, findings: Sequence[Finding], context: Context) -> bytes:
    rest = {
        "phase": phase,
        "findings": findings,
        "budgets": context.budgets,
        "context": {
            "now": rfc3339(context.now_ns),
            "now_ns": context.now_ns,
            "flow_id": context.flow_id,
            "correlation_id": context.correlation_id,
            "session": context.session,
            "approval": context.approval,
        },
    }
    return b"," + _json_object(rest, ("findings",))[1:-1]


def _http(request: HttpRequest) -> dict[str, Any]:
    seen = {key.lower(): value for key, value in request.headers if key.lower() in HEADERS}
    return {
        "method": request.method,
        "scheme": request.scheme,
        "host": request.host,
        "port": request.port,
        "path": request.path,
        "query": _query_names(request.query),
        "headers": seen,
    }


def _query_names(query: str) -> list[str]:
    # Values may be credentials (Gemini takes `?key=`), so only the names are shown.
    return sorted({pair.partition("=")[0] for pair in query.split("&") if pair})


def _json_object(members: Mapping[str, Any], lists: Sequence[str]) -> bytes:
    """Serialise an object, its long lists a slice at a time: in one go nobody else has a turn."""
    long = [name for name in lists if len(members[name]) > SLICE]
    if not long:
        return _json(members)
    others = {name: value for name, value in members.items() if name not in long}
    parts = [_json(others)[:-1]]
    for name in long:
        items = members[name]
        slices = (_json(items[at : at + SLICE])[1:-1] for at in range(0, len(items), SLICE))
        parts += (b',"%b":[' % name.encode(), b",".join(slices), b"]")
    return _join(*parts, b"}")


def _join(*parts: bytes) -> bytes:
    # Unlike `+`, it lets others go on while it copies much.
    return b"".join(parts)


def _json(value: Any) -> bytes:
    # The values of `call` are written as they are: their fields are the document's.
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        raise schema_violation("the call holds text that isn't Unicode") from None
