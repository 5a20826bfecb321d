"""Verdicts as clients are told of them, under one policy."""

from __future__ import annotations

from collections.abc import Callable

from helm_boundary.dialects import mcp_denials
from helm_boundary.dialects.error_events import error_events
from helm_boundary.matching.mcp import DIALECT as MCP
from helm_boundary.policy.decision import DENY, ESCALATE, Decision
from helm_boundary.policy.detectors.detectors import Detectors
from helm_boundary.streaming.frame_cutter import error_frame
from helm_receipts.envelope.statement import Enforcement

from . import reply as wire
from .exchange import Exchange
from .page_origin import with_origin
from .reply import Reply
from .steering import denied_tool

_STATUSES = (
    ("messages", "claude-cli/", {DENY: 400, ESCALATE: 400}),
    ("messages", "litellm/", {DENY: 400}),
)
"""Dialect, how the client's User-Agent begins in lower case, and the status where 403 isn't it.

Claude Code says of a 403 that it failed to authenticate. LiteLLM takes every status of Anthropic's
that it doesn't know for a broken connection, and its callers ask again; after a question to a
person they may."""

type Body = Callable[[], bytes | None]
"""Gives the body of a response that is whole, decoded; asked only where somebody needs it."""


class Teller:
    """Puts verdicts into replies, headers and stream events."""

    def __init__(self, policy_digest: str, enforcement: Enforcement, detectors: Detectors) -> None:
        self._digest = policy_digest
        self._enforcement = enforcement
        self._detectors = detectors

    def refuse(self, exchange: Exchange, decision: Decision, receipt_id: str | None) -> Reply:
        """Write the reply that a client gets in place of the provider's response."""
        reply = self._refusal(exchange, self._verdict(exchange, decision, receipt_id))
        return with_origin(reply, exchange.request.header("origin"))

    def _refusal(self, exchange: Exchange, verdict: wire.Verdict) -> Reply:
        if exchange.operation.dialect != MCP:
            status = _status(exchange, verdict.decision)
            return wire.refuse(verdict, exchange.operation.id, status)
        told, asked = wire.error_object(verdict), exchange.progress.call.body
        return wire.reply(verdict, *mcp_denials.denial_of(told, asked))

    def headers(self, exchange: Exchange, body: Body | None = None) -> tuple[tuple[str, str], ...]:
        """Write the headers of a response that is let through; nothing here is of its body."""
        decision, receipt_id = exchange.progress.decision, exchange.progress.receipt_id
        named = dict(wire.headers(self._verdict(exchange, decision, receipt_id)))
        if (
            self._enforcement == "observed"
        ):  # an observed verdict must not look like an enforced one
            named["X-Helm-Status"] = "OBSERVED"
        return tuple(named.items())

    def events(self, exchange: Exchange, decision: Decision, receipt_id: str | None) -> list[bytes]:
        """Write what ends a denied stream, in the call's own dialect: one error, said once."""
        told = wire.error_object(self._verdict(exchange, decision, receipt_id))
        if exchange.operation.framed:
            return [error_frame(told)]
        if exchange.operation.dialect == MCP:
            return [mcp_denials.event_of(told, exchange.progress.call.body)]
        return error_events(exchange.operation.dialect, told)

    def _verdict(
        self, exchange: Exchange, decision: Decision, receipt_id: str | None
    ) -> wire.Verdict:
        approval = exchange.consent.approval if decision.verdict == ESCALATE else None
        tool = denied_tool(exchange, decision, self._detectors)
        return wire.Verdict(
            decision,
            receipt_id,
            self._digest,
            exchange.correlation_id,
            approval,
            tool,
            exchange.progress.shortage if decision.verdict == DENY else None,
        )


def _status(exchange: Exchange, decision: Decision) -> int:
    """Choose the status of a refusal by the client that it must arrive at."""
    agent = (exchange.request.header("user-agent") or "").lower()
    chosen = (
        statuses
        for dialect, begins, statuses in _STATUSES
        if exchange.operation.dialect == dialect and agent.startswith(begins)
    )
    return next(chosen, {}).get(decision.verdict, 403)
