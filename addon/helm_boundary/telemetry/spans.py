"""A call's spans: the exchange, the two halves of the guardrail, and the provider's leg between.

SERVER    POST /v1/chat/completions       the whole exchange, as the client sees it
INTERNAL  apply_guardrail helm-boundary   the request's half
CLIENT    chat gpt-5-mini                 the provider's leg alone, so that its time isn't ours
INTERNAL  apply_guardrail helm-boundary   the response's half
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.trace import Tracer
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from . import names as conventions

type Facts = Mapping[str, Any]
_COUNTS = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens",
           "reasoning_tokens")  # fmt: skip
_MAX_NAME = 200


class ChosenIds(RandomIdGenerator):
    """Gives spans the ids that the boundary has given them already, and else random ones."""

    def __init__(self) -> None:
        self.trace_id: int | None = None
        self.span_id: int | None = None

    def generate_span_id(self) -> int:
        """Return the chosen id, once."""
        chosen, self.span_id = self.span_id, None
        return chosen or super().generate_span_id()

    def generate_trace_id(self) -> int:
        """Return the chosen id, once."""
        chosen, self.trace_id = self.trace_id, None
        return chosen or super().generate_trace_id()


class CallSpans:
    """Makes the spans of calls that have ended."""

    def __init__(self, tracer: Tracer, ids: ChosenIds) -> None:
        self._tracer = tracer
        self._ids = ids
        self._names = conventions.names()

    def make(self, call: Facts) -> None:
        """Make a call's spans, and end them: they are exported in batches."""
        trace, moments = call["trace"], call["moments"]
        server = self._start_exchange(call, trace, moments["began"])
        within = set_span_in_context(server)
        forwarded = moments.get("forwarded")
        ended = moments["ended"]
        received = min(moments.get("received", ended), ended)
        self._guardrail(call, "request", within, moments["began"], forwarded or ended)
        if forwarded is not None:
            self._leg(call, within, forwarded, received)
            self._guardrail(call, "response", within, received, ended)
        server.end(ended)

    def _start_exchange(self, call: Facts, trace: Facts, began: int) -> Span:
        caller = trace["caller"]
        parent = None if caller is None else set_span_in_context(_remote(caller))
        self._ids.trace_id = int(trace["call"]["trace_id"], 16)
        self._ids.span_id = int(trace["call"]["span_id"], 16)
        route = call["route"]
        span = self._tracer.start_span(
            f"{call['method']} {route}".strip(),
            parent,
            SpanKind.SERVER,
            self._exchange_attributes(call),
            start_time=began,
        )
        if call["end"] in ("upstream_error", "killed"):
            span.set_status(StatusCode.ERROR)
        return span

    def _exchange_attributes(self, call: Facts) -> dict[str, Any]:
        name = self._names
        last = call["judged"][-1] if call["judged"] else None
        found = {
            name["method"]: call["method"],
            name["route"]: call["route"],
            name["scheme"]: call["scheme"],
            name["status"]: 403 if call["end"] == "denied" else call["status"],
            conventions.POLICY: call["policy"],
            conventions.RECEIPT: call["receipt"],
        }
        if last is not None:
            found[conventions.VERDICT] = last["verdict"]
            found[conventions.REASON] = last["reasons"][0][0] if last["reasons"] else None
        return _present(found)

    def _leg(self, call: Facts, within: Any, begin: int, end: int) -> None:
        self._ids.span_id = int(call["trace"]["leg"]["span_id"], 16)
        operation = conventions.operation_name(call["operation"], call["dialect"])
        span = self._tracer.start_span(
            f"{operation} {call['model'] or ''}".strip()[:_MAX_NAME],
            within,
            SpanKind.CLIENT,
            self.leg_attributes(call),
            start_time=begin,
        )
        if (kind := error_type(call)) is not None:
            span.set_attribute(self._names["error_type"], kind)
            span.set_status(StatusCode.ERROR)
        span.end(end)

    def leg_attributes(self, call: Facts) -> dict[str, Any]:
        """Return what is said of the provider's leg."""
        name = self._names
        found = {
            name["operation"]: conventions.operation_name(call["operation"], call["dialect"]),
            name["provider"]: conventions.provider_name(call["provider"]),
            name["model"]: call["model"],
            name["stream"]: call["stream"] or None,
            name["server_address"]: call["host"],
            name["server_port"]: call["port"],
            name["status"]: call["status"],
            name["model_served"]: call["modelServed"],
            name["finish_reasons"]: call["finishReasons"] or None,
            name["first_chunk"]: seconds_to_first_chunk(call),
        }
        found |= {name[key]: value for key, value in call["parameters"].items()}
        found |= {name[key]: call["usage"].get(key) for key in _COUNTS}
        return _present(found)

    def _guardrail(self, call: Facts, phase: str, within: Any, begin: int, end: int) -> None:
        span = self._tracer.start_span(
            conventions.GUARDRAIL_SPAN, within, SpanKind.INTERNAL, start_time=begin
        )
        for judged in call["judged"]:
            if judged["phase"].startswith(phase):
                span.set_attribute(conventions.VERDICT, judged["verdict"])
                span.add_event(conventions.GUARDRAIL_EVENT, _verdict(call, judged), end)
        span.end(max(begin, end))


def seconds_to_first_chunk(call: Facts) -> float | None:
    """Return how long a stream's first event took to come; None for what was no stream."""
    moments = call["moments"]
    if "first" not in moments or "forwarded" not in moments:
        return None
    return float(max(0, moments["first"] - moments["forwarded"]) / 1e9)


def error_type(call: Facts) -> str | None:
    """Return why a provider's leg failed: its status, or how the call ended; None if it didn't."""
    status = call["status"]
    if status is not None and status >= 400:
        return str(status)
    return call["end"] if call["end"] in ("upstream_error", "client_gone", "killed") else None


def _verdict(call: Facts, judged: Facts) -> dict[str, Any]:
    name = conventions.GUARDRAIL
    return _present(
        {
            name["policy"]: "helm-boundary",
            name["version"]: call["policy"],
            name["rule"]: judged["reasons"][0][1] if judged["reasons"] else None,
            name["value"]: judged["verdict"],
            conventions.REASON: judged["reasons"][0][0] if judged["reasons"] else None,
            conventions.RECEIPT: judged["receipt"],
        }
    )


def _present(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value not in (None, "")}


def _remote(caller: Facts) -> NonRecordingSpan:
    return NonRecordingSpan(
        SpanContext(
            int(caller["trace_id"], 16),
            int(caller["span_id"], 16),
            is_remote=True,
            trace_flags=TraceFlags(int(caller["flags"], 16)),
        )
    )
