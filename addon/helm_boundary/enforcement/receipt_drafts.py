"""From a call and its decision to the drafts of its receipts."""

from __future__ import annotations

from dataclasses import asdict
from urllib.parse import quote

from helm_boundary.calls.call import Answer, Text
from helm_boundary.policy.decision import Decision
from helm_boundary.policy.detectors.detectors import Detectors
from helm_boundary.policy.sources.policy import Policy
from helm_receipts.envelope import statement

from .exchange import Live

MAX_NAME = 200
"""Characters of a client's own text (a model, a tool's name) that a receipt keeps."""


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

    def request(self, live: Live, decision: Decision) -> statement.Draft:
        """The receipt that is durable before anything is forwarded."""
        seen = len(live.request.body)
        covered: statement.Covered = "whole" if live.shared else "none"
        return self._draft(
            "request",
            live,
            decision,
            coverage=statement.Coverage(covered, "none", seen, seen if live.shared else 0),
            subjects={"request": live.forwarded_body},
            rewrite=_rewrite(live, decision),
        )

    def tool_calls(self, live: Live, answer: Answer, decision: Decision) -> statement.Draft:
        """The receipt that is durable before a stream's held tool calls are released."""
        seen = live.gate.seen if live.gate else 0
        return self._draft(
            "tool_call",
            live,
            decision,
            coverage=statement.Coverage("whole", "toolCalls", seen, seen),
            subjects={"request": live.forwarded_body},
            tool_calls=tool_calls(answer, decision.verdict),
        )

    def outcome(
        self,
        live: Live,
        decision: Decision,
        end: statement.End,
        *,
        response: bytes | None = None,
        coverage: statement.Coverage | None = None,
        tool_calls: tuple[statement.ToolCall, ...] | None = None,
        enforcement: statement.Enforcement | None = None,
    ) -> statement.Draft:
        """The one receipt that says how a call ended; `enforcement` where it isn't the mode's.

        `tool_calls` are those of a whole response, in place of those a stream has had so far.
        """
        subjects = {"request": live.forwarded_body}
        if response is not None:
            subjects["response"] = response
        return self._draft(
            "outcome",
            live,
            decision,
            coverage=coverage or NOTHING_SEEN,
            subjects=subjects,
            tool_calls=tuple(live.tool_calls) if tool_calls is None else tool_calls,
            outcome=_outcome(live, end),
            enforcement=enforcement,
        )

    def _draft(
        self,
        phase: statement.Phase,
        live: Live,
        decision: Decision,
        *,
        coverage: statement.Coverage,
        subjects: dict[str, bytes],
        rewrite: statement.Rewrite | None = None,
        tool_calls: tuple[statement.ToolCall, ...] = (),
        outcome: statement.Outcome | None = None,
        enforcement: statement.Enforcement | None = None,
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
            flow=self._flow(live),
            coverage=coverage,
            subjects=subjects,
            rewrite=rewrite,
            outcome=outcome,
            client=statement.ClientFacts(live.request.principal, live.key_id),
            event=_beside(decision),
            approval=_approval(live),
            tool_calls=tool_calls,
        )

    def _flow(self, live: Live) -> statement.FlowFacts:
        """What the call is, worked out once for all of its receipts."""
        if live.facts is None or live.facts[0] is not live.call:
            live.facts = live.call, self._facts(live)
        return live.facts[1]

    def _facts(self, live: Live) -> statement.FlowFacts:
        request = live.request
        return statement.FlowFacts(
            id=request.flow_id,
            correlation_id=live.correlation_id,
            operation=live.operation.id,
            dialect=live.operation.dialect,
            method=request.method,
            host=f"{request.host}:{request.port}",
            path=quote(request.path, safe="/%:@!$&'()*+,;=-._~"),
            model=self._model(live.call.model),
            stream=live.call.stream,
            tls_inspected=request.tls_inspected,
        )

    def _model(self, model: str | None) -> str | None:
        """The model's name; where a key was sent for one, what that looks like."""
        if not model:
            return None
        found = self._detectors.scan((Text("/model", "", model),))
        return f"({found[0].detector})" if found else model[:MAX_NAME]


def tool_calls(answer: Answer, verdict: statement.Verdict) -> tuple[statement.ToolCall, ...]:
    """Tool calls as receipts keep them: the name, a hash of the arguments, the verdict."""
    return tuple(
        statement.ToolCall(call.name[:MAX_NAME], call.arguments_text.encode("utf-8"), verdict)
        for call in answer.tool_calls
    )


def _beside(decision: Decision) -> dict[str, str | int] | None:
    """What was said beside the decision, without effect: by a candidate, by observed rules."""
    said: dict[str, str | int] = {}
    if decision.candidate is not None:
        said["candidateVerdict"] = decision.candidate
    if decision.observed:
        said["observedRules"] = ",".join(dict.fromkeys(r.rule for r in decision.observed))
    return said or None


def _approval(live: Live) -> statement.Approval | None:
    if live.grant is None:
        return None
    return statement.Approval(live.grant.id, live.grant.by, live.grant.request_receipt)


def _rewrite(live: Live, decision: Decision) -> statement.Rewrite | None:
    if live.rewritten is None:
        return None
    return statement.Rewrite(len(decision.rewrite), live.request.body, live.rewritten)


def _outcome(live: Live, end: statement.End) -> statement.Outcome:
    answer = live.answer or Answer(live.status or 0)
    return statement.Outcome(
        status=live.status,
        finish_reasons=tuple(reason for reason in answer.finish_reasons if reason),
        **asdict(answer.usage),
        model_served=answer.model[:MAX_NAME] if answer.model else None,
        end=end,
    )
