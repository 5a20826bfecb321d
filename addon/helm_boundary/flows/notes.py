"""Notes on a governed flow in mitmproxy: a mark, one line, and what its judgement view shows.

Only plain values are kept on a flow, so that it can be saved and looked at elsewhere.
"""

from __future__ import annotations

from typing import Any

from mitmproxy import http

from helm_boundary.enforcement.exchange import Exchange, Judged
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


def mark(flow: http.HTTPFlow, exchange: Exchange, boundary: Boundary) -> None:
    """Show a call's latest verdict on its flow."""
    judgements = exchange.progress.judgements
    if not judgements:
        return
    decision = judgements[-1].decision
    observes = boundary.settings.observes
    flow.marked = OBSERVED if observes else MARKS[decision.verdict]
    flow.comment = _line(exchange, observes)
    flow.metadata[KEY] = _facts(exchange, boundary)


def _line(exchange: Exchange, observes: bool) -> str:
    """Write one line: `DENY POLICY_VIOLATION createChatCompletion gpt-4o`; filters can find it."""
    progress = exchange.progress
    worst = progress.judgements[-1].decision
    codes = [worst.reasons[0].code] if worst.reasons else []
    observed = ["observed"] if observes else []
    model = [shown_model(progress.call.model)] if progress.call.model else []
    is_rewritten = progress.rewritten is not None or progress.replaced is not None
    rewritten = ["(rewritten)"] if is_rewritten else []
    return " ".join([*observed, worst.verdict, *codes, exchange.operation.id, *model, *rewritten])


def shown_model(model: str) -> str:
    """Return a model's name as it can be shown: short, and without control characters."""
    return model[:100] if model.isprintable() else printable(model[:100])


def _facts(exchange: Exchange, boundary: Boundary) -> dict[str, Any]:
    policy, progress, consent = boundary.drafts.policy, exchange.progress, exchange.consent
    facts: dict[str, Any] = {
        "operation": exchange.operation.id,
        "dialect": exchange.operation.dialect,
        "model": progress.call.model,
        "mode": boundary.settings.mode,
        "policy": {"uri": policy.uri, "digest": policy.digest, "engine": policy.engine},
        "correlation_id": exchange.correlation_id,
        "judgements": [_judged(judged) for judged in progress.judgements],
        "seconds": [[step, seconds] for step, seconds in progress.seconds.items()],
    }
    if progress.rewritten is not None:
        facts["request_before"] = _text(exchange.request.body)
    if progress.replaced is not None:
        facts["response_before"] = _text(progress.replaced)
    if consent.approval is not None:
        facts["approval"] = {"id": consent.approval.id, "expires_at": consent.approval.expires_at}
    if consent.grant is not None:
        facts["grant"] = {"id": consent.grant.id, "by": consent.grant.by}
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
