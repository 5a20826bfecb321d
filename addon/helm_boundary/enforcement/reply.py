"""Verdicts on the wire: the bodies and headers that clients see.

403 with OpenAI's error object is what every SDK turns into one typed exception, and
`x-should-retry: false` keeps it from asking again. A limit that says so is a 429, which SDKs wait
out. LiteLLM goes by neither: it looks for OpenAI's own word for a request that is refused for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from helm_boundary.policy.decision import Decision, Reason
from helm_boundary.wire.strict_json import dump_ascii

STATUS_NAMES = {"ALLOW": "APPROVED", "DENY": "DENIED", "ESCALATE": "ESCALATED"}
_ERROR_TYPES = {"DENY": "helm_denied", "ESCALATE": "helm_escalated"}
_FOR_GOOD = "invalid_request_error"
"""With this in an error of OpenAI's, LiteLLM raises what it has for a 400; else it takes a 403 for
a server's fault, and aider asks again for a minute."""
_OPENINGS = {
    "DENY": "helm-boundary denied this call",
    "ESCALATE": "helm-boundary needs a person's approval for this call",
}
_AMAZONS = frozenset({"bedrock", "sagemaker"})
_AT_TOP = _AMAZONS | {"dashscope"}
"""Providers whose SDKs look for an error's code and message at the top of its body."""


@dataclass(frozen=True, slots=True)
class Approval:
    """The way to have an escalated call approved, for its client; `expires_at` is RFC 3339."""

    id: str
    expires_at: str


@dataclass(frozen=True, slots=True)
class Shortage:
    """What a refused call's budget hadn't enough of, for its client; never a balance or a limit.

    `kind` is calls, tokens, output_tokens, dollars, rate or minutes; `resets_at` is RFC 3339.
    `wait` are the seconds after which to ask again, where the client may.
    """

    budget: str
    kind: str
    resets_at: str | None
    wait: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision as a client is told of it."""

    decision: Decision
    receipt_id: str | None
    policy_digest: str
    correlation_id: str
    approval: Approval | None = None
    tool: str | None = None
    """The tool whose call it is about, if it is about one."""
    shortage: Shortage | None = None
    """The budget that was spent, if that is why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A response of ours, in place of the upstream's."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    asks: bool = False
    """Whether it tells the client how to get a person's approval, so that it must arrive."""


@dataclass(frozen=True, slots=True)
class Forward:
    """The yes to a request; `body` is what policy made of its body, None for as it is.

    Its receipt is durable, unless verdicts are only observed.
    """

    body: bytes | None = None


def headers(verdict: Verdict) -> tuple[tuple[str, str], ...]:
    """Write the `X-Helm-*` headers of a governed response."""
    named = {
        "X-Helm-Verdict": verdict.decision.verdict,
        "X-Helm-Status": STATUS_NAMES[verdict.decision.verdict],
        "X-Helm-Receipt-Id": verdict.receipt_id,
        "X-Helm-Reason-Code": _code(verdict.decision),
        "X-Helm-Policy-Digest": verdict.policy_digest,
        "X-Helm-Correlation-Id": verdict.correlation_id,
    }
    return tuple((name, value) for name, value in named.items() if value)


def refuse(verdict: Verdict, operation: str = "", status: int = 403) -> Reply:
    """Write the whole response that says DENY or ESCALATE, to a call of that operation's id.

    What may be waited for is a 429, whatever the `status` is for its client.
    """
    waits = verdict.shortage is not None and verdict.shortage.wait is not None
    told = error_object(verdict)
    provider = operation.partition(".")[0]
    if provider in _AT_TOP:
        told = _at_top(told, _amazons_code(waits=waits) if provider in _AMAZONS else None)
    elif provider == "databricks":
        told = _as_databricks_has_it(told)
    return reply(verdict, 429 if waits else status, told)


def _at_top(told: dict[str, Any], code: str | None) -> dict[str, Any]:
    """Say an error's code, or another one, and its message at the top as well."""
    error = told["error"]
    return {"code": code or error["code"], "message": error["message"], **told}


def _as_databricks_has_it(told: dict[str, Any]) -> dict[str, Any]:
    """Say the message where Databricks' SDK looks for it before it reads `error`, as a string.

    It can't read an object there, and raises a server's fault with all of the answer in it.
    """
    return {"detail": told["error"]["message"], "scimType": "", **told}


def _amazons_code(*, waits: bool) -> str:
    """Return what Amazon's SDKs know a refusal by: each raises an exception of that name."""
    return "ThrottlingException" if waits else "AccessDeniedException"


def reply(verdict: Verdict, status: int, body: Any) -> Reply:
    """Write the whole response that says DENY or ESCALATE in a dialect's own form."""
    wait = verdict.shortage.wait if verdict.shortage else None
    again: tuple[tuple[str, str], ...] = (("x-should-retry", "false"),)
    if wait is not None:
        again = (("retry-after", str(wait)), ("x-should-retry", "true"))
    return Reply(
        status,
        (
            ("Content-Type", "application/json"),
            ("Cache-Control", "no-store"),
            *again,
            *headers(verdict),
        ),
        dump_ascii(body),
        verdict.approval is not None,
    )


def error_object(verdict: Verdict) -> dict[str, Any]:
    """Write OpenAI's error object beside ours, which is also the last event of a denied stream."""
    code = _code(verdict.decision)
    helm: dict[str, Any] = {
        "verdict": verdict.decision.verdict,
        "reasons": [_reason(reason) for reason in verdict.decision.reasons],
        "receipt_id": verdict.receipt_id,
        "policy_digest": verdict.policy_digest,
        "correlation_id": verdict.correlation_id,
    }
    if verdict.approval is not None:
        helm["approval"] = {"id": verdict.approval.id, "expires_at": verdict.approval.expires_at}
    if verdict.shortage is not None:
        helm["budget"] = _shortage(verdict.shortage)
    return {
        "error": {
            "message": _message(verdict),
            "type": _ERROR_TYPES[verdict.decision.verdict],
            "param": None,
            "code": code,
            "reason_code": code,
            **_beside(verdict),
        },
        "helm": helm,
    }


def _message(verdict: Verdict) -> str:
    """Say it in one line: agents show this, and nothing else."""
    reasons, approval = verdict.decision.reasons, verdict.approval
    said = f"{_OPENINGS[verdict.decision.verdict]}: "
    said += reasons[0].message if reasons else "no reason given"
    if verdict.tool:
        said += f" Tool: {verdict.tool}."
    if approval is not None:
        said += f" Approval {approval.id}, until {approval.expires_at}."
    return said


def _beside(verdict: Verdict) -> dict[str, str]:
    """Return what programs need; SDKs keep the error of a stream, and drop what is beside it."""
    reasons, approval, short = verdict.decision.reasons, verdict.approval, verdict.shortage
    told = {
        "rule": reasons[0].rule if reasons else None,
        "tool": verdict.tool,
        "approval_id": approval.id if approval else None,
        "expires_at": approval.expires_at if approval else None,
        "budget": short.budget if short else None,
        "resets_at": short.resets_at if short else None,
        "openai_type": _FOR_GOOD if _is_for_good(verdict) else None,
    }
    return {key: value for key, value in told.items() if value}


def _is_for_good(verdict: Verdict) -> bool:
    """Tell whether the same call will be refused again: no person is asked, and no time helps."""
    may_wait = verdict.shortage is not None and verdict.shortage.wait is not None
    return verdict.decision.verdict == "DENY" and not may_wait


def _shortage(short: Shortage) -> dict[str, str]:
    told = {"name": short.budget, "kind": short.kind, "resets_at": short.resets_at}
    return {key: value for key, value in told.items() if value is not None}


def _code(decision: Decision) -> str:
    return decision.reasons[0].code if decision.reasons else ""


def _reason(reason: Reason) -> dict[str, str]:
    told = {
        "code": reason.code,
        "rule": reason.rule,
        "message": reason.message,
        "finality": reason.finality,
        "pointer": reason.pointer,
        "counterfactual": reason.counterfactual,
    }
    return {key: value for key, value in told.items() if value is not None}
