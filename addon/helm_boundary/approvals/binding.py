"""The binding of a grant: to exactly this call, of this caller, under this policy."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import rfc8785

from helm_boundary.calls.call import Answer, Call, HttpRequest, Json, Operation, ToolCall
from helm_boundary.calls.volatile import Volatile, texts_without, without
from helm_boundary.policy.decision import Decision

HEADERS = (
    "anthropic-beta",
    "anthropic-version",
    "openai-beta",
    "openai-organization",
    "openai-project",
)
"""Headers that say what the call does or for whom; the others say who speaks, and how."""


@dataclass(frozen=True, slots=True)
class Binding:
    """The four things that must be the same; digests are SHA-256 in hex.

    The principal is the signed-in user and the API key's pseudonym together, for the key says
    whose account the call goes to; where there is neither, it is the client's address. The others
    are beside them: a pseudonym of the session, which only a grant for a session asks for, and
    pointers to the volatile members that the request has and its digest hasn't.
    """

    request: str
    principal: str
    operation: str
    policy: str
    session: str = field(default="", compare=False)
    volatile: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Cover:
    """The part that a person was shown: rules that asked in each phase, digests of tool calls."""

    request: frozenset[str] = frozenset()
    response: frozenset[str] = frozenset()
    tool_calls: frozenset[str] = frozenset()

    def includes(self, other: Cover) -> bool:
        """Tell whether everything in `other` was shown as well."""
        return (
            other.request <= self.request
            and other.response <= self.response
            and other.tool_calls <= self.tool_calls
        )

    def __or__(self, other: Cover) -> Cover:
        return Cover(
            self.request | other.request,
            self.response | other.response,
            self.tool_calls | other.tool_calls,
        )


def bind(
    request: HttpRequest,
    operation: Operation,
    call: Call,
    key_id: str | None,
    policy: str,
    session: str = "",
    volatile: Sequence[Volatile] = (),
) -> Binding:
    """Bind a grant to a call; `call` is what the client sent, before any rewrite.

    `session` is its session's pseudonym, and `volatile` what makes no difference in its body.
    """
    user = f"user {request.principal}" if request.principal else None
    key = f"key {key_id}" if key_id else None
    named = ", ".join(filter(None, (user, key)))
    principal = named or f"address {request.client_address}"
    body, differing = without(call.body, volatile)
    digest = digest_request(request, replace(call, body=body), operation.dialect, volatile)
    return Binding(digest, principal, operation.id, policy, session, " ".join(differing))


def without_volatile(body: Json) -> Json:
    """Return a JSON-RPC message without what is another each time: its id, and MCP's `_meta`.

    What stands there is judged with every call; it says how to answer, and where to trace.
    """
    if isinstance(body, list):
        return [without_volatile(each) for each in body]
    if not isinstance(body, dict):
        return body
    said = {key: value for key, value in body.items() if key not in ("id", "params")}
    params = body.get("params")
    if not isinstance(params, dict):
        return said
    return {**said, "params": {key: each for key, each in params.items() if key != "_meta"}}


def digest_request(
    request: HttpRequest, call: Call, dialect: str = "", volatile: Sequence[Volatile] = ()
) -> str:
    """Hash the request in canonical JSON (RFC 8785, SHA-256), so that white space doesn't count.

    The address is part of it, for in many operations it says which thing is meant, and so are
    headers that choose an account or an API's behaviour, and attachments and texts, for a form's
    body only describes its files. Of an MCP message everything is in its body.
    """
    is_message = dialect == "mcp"
    texts = () if is_message else call.texts
    value = {
        "attachments": sorted(_stated(f.pointer, f.bytes, f.sha256) for f in call.attachments),
        "body": without_volatile(call.body) if is_message else call.body,
        "headers": {name: request.header(name) for name in HEADERS},
        "host": request.host,
        "method": request.method,
        "path": request.path,
        "port": request.port,
        "query": request.query,
        "scheme": request.scheme,
        "texts": sorted(texts_without(texts, volatile)),
    }
    try:
        return hashlib.sha256(rfc8785.dumps(value)).hexdigest()
    except rfc8785.CanonicalizationError:
        # Numbers that I-JSON doesn't have: then the bytes must be the same.
        raw = {"bytes": hashlib.sha256(request.body).hexdigest()}
        return hashlib.sha256(rfc8785.dumps({**value, "body": raw})).hexdigest()


def _stated(*values: object) -> list[str]:
    return [str(value) for value in values]


def cover_of(decision: Decision, answer: Answer | None) -> Cover:
    """Collect what a person sees of an escalated request, or of an escalated answer to it."""
    rules = frozenset(reason.rule for reason in decision.reasons)
    if answer is None:
        return Cover(request=rules)
    listed = {f"listed {tool.digest}" for tool in answer.tools if tool.digest}
    calls = frozenset({*map(digest_tool_call, answer.tool_calls), *listed})
    return Cover(response=rules, tool_calls=calls)


def digest_tool_call(call: ToolCall) -> str:
    """Hash a tool call's name and arguments (SHA-256); its id and place don't count."""
    arguments = call.arguments if call.valid_json else call.arguments_text
    try:
        text = rfc8785.dumps([call.name, call.valid_json, arguments])
    except rfc8785.CanonicalizationError:
        text = rfc8785.dumps([call.name, None, call.arguments_text])
    return hashlib.sha256(text).hexdigest()
