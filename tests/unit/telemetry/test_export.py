"""Spans and metrics of a call, made in this process and kept in memory."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import Tracer, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from helm_boundary.calls.call import Answer, Call, HttpRequest, Operation, Usage
from helm_boundary.calls.trace_context import begin_trace, traceparent_of
from helm_boundary.enforcement.call_facts import call_facts
from helm_boundary.enforcement.chunk_times import ChunkTimes
from helm_boundary.enforcement.exchange import Exchange
from helm_boundary.policy.decision import ALLOW, DENY, Decision, Reason
from helm_boundary.runtime.labels import Labels
from helm_boundary.telemetry import names
from helm_boundary.telemetry.attributes import error_type
from helm_boundary.telemetry.call_metrics import CallMetrics
from helm_boundary.telemetry.spans import CallSpans, ChosenIds
from helm_receipts.envelope.statement import End

TOOL = Operation("mcp.tools.call", "mcp", "mcp", "POST", "tools/call")
CHAT = Operation("createChatCompletion", "inference", "chat", "POST", "/chat/completions")
REQUEST = HttpRequest(
    "POST", "https", "api.openai.com", 443, "/v1/chat/completions", "", (), b"{}", flow_id="f"
)


def told(end: End, *, status: int | None = 200, passed: bool = True) -> dict[str, Any]:
    """Put together what a boundary tells of a call."""
    exchange = Exchange(REQUEST, CHAT, "c", None)
    progress = exchange.progress
    progress.trace = begin_trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    parameters = {"temperature": 0.5, "n": True, "seed": 10**30, "top_p": "x"}
    progress.call = Call(model="m" * 1000, parameters=parameters)
    progress.status = status
    progress.answer = Answer(status or 0, "gpt-5-2026", ("stop",), usage=Usage(100, 20))
    reason = Reason("POLICY_VIOLATION", "models.unlisted", "no", "class_forbidden")
    decision = Decision(ALLOW, ()) if passed else Decision(DENY, (reason,))
    progress.judged("request", decision, "abcdefgh-000001")
    for moment in ("began", *(("forwarded", "first", "received") if passed else ()), "ended"):
        progress.passes(moment)
    return {**call_facts(exchange, end, "ab" * 32, str), "dropped": 0}


def made(call: dict[str, Any]) -> dict[str, Any]:
    """Make a call's spans; returns them by kind, the last one of each."""
    exporter, ids = InMemorySpanExporter(), ChosenIds()
    provider = TracerProvider(id_generator=ids)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    assert isinstance(tracer, Tracer)
    CallSpans(tracer, ids).make(call)
    return {span.kind.name: span for span in exporter.get_finished_spans()}


def test_only_numbers_are_told_of_parameters() -> None:
    """And of a name only so much."""
    call = told("complete")
    assert call["parameters"] == {"temperature": 0.5}
    assert len(call["model"]) == 200


def test_a_call_is_made_of_its_spans() -> None:
    """With the ids that the boundary has given them."""
    call = told("complete")
    spans = made(call)
    assert set(spans) == {"SERVER", "CLIENT", "INTERNAL"}
    assert f"{spans['SERVER'].context.span_id:016x}" == call["trace"]["call"]["span_id"]
    assert f"{spans['CLIENT'].context.span_id:016x}" == call["trace"]["leg"]["span_id"]
    said = spans["CLIENT"].attributes
    assert said["gen_ai.usage.input_tokens"] == 100
    assert said["gen_ai.provider.name"] == "openai"
    assert said["gen_ai.response.time_to_first_chunk"] >= 0


def test_a_refused_call_has_no_leg() -> None:
    """Its one guardrail span says which rule."""
    spans = made(told("denied", status=None, passed=False))
    assert set(spans) == {"SERVER", "INTERNAL"}
    assert spans["SERVER"].attributes["http.response.status_code"] == 403
    (event,) = spans["INTERNAL"].events
    assert event.attributes["gen_ai.guardrail.policy.rule.id"] == "models.unlisted"


@pytest.mark.parametrize(
    ("end", "status", "expected"),
    [
        ("complete", 200, None),
        ("complete", 429, "429"),
        ("upstream_error", None, "upstream_error"),
        ("client_gone", 200, "client_gone"),
        ("denied", 200, None),
    ],
)
def test_a_failed_leg_says_why(end: End, status: int | None, expected: str | None) -> None:
    """By the provider's status, or by how the call ended."""
    call = told(end, status=status)
    assert error_type(call) == expected
    assert made(call)["CLIENT"].attributes.get("error.type") == expected


def recorded(*calls: dict[str, Any]) -> dict[str, list[Any]]:
    """Record calls; returns the points of each metric."""
    reader = InMemoryMetricReader()
    metrics = CallMetrics(MeterProvider([reader]).get_meter("test"), Labels())
    for call in calls:
        metrics.record(call)
    found = reader.get_metrics_data()
    assert found is not None
    return {
        metric.name: list(metric.data.data_points)
        for metric in found.resource_metrics[0].scope_metrics[0].metrics
    }


def test_metrics_have_bounded_labels() -> None:
    """A model that policy doesn't name is `other`; a refused call took no provider's time."""
    points = recorded(told("complete"), told("denied", status=None, passed=False))
    (duration,) = points["gen_ai.client.operation.duration"]
    assert duration.attributes["gen_ai.request.model"] == "other"
    assert len(points["gen_ai.client.token.usage"]) == 2
    assert len(points["gen_ai.client.operation.time_to_first_chunk"]) == 1


def test_names_follow_the_opt_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The coming conventions' names are chosen as the specification says, of metrics too."""
    assert "gen_ai.usage.cache_creation.input_tokens" in names.names().values()
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http, gen_ai_latest_experimental")
    assert "gen_ai.usage.cache_write.input_tokens" in names.names().values()
    points = recorded(told("complete"))
    assert {"gen_ai.client.inference.duration", *names.COMING_TOKENS.values()} <= points.keys()
    assert not {"gen_ai.client.operation.duration", "gen_ai.client.token.usage"} & points.keys()
    (tokens,) = points["gen_ai.client.inference.operation.input_tokens"]
    assert (tokens.sum, "gen_ai.token.type" in tokens.attributes) == (100, False)


def test_what_was_cached_counts_as_input() -> None:
    """As the conventions have it, also where a provider counts it beside."""
    call = told("complete")
    call |= {"dialect": "messages", "usage": {**call["usage"], "cached_tokens": 900}}
    assert made(call)["CLIENT"].attributes["gen_ai.usage.input_tokens"] == 1000
    points = recorded(call)["gen_ai.client.token.usage"]
    assert {point.sum for point in points} == {1000, 20}


def test_the_times_between_chunks_are_counted_by_length() -> None:
    """However many there are: what is told of a call has no more than a number for each bucket."""
    times = ChunkTimes(0)
    gaps = [1, 10, 11, 20, 25, 90_000, 90_000]  # milliseconds
    for at in range(len(gaps)):
        times.add(sum(gaps[: at + 1]) * 1_000_000)
    assert [count for count, _ in times.told()] == [2, 2, 1, 2]
    (point,) = recorded(told("complete") | {"chunks": times.told()})[
        "gen_ai.client.operation.time_per_output_chunk"
    ]
    assert point.bucket_counts[:3] == (2, 2, 1)
    assert (point.bucket_counts[-1], point.count) == (2, 7)
    assert point.sum == pytest.approx(sum(gaps) / 1000)


def message(answer: Answer, **params: Any) -> dict[str, Any]:
    """Put together what a boundary tells of a call of an MCP server's tool."""
    request = replace(REQUEST, headers=(("Mcp-Session-Id", "s-1"),))
    exchange = Exchange(request, TOOL, "c", None)
    progress = exchange.progress
    progress.trace = begin_trace(None)
    asked = {"name": "weather", "arguments": {"city": "a secret place"}, **params}
    value = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": asked}
    progress.call, progress.status, progress.answer = Call(body=value), 200, answer
    for moment in ("began", "forwarded", "ended"):
        progress.passes(moment)
    return {**call_facts(exchange, "complete", "ab" * 32, str), "dropped": 0}


def test_a_call_of_a_tool_has_the_attributes_of_mcp() -> None:
    """And none of a model's; neither arguments nor results."""
    call = message(Answer(200, finish_reasons=("complete",)))
    leg = made(call)["CLIENT"]
    assert leg.name == "tools/call weather"
    assert leg.attributes["mcp.method.name"] == "tools/call"
    assert leg.attributes["gen_ai.operation.name"] == "execute_tool"
    assert leg.attributes["gen_ai.tool.name"] == "weather"
    assert leg.attributes["jsonrpc.request.id"] == "7"
    assert leg.attributes["mcp.session.id"] == "s-1"
    assert "gen_ai.request.model" not in leg.attributes
    assert "secret" not in str(call)
    (point,) = recorded(call)["mcp.client.operation.duration"]
    assert point.attributes == {"mcp.method.name": "tools/call", "network.transport": "tcp"}
    assert point.explicit_bounds == names.MCP_BOUNDS


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(200, finish_reasons=("error",), error_code=-32602), "-32602"),
        (Answer(200, finish_reasons=("error",)), "_OTHER"),
        (Answer(200, finish_reasons=("tool_error",)), "tool_error"),
    ],
)
def test_a_tool_that_fails_says_how(answer: Answer, kind: str) -> None:
    """An error of JSON-RPC by its code, a tool's own by the convention's word."""
    leg = made(message(answer))["CLIENT"]
    assert leg.attributes["error.type"] == kind
    assert leg.status.status_code.name == "ERROR"


def test_a_message_names_its_parent_and_the_transport_is_linked() -> None:
    """The span of `_meta` before the one of the header; what is no traceparent names nothing."""
    header, own = f"00-{'1' * 32}-{'2' * 16}-01", f"00-{'3' * 32}-{'4' * 16}-01"
    value = {"method": "tools/call", "params": {"_meta": {"traceparent": own}}}
    trace = begin_trace(traceparent_of(header, value), header)
    assert trace.caller is not None
    assert (trace.caller.header, trace.call.trace_id) == (own, "3" * 32)
    assert trace.linked is not None
    assert trace.linked.header == header
    odd: tuple[Any, ...] = ({"_meta": {"traceparent": "x"}}, {"_meta": []}, [], {"_meta": 7})
    for params in odd:
        assert traceparent_of(header, {"params": params}) == header
    call = message(Answer(200)) | {"trace": asdict(trace)}
    server = made(call)["SERVER"]
    assert f"{server.parent.span_id:016x}" == "4" * 16
    assert [f"{link.context.span_id:016x}" for link in server.links] == ["2" * 16]


def test_operations_and_providers_have_the_conventions_names() -> None:
    """Or the catalogue's, where there is none."""
    assert names.operation_name("createEmbedding", "generic") == "embeddings"
    assert names.operation_name("createMessage", "messages") == "chat"
    assert names.operation_name("listModels", "generic") == "listModels"
    assert names.provider_name("mistral") == "mistral_ai"
    assert names.provider_name("groq") == "groq"
