"""Drafts of a call's receipts, from its exchange and a decision."""

from __future__ import annotations

from dataclasses import fields
from urllib.parse import quote

from helm_boundary.approvals.entry import Grant
from helm_boundary.calls.call import Answer, Text, Usage
from helm_boundary.calls.trace_context import parse_traceparent
from helm_boundary.dialects import steering
from helm_boundary.evaluation.findings import OutsideScan
from helm_boundary.policy.decision import Decision
from helm_boundary.policy.detectors.detectors import Detectors
from helm_boundary.policy.sources.policy import Policy
from helm_receipts.envelope import statement

from .exchange import Exchange, Progress

MAX_NAME = 200
"""Characters of a client's own text (a model, a tool's name) that a receipt keeps."""
_COUNTS = tuple(each.name for each in fields(Usage))

NOTHING_SEEN = statement.Coverage("whole", "none", 0, 0)
"""The coverage of an outcome without a response."""


class Drafter:
    """Drafts receipts under one policy and one mode (`enforced` or `observed`)."""

    def __init__(
        self, policy: Policy, engine: str, enforcement: statement.Enforcement, detectors: Detectors
    ) -> None:
        self.policy = statement.PolicyRef(policy.uri, policy.digest, engine)
        self._enforcement = enforcement
        self._detectors = detectors
        self._outside = OutsideScan(detectors)

    def request(self, exchange: Exchange, decision: Decision) -> statement.Draft:
        """Draft the receipt that is durable before anything is forwarded."""
        seen, is_read = len(exchange.request.body), bool(exchange.progress.shared)
        covered: statement.Covered = "whole" if is_read else "none"
        return self._draft(
            "request",
            exchange,
            decision,
            coverage=statement.Coverage(covered, "none", seen, seen if is_read else 0),
            subjects={"request": exchange.forwarded_body},
            rewrite=_rewrite(exchange, decision),
        )

    def tool_calls(self, exchange: Exchange, answer: Answer, decision: Decision) -> statement.Draft:
        """Draft the receipt that is durable before a stream's held tool calls are released."""
        gate = exchange.progress.gate
        seen = gate.seen if gate else 0
        return self._draft(
            "tool_call",
            exchange,
            decision,
            coverage=statement.Coverage("whole", "toolCalls", seen, seen),
            subjects={"request": exchange.forwarded_body},
            tool_calls=tool_calls(answer, decision.verdict),
        )

    def outcome(
        self,
        exchange: Exchange,
        decision: Decision,
        end: statement.End,
        *,
        response: bytes | None = None,
        coverage: statement.Coverage | None = None,
        tool_calls: tuple[statement.ToolCall, ...] | None = None,
        enforcement: statement.Enforcement | None = None,
        steers: bool = False,
    ) -> statement.Draft:
        """Draft the outcome, which says how a call ended; `enforcement` where it isn't the mode's.

        `steers` tells that another call was sent in place of one that was denied.
        `tool_calls` are those of a whole response, in place of those a stream has had so far.
        """
        subjects = {"request": exchange.forwarded_body}
        gate = exchange.progress.gate
        if response is not None:
            subjects["response"] = response
        elif gate is not None:
            subjects[statement.STREAM] = gate.sent.digest()
        return self._draft(
            "outcome",
            exchange,
            decision,
            coverage=coverage or NOTHING_SEEN,
            subjects=subjects,
            tool_calls=tuple(exchange.progress.tool_calls) if tool_calls is None else tool_calls,
            outcome=_outcome(exchange.progress, end),
            enforcement=enforcement,
            event={"sentInstead": steering.NAME} if steers else None,
        )

    def _draft(
        self,
        phase: statement.Phase,
        exchange: Exchange,
        decision: Decision,
        *,
        coverage: statement.Coverage,
        subjects: dict[str, bytes],
        rewrite: statement.Rewrite | None = None,
        tool_calls: tuple[statement.ToolCall, ...] = (),
        outcome: statement.Outcome | None = None,
        enforcement: statement.Enforcement | None = None,
        event: dict[str, str | int] | None = None,
    ) -> statement.Draft:
        return statement.Draft(
            phase=phase,
            verdict=decision.verdict,
            enforcement=enforcement or self._enforcement,
            policy=self.policy,
            reasons=tuple(
                statement.Reason(reason.code, reason.rule, reason.finality, reason.pointer)
                for reason in decision.reasons
            ),
            flow=self._flow(exchange),
            coverage=coverage,
            subjects=subjects,
            rewrite=rewrite,
            outcome=outcome,
            client=statement.ClientFacts(exchange.request.principal, exchange.key_id),
            event=_beside(decision, event),
            approval=_approval(exchange.consent.grant),
            tool_calls=tool_calls,
        )

    def _flow(self, exchange: Exchange) -> statement.FlowFacts:
        """Say what the call is, worked out once for all of its receipts."""
        facts = exchange.progress.facts
        if facts is None:
            facts = exchange.progress.facts = self._facts(exchange)
        return facts

    def _facts(self, exchange: Exchange) -> statement.FlowFacts:
        request, call, ours = exchange.request, exchange.progress.call, exchange.progress.trace
        trace = ours.call if ours else parse_traceparent(request.header("traceparent"))
        return statement.FlowFacts(
            id=request.flow_id,
            correlation_id=exchange.correlation_id,
            operation=exchange.operation.id,
            dialect=exchange.operation.dialect,
            method=request.method,
            host=f"{self._outside.named('host', request.host)}:{request.port}",
            path=quote(self._outside.clean_path(request.path), safe="/%:@!$&'()*+,;=-._~"),
            model=self._named(call.model)[:MAX_NAME] if call.model else None,
            stream=call.stream,
            tls_inspected=request.tls_inspected,
            trace_id=trace.trace_id if trace else None,
            span_id=trace.span_id if trace else None,
        )

    def _named(self, name: str) -> str:
        """Return a name; where a key was sent in its place, only what it looks like."""
        found = self._detectors.scan((Text("", "", name),))
        return f"({found[0].detector})" if found else name


def tool_calls(answer: Answer, verdict: statement.Verdict) -> tuple[statement.ToolCall, ...]:
    """Return tool calls as receipts keep them: name, hash of the arguments, verdict."""
    return tuple(
        statement.ToolCall(call.name[:MAX_NAME], call.arguments_text.encode("utf-8"), verdict)
        for call in answer.tool_calls
    )


def _beside(decision: Decision, event: dict[str, str | int] | None) -> dict[str, str | int] | None:
    """Say what had no effect, too: the verdict of a candidate, the rules that only observe."""
    said: dict[str, str | int] = {**(event or {})}
    if decision.candidate is not None:
        said["candidateVerdict"] = decision.candidate
    if decision.observed:
        said["observedRules"] = ",".join(dict.fromkeys(r.rule for r in decision.observed))
    return said or None


def _approval(grant: Grant | None) -> statement.Approval | None:
    return None if grant is None else statement.Approval(grant.id, grant.by, grant.request_receipt)


def _rewrite(exchange: Exchange, decision: Decision) -> statement.Rewrite | None:
    rewritten = exchange.progress.rewritten
    if rewritten is None:
        return None
    return statement.Rewrite(len(decision.rewrite), exchange.request.body, rewritten)


def _outcome(progress: Progress, end: statement.End) -> statement.Outcome:
    answer = progress.answer or Answer(progress.status or 0)
    return statement.Outcome(
        status=progress.status,
        finish_reasons=tuple(reason for reason in answer.finish_reasons if reason),
        **{name: getattr(answer.usage, name) for name in _COUNTS},
        model_served=answer.model[:MAX_NAME] if answer.model else None,
        end=end,
        keep_alives=progress.keep_alive.sent if progress.keep_alive else 0,
        withheld=progress.withheld,
        request_microseconds=round(progress.request_seconds * 1_000_000),
    )
