"""How a governed flow looks in mitmproxy: a mark, one line, and what its judgement view shows.

Only plain values are kept on a flow, so that it can be saved and looked at elsewhere.
"""

from __future__ import annotations

from typing import Any

from mitmproxy import http

from helm_boundary.enforcement.exchange import Judged, Live
from helm_boundary.enforcement.requests import Boundary
from helm_boundary.policy.decision import ALLOW, DENY, ESCALATE, Reason
from helm_receipts.export.explain import printable

KEY = "helm"
"""The name of our values in a flow's metadata."""

WAITING = ":raised_hand:"
OBSERVED = ":eyes:"
MARKS = {ALLOW: ":white_check_mark:", DENY: ":no_entry:", ESCALATE: ":hourglass:"}

MAX_BEFORE = 256 << 10
"""Bytes of a rewritten body that are kept to be compared."""


def mark(flow: http.HTTPFlow, live: Live, boundary: Boundary) -> None:
    """Show a call's latest verdict on its flow."""
    if not live.judgements:
        return
    decision = live.judgements[-1].decision
    observes = boundary.settings.observes
    flow.marked = OBSERVED if observes else MARKS[decision.verdict]
    flow.comment = _line(live, observes)
    flow.metadata[KEY] = _facts(live, boundary)


def _line(live: Live, observes: bool) -> str:
    """`DENY POLICY_VIOLATION createChatCompletion gpt-4o`, for people and for view filters."""
    worst = live.judgements[-1].decision
    codes = [worst.reasons[0].code] if worst.reasons else []
    observed = ["observed"] if observes else []
    model = [shown_model(live.call.model)] if live.call.model else []
    is_rewritten = live.rewritten is not None or live.replaced is not None
    rewritten = ["(rewritten)"] if is_rewritten else []
    return " ".join([*observed, worst.verdict, *codes, live.operation.id, *model, *rewritten])


def shown_model(model: str) -> str:
    """A model's name as it may be shown: short, and without what steers a terminal."""
    return model[:100] if model.isprintable() else printable(model[:100])


def _facts(live: Live, boundary: Boundary) -> dict[str, Any]:
    policy = boundary.drafts.policy
    facts: dict[str, Any] = {
        "operation": live.operation.id,
        "dialect": live.operation.dialect,
        "model": live.call.model,
        "mode": boundary.settings.mode,
        "policy": {"uri": policy.uri, "digest": policy.digest, "engine": policy.engine},
        "correlation_id": live.correlation_id,
        "judgements": [_judged(judged) for judged in live.judgements],
        "seconds": [[step, seconds] for step, seconds in live.seconds.items()],
    }
    if live.rewritten is not None:
        facts["request_before"] = _text(live.request.body)
    if live.replaced is not None:
        facts["response_before"] = _text(live.replaced)
    if live.approval is not None:
        facts["approval"] = {"id": live.approval.id, "expires_at": live.approval.expires_at}
    if live.grant is not None:
        facts["grant"] = {"id": live.grant.id, "by": live.grant.by}
    return facts


def _judged(judged: Judged) -> dict[str, Any]:
    return {
        "phase": judged.phase,
        "verdict": judged.decision.verdict,
        "receipt": judged.receipt_id,
        "rewrites": len(judged.decision.rewrite),
        "reasons": [_reason(reason) for reason in judged.decision.reasons],
    }


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "code": reason.code,
        "rule": reason.rule,
        "message": reason.message,
        "finality": reason.finality,
        "pointer": reason.pointer,
        "counterfactual": reason.counterfactual,
    }


def _text(body: bytes) -> str:
    return body[:MAX_BEFORE].decode("utf-8", "replace")
