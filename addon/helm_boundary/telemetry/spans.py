"""A call's spans: the exchange, the two halves of the guardrail, and the provider's leg between.

SERVER    POST /v1/chat/completions       the whole exchange, as the client sees it
INTERNAL  apply_guardrail helm-boundary   the request's half
CLIENT    chat gpt-5-mini                 the provider's leg alone, so that its time isn't ours
INTERNAL  apply_guardrail helm-boundary   the response's half

The leg of a message to an MCP server is `tools/call weather` instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opentelemetry.sdk.trace import Tracer
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from . import names as conventions
from .attributes import Attributes, Facts, error_type, verdict

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
        self._attributes = Attributes()

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
        span = self._tracer.start_span(
            f"{call['method']} {call['route']}".strip(),
            parent,
            SpanKind.SERVER,
            self._attributes.exchange(call),
            list(_links(trace)),
            start_time=began,
        )
        if call["end"] in ("upstream_error", "killed"):
            span.set_status(StatusCode.ERROR)
        return span

    def _leg(self, call: Facts, within: Any, begin: int, end: int) -> None:
        self._ids.span_id = int(call["trace"]["leg"]["span_id"], 16)
        name, attributes = self._attributes.leg(call)
        span = self._tracer.start_span(
            name[:_MAX_NAME], within, SpanKind.CLIENT, attributes, start_time=begin
        )
        if error_type(call) is not None:
            span.set_status(StatusCode.ERROR)
        span.end(end)

    def _guardrail(self, call: Facts, phase: str, within: Any, begin: int, end: int) -> None:
        span = self._tracer.start_span(
            conventions.GUARDRAIL_SPAN, within, SpanKind.INTERNAL, start_time=begin
        )
        for judged in call["judged"]:
            if judged["phase"].startswith("request") is (phase == "request"):
                span.set_attribute(conventions.VERDICT, judged["verdict"])
                span.add_event(conventions.GUARDRAIL_EVENT, verdict(call, judged), end)
        span.end(max(begin, end))


def _links(trace: Facts) -> Iterator[Link]:
    """Yield the span that the transport names, where a message names another one as its parent."""
    if trace["linked"] is not None:
        yield Link(_remote(trace["linked"]).get_span_context())


def _remote(caller: Facts) -> NonRecordingSpan:
    return NonRecordingSpan(
        SpanContext(
            int(caller["trace_id"], 16),
            int(caller["span_id"], 16),
            is_remote=True,
            trace_flags=TraceFlags(int(caller["flags"], 16)),
        )
    )
