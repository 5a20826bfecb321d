"""Drafts of a call's receipts, from its exchange and a decision."""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter
from urllib.parse import quote

from helm_boundary.approvals.entry import Grant
from helm_boundary.calls.call import Answer, Call, Usage
from helm_boundary.calls.trace_context import parse_traceparent, traceparent_of
from helm_boundary.evaluation.findings import OutsideScan
from helm_boundary.policy.decision import Decision
from helm_boundary.policy.detectors.detectors import Detectors
from helm_boundary.policy.sources.policy import Policy
from helm_receipts.envelope import statement

from .exchange import Exchange, Progress
from .steering import Steered

MAX_NAME = 200
"""Characters of a client's own text (a model, a tool's name) that a receipt keeps."""
_COUNTS = tuple(each.name for each in fields(Usage))
_counted = attrgetter(*_COUNTS)  # one call for all of them

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
            tool_calls=self.calls_of(exchange.progress.call, decision.verdict),
            budget=exchange.progress.budget,
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
            tool_calls=self.calls_of(answer, decision.verdict),
            tools=self.listed_tools(exchange, answer),
        )

    def outcome(
        self,
        exchange: Exchange,
        decision: Decision,
        end: statement.End,
        *,
        response: bytes | None = None,
        received: bytes | None = None,
        coverage: statement.Coverage | None = None,
        tool_calls: tuple[statement.ToolCall, ...] | None = None,
        enforcement: statement.Enforcement | None = None,
        instead: Steered | None = None,
    ) -> statement.Draft:
        """Draft the outcome, which says how a call ended; `enforcement` where it isn't the mode's.

        `response` is the body that the client gets, or the one that it doesn't where the call is
        denied; `received` is what came from upstream where something else passes. `instead` is what
        was sent in place of a tool call that was denied.
        `tool_calls` are those of a whole response, in place of those a stream has had so far.
        """
        subjects = {"request": exchange.forwarded_body}
        gate = exchange.progress.gate
        if response is not None:
            subjects["response"] = response
        elif gate is not None:
            subjects[statement.STREAM] = gate.sent.digest()
        if received is not None:
            subjects[statement.RECEIVED] = received
        if instead is not None:
            subjects[statement.INSTEAD] = b"".join(instead.sent)
        return self._draft(
            "outcome",
            exchange,
            decision,
            coverage=coverage or NOTHING_SEEN,
            subjects=subjects,
            tool_calls=tuple(exchange.progress.tool_calls) if tool_calls is None else tool_calls,
            tools=(
                *exchange.progress.tools,
                *self.listed_tools(exchange, exchange.progress.answer),
            ),
            outcome=self._outcome(exchange.progress, end),
            enforcement=enforcement,
            event=None if instead is None else {statement.INSTEAD: instead.name},
            asked=self.calls_of(exchange.progress.call, decision.verdict),
        )

    def calls_of(
        self, told: Answer | Call, verdict: statement.Verdict
    ) -> tuple[statement.ToolCall, ...]:
        """Return tool calls as receipts keep them: name, hash of the arguments, verdict, server."""
        return tuple(
            statement.ToolCall(
                self.named(call.name),
                call.arguments_text.encode("utf-8"),
                verdict,
                self.named(call.server) if call.server else None,
            )
            for call in told.tool_calls
        )

    def listed_tools(
        self, exchange: Exchange, answer: Answer | None
    ) -> tuple[statement.ListedTool, ...]:
        """Return the tools that an MCP server lists, as receipts keep them."""
        server = exchange.progress.call.server
        return tuple(
            statement.ListedTool(server, self.named(tool.name), tool.digest)
            for tool in (answer.tools if answer is not None else ())
            if tool.digest is not None
        )

    def named(self, given: str) -> str:
        """Return a name that somebody else gave, without what a detector finds in it."""
        return self._detectors.named(given)[:MAX_NAME]

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
        tools: tuple[statement.ListedTool, ...] = (),
        outcome: statement.Outcome | None = None,
        enforcement: statement.Enforcement | None = None,
        event: dict[str, str | int] | None = None,
        budget: tuple[statement.BudgetLine, ...] = (),
        asked: tuple[statement.ToolCall, ...] = (),
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
            tools=tools,
            budget=budget,
            asked=asked,
        )

    def _flow(self, exchange: Exchange) -> statement.FlowFacts:
        """Say what the call is, worked out once for all of its receipts."""
        facts = exchange.progress.facts
        if facts is None:
            facts = exchange.progress.facts = self._facts(exchange)
        return facts

    def _facts(self, exchange: Exchange) -> statement.FlowFacts:
        request, call, ours = exchange.request, exchange.progress.call, exchange.progress.trace
        message = call.body if exchange.operation.dialect == "mcp" else None
        named_by = traceparent_of(request.header("traceparent"), message)
        trace = ours.call if ours else parse_traceparent(named_by)
        return statement.FlowFacts(
            id=request.flow_id,
            correlation_id=exchange.correlation_id,
            operation=exchange.operation.id,
            dialect=exchange.operation.dialect,
            method=request.method,
            host=f"{self._outside.named('host', request.host)}:{request.port}",
            path=quote(self._outside.clean_path(request.path), safe="/%:@!$&'()*+,;=-._~"),
            model=self.named(call.model) if call.model else None,
            stream=call.stream,
            tls_inspected=request.tls_inspected,
            trace_id=trace.trace_id if trace else None,
            span_id=trace.span_id if trace else None,
        )

    def _outcome(self, progress: Progress, end: statement.End) -> statement.Outcome:
        answer = progress.answer or Answer(progress.status or 0)
        served = self.named(answer.model) if answer.model else None
        return statement.Outcome(
            status=progress.status,
            finish_reasons=tuple(reason for reason in answer.finish_reasons if reason),
            **dict(zip(_COUNTS, _counted(answer.usage), strict=True)),
            model_served=served,
            end=end,
            keep_alives=progress.keep_alive.sent if progress.keep_alive else 0,
            withheld=progress.withheld,
            request_microseconds=round(progress.request_seconds * 1_000_000),
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
    operations = len(decision.rewrite) + exchange.progress.asked_for_usage
    return statement.Rewrite(operations, exchange.request.body, rewritten)
