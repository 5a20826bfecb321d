"""What is told of a call that has ended, to whoever traces calls: numbers and names, no content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from helm_boundary.calls.call import Answer, Usage
from helm_boundary.calls.hosts import provider_of
from helm_boundary.calls.trace_context import CallTrace, TraceContext
from helm_receipts.envelope.statement import End

from .exchange import Exchange, Judged
from .mcp_facts import mcp_facts

type Named = Callable[[str], str]
"""Returns a name that somebody else chose, or what a credential in its place looks like."""


class Observer(Protocol):
    """Is told of each call that has ended, once its outcome is durable; may never wait."""

    dropped: int
    """The calls that it was told of and can't pass on."""

    def tell(self, facts: dict[str, Any]) -> None:
        """Tell of a call."""
        ...


_PARAMETERS = ("max_output_tokens", "temperature", "top_p", "n", "seed")
_MAX_NAME = 200
_MAX_REASONS = 20


def call_facts(exchange: Exchange, end: End, policy: str, named: Named) -> dict[str, Any]:
    """Put together what is told of a call; times are nanoseconds since 1970."""

    def name(text: str | None) -> str | None:
        return None if text is None else _plain(named(text[:_MAX_NAME]))

    request, progress, operation = exchange.request, exchange.progress, exchange.operation
    return {
        "trace": _spans(progress.trace) if progress.trace else None,
        "moments": progress.moments,
        "chunks": progress.chunks.told() if progress.chunks else [],
        "operation": operation.id,
        "dialect": operation.dialect,
        "route": operation.path,
        "method": request.method,
        "scheme": request.scheme,
        "host": request.host,
        "port": request.port,
        "provider": provider_of(request.host),
        "model": name(progress.call.model),
        "stream": progress.call.stream,
        "parameters": _numbers(progress.call.parameters),
        "status": progress.status,
        "end": end,
        **_answer_facts(progress.answer or Answer(0), name),
        "conversation": name(progress.session),
        "mcp": mcp_facts(exchange, name) if operation.dialect == "mcp" else None,
        "policy": policy,
        "receipt": progress.receipt_id,
        "correlation": exchange.correlation_id,
        "judged": [_verdict(judged) for judged in progress.judgements[-_MAX_REASONS:]],
    }


def _answer_facts(answer: Answer, name: Callable[[str | None], str | None]) -> dict[str, Any]:
    return {
        "finishReasons": [name(each) for each in answer.finish_reasons[:_MAX_REASONS] if each],
        "modelServed": name(answer.model),
        "responseId": name(answer.id),
        "usage": _members(answer.usage),
    }


def _spans(trace: CallTrace) -> dict[str, Any]:
    spans = {"caller": trace.caller, "call": trace.call, "leg": trace.leg, "linked": trace.linked}
    return {name: None if span is None else _members(span) for name, span in spans.items()}


def _members(value: Usage | TraceContext) -> dict[str, Any]:
    # `dataclasses.asdict` copies each value, and takes as long as all the rest of a call's facts.
    return {name: getattr(value, name) for name in value.__slots__}


def _verdict(judged: Judged) -> dict[str, Any]:
    return {
        "phase": judged.phase,
        "verdict": judged.decision.verdict,
        "receipt": judged.receipt_id,
        "reasons": [(r.code, r.rule) for r in judged.decision.reasons[:_MAX_REASONS]],
    }


def _plain(text: str) -> str:
    return text[:_MAX_NAME].encode("utf-8", "replace").decode()


def _numbers(parameters: Any) -> dict[str, int | float]:
    """Return the parameters that are numbers: only those are told."""
    found = {name: parameters.get(name) for name in _PARAMETERS}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53
    }
