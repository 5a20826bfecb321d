"""Spans and metrics of a call, made in this process and kept in memory."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import Tracer, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from helm_boundary.calls.call import Answer, Call, HttpRequest, Operation, Usage
from helm_boundary.calls.trace_context import begin_trace
from helm_boundary.enforcement.call_facts import call_facts
from helm_boundary.enforcement.exchange import Exchange
from helm_boundary.policy.decision import ALLOW, DENY, Decision, Reason
from helm_boundary.runtime.labels import Labels
from helm_boundary.telemetry import names
from helm_boundary.telemetry.call_metrics import CallMetrics
from helm_boundary.telemetry.spans import CallSpans, ChosenIds, error_type
from helm_receipts.envelope.statement import End

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
    return {**call_facts(exchange, end, "ab" * 32), "dropped": 0}


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


def test_metrics_have_bounded_labels() -> None:
    """A model that policy doesn't name is `other`; a refused call took no provider's time."""
    reader = InMemoryMetricReader()
    metrics = CallMetrics(MeterProvider([reader]).get_meter("test"), Labels())
    metrics.record(told("complete"))
    metrics.record(told("denied", status=None, passed=False))
    found = reader.get_metrics_data()
    assert found is not None
    points: dict[str, list[Any]] = {
        metric.name: list(metric.data.data_points)
        for metric in found.resource_metrics[0].scope_metrics[0].metrics
    }
    (duration,) = points["gen_ai.client.operation.duration"]
    assert duration.attributes["gen_ai.request.model"] == "other"
    assert len(points["gen_ai.client.token.usage"]) == 2
    assert len(points["gen_ai.client.operation.time_to_first_chunk"]) == 1


def test_names_follow_the_opt_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The coming conventions' names are chosen as the specification says."""
    monkeypatch.setitem(names.COMING, "provider", "gen_ai.coming")
    assert names.names()["provider"] == "gen_ai.provider.name"
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http, gen_ai_latest_experimental")
    assert names.names()["provider"] == "gen_ai.coming"


def test_operations_and_providers_have_the_conventions_names() -> None:
    """Or the catalogue's, where there is none."""
    assert names.operation_name("createEmbedding", "generic") == "embeddings"
    assert names.operation_name("createMessage", "messages") == "chat"
    assert names.operation_name("listModels", "generic") == "listModels"
    assert names.provider_name("mistral") == "mistral_ai"
    assert names.provider_name("groq") == "groq"
