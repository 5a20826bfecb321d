"""Spans and metrics as a collector gets them, decoded by the official protobuf."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.semconv._incubating.attributes import (
    gen_ai_attributes,
    jsonrpc_attributes,
    mcp_attributes,
    rpc_attributes,
)
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics, mcp_metrics
from opentelemetry.semconv.attributes import (
    error_attributes,
    http_attributes,
    network_attributes,
    server_attributes,
    url_attributes,
)

from helm_boundary.calls.trace_context import begin_trace, parse_traceparent
from helm_boundary.telemetry import names
from helm_receipts.export.select import Selection, select
from support.approvals import Answer, ask, body, write_policy
from support.boundary import Boundary
from support.collector import Collector, attributes, collector, wait_for
from support.upstream import Upstream
from support.wire import Recorded, Reply

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture(scope="module")
def traced(
    shared_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Boundary, Collector]]:
    """Run a boundary that traces, before a collector."""
    folder = tmp_path_factory.mktemp("traced")
    options = {"helm_telemetry": True, "helm_policy": write_policy(folder / "policy")}
    with (
        collector() as found,
        Boundary(shared_upstream, state=folder, options=options, env=found.environment) as running,
    ):
        yield running, found


def asked(boundary: Boundary, text: str, traceparent: str | None = None, **more: Any) -> Answer:
    """Ask, within a trace."""
    connection = http.client.HTTPConnection("127.0.0.1", boundary.port, timeout=20)
    headers = {"Content-Type": "application/json", "Authorization": "Bearer key-of-ada"}
    if traceparent:
        headers["traceparent"] = traceparent
    value = json.dumps(body(text, **more))
    connection.request("POST", "/v1/chat/completions", value, headers)
    response = connection.getresponse()
    told = {name.lower(): content for name, content in response.getheaders()}
    answer = Answer(response.status, told, response.read())
    connection.close()
    return answer


def spans_of(found: Collector, trace: str, count: int) -> list[Span]:
    def of_trace() -> list[Span]:
        return [span for span in found.spans if span.trace_id.hex() == trace]

    wait_for(lambda: len(of_trace()) >= count)
    return of_trace()


def sent_on(request: Recorded) -> str:
    """Return the one traceparent that an upstream got."""
    (value,) = [value for name, value in request.headers if name.lower() == "traceparent"]
    return value


def only(spans: list[Span], kind: int) -> Span:
    (span,) = [span for span in spans if span.kind == kind]
    return span


def test_a_call_is_four_spans_in_the_clients_trace(
    traced: tuple[Boundary, Collector], upstream: Upstream
) -> None:
    """The exchange, two halves of the guardrail, and between them the provider's leg."""
    boundary, found = traced
    sent = f"00-{TRACE}-{PARENT}-01"
    answer = asked(boundary, "hello", sent, temperature=0.5, max_tokens=50, top_p=0.9, n=1, seed=7)
    assert answer.status == 200
    spans = spans_of(found, TRACE, 4)
    server, leg = only(spans, Span.SPAN_KIND_SERVER), only(spans, Span.SPAN_KIND_CLIENT)
    first, second = [span for span in spans if span.kind == Span.SPAN_KIND_INTERNAL]
    assert server.parent_span_id.hex() == PARENT
    assert {span.parent_span_id for span in (leg, first, second)} == {server.span_id}
    assert server.start_time_unix_nano <= first.start_time_unix_nano
    assert first.end_time_unix_nano <= leg.start_time_unix_nano <= leg.end_time_unix_nano
    assert leg.end_time_unix_nano <= second.end_time_unix_nano <= server.end_time_unix_nano
    assert (server.name, leg.name) == ("POST /chat/completions", "chat gpt-4o")
    assert first.name == second.name == "apply_guardrail helm-boundary"
    said = attributes(leg)
    assert said["gen_ai.operation.name"] == "chat"
    assert said["gen_ai.request.model"] == "gpt-4o"
    assert said["gen_ai.request.temperature"] == 0.5
    assert said["gen_ai.request.max_tokens"] == 50
    assert said["gen_ai.request.seed"] == 7
    assert said["gen_ai.usage.input_tokens"] > 0
    assert said["gen_ai.response.finish_reasons"] == ["stop"]
    assert said["server.address"] == "127.0.0.1"
    assert found.resource["service.name"] == "helm-boundary"
    event = attributes(first.events[0])
    assert first.events[0].name == "gen_ai.guardrail.result"
    assert event["gen_ai.guardrail.result.value"] == "ALLOW"
    assert len(event["gen_ai.guardrail.policy.version"]) == 64
    (forwarded,) = upstream.requests
    onward = parse_traceparent(sent_on(forwarded))
    assert onward is not None
    assert (onward.trace_id, onward.span_id) == (TRACE, leg.span_id.hex())
    receipts = [
        record.predicate
        for record in select(boundary.state / "journal", Selection())
        if record.predicate.get("flow", {}).get("traceId") == TRACE
    ]
    assert {each["phase"] for each in receipts} == {"request", "outcome"}
    assert {each["flow"]["spanId"] for each in receipts} == {server.span_id.hex()}
    assert attributes(server)["helm.receipt_id"] == answer.headers["x-helm-receipt-id"]


def test_a_denied_call_has_no_providers_leg(
    traced: tuple[Boundary, Collector], upstream: Upstream
) -> None:
    """And says which rule it was."""
    boundary, found = traced
    trace = "1" * 32
    assert asked(boundary, "the forbidden", f"00-{trace}-{PARENT}-01").status == 403
    spans = spans_of(found, trace, 2)
    assert len(spans) == 2
    server = attributes(only(spans, Span.SPAN_KIND_SERVER))
    assert server["http.response.status_code"] == 403
    assert (server["helm.verdict"], server["helm.reason_code"]) == ("DENY", "POLICY_VIOLATION")
    event = attributes(only(spans, Span.SPAN_KIND_INTERNAL).events[0])
    assert event["gen_ai.guardrail.policy.rule.id"] == "deny.never"
    assert upstream.requests == []


def test_no_content_and_no_credential_is_exported(traced: tuple[Boundary, Collector]) -> None:
    """Neither what was asked nor what was answered, in whatever place."""
    boundary, found = traced
    trace = "2" * 32
    secret = "a-word-that-nobody-else-says"
    asked(boundary, secret, f"00-{trace}-{PARENT}-01", user=secret, metadata={"note": secret})
    spans_of(found, trace, 4)
    assert secret.encode() not in found.raw
    assert b"key-of-ada" not in found.raw


def test_metrics_have_the_conventions_buckets_and_no_label_of_a_clients(
    traced: tuple[Boundary, Collector],
) -> None:
    """How long providers took, and tokens; made-up models are one series."""
    boundary, found = traced
    for number in range(20):
        ask(boundary, body("hello", model=f"made-up-{number}"))
        ask(boundary, body("hello", model=f"gpt-4-made-up-{number}"))

    def points(name: str) -> list[Any]:
        return list(found.metrics[name].histogram.data_points) if name in found.metrics else []

    duration, tokens = "gen_ai.client.operation.duration", "gen_ai.client.token.usage"
    wait_for(lambda: sum(point.count for point in points(duration)) >= 20)
    assert found.metrics[duration].unit == "s"
    assert list(points(duration)[0].explicit_bounds) == list(names.DURATION_BOUNDS)
    assert list(points(tokens)[0].explicit_bounds) == list(names.TOKEN_BOUNDS)
    models = {attributes(point)["gen_ai.request.model"] for point in points(duration)}
    assert models <= {"gpt-4*", "other", "gpt-4o"}
    kinds = {attributes(point)["gen_ai.token.type"] for point in points(tokens)}
    assert kinds == {"input", "output"}


def test_streams_and_failures_are_told(
    traced: tuple[Boundary, Collector], upstream: Upstream
) -> None:
    """A stream's leg, and one whose provider fails."""
    boundary, found = traced
    trace = "3" * 32
    asked(boundary, "hello", f"00-{trace}-{PARENT}-01", stream=True)
    leg = attributes(only(spans_of(found, trace, 4), Span.SPAN_KIND_CLIENT))
    assert leg["gen_ai.request.stream"] is True
    assert leg["gen_ai.response.time_to_first_chunk"] > 0
    wait_for(lambda: "gen_ai.client.operation.time_to_first_chunk" in found.metrics)
    trace = "4" * 32
    upstream.answer(lambda _: _failing())
    asked(boundary, "hello", f"00-{trace}-{PARENT}-01")
    leg_span = only(spans_of(found, trace, 4), Span.SPAN_KIND_CLIENT)
    assert attributes(leg_span)["error.type"] == "500"
    assert leg_span.status.code == leg_span.status.STATUS_CODE_ERROR


def _failing() -> Reply:
    headers = (("Content-Type", "application/json"),)
    return Reply(500, headers, (b'{"error": {"message": "no"}}',))


def test_a_collector_that_hangs_costs_no_call(shared_upstream: Upstream, tmp_path: Path) -> None:
    """It reads and never answers; calls are as quick as before, and the boundary ends."""
    shared_upstream.answer(lambda _: None)
    with collector(hangs=True) as found:
        options = {"helm_telemetry": True}
        boundary = Boundary(shared_upstream, state=tmp_path, options=options, env=found.environment)
        with boundary:
            for _ in range(25):
                began = time.monotonic()
                assert ask(boundary, body("hello")).status == 200
                assert time.monotonic() - began < 2
            began = time.monotonic()
        assert time.monotonic() - began < 8


@pytest.mark.parametrize(
    ("header", "is_one"),
    [
        (f"00-{TRACE}-{PARENT}-01", True),
        (f"00-{TRACE}-{PARENT}-00", True),
        (f"01-{TRACE}-{PARENT}-01-more", True),
        (f"00-{TRACE}-{PARENT}-01-more", False),
        (f"ff-{TRACE}-{PARENT}-01", False),
        (f"00-{'0' * 32}-{PARENT}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE.upper()}-{PARENT}-01", False),
        ("", False),
        (None, False),
        ("00-x-y-01", False),
    ],
)
def test_traceparent_is_read_as_the_specification_says(header: str | None, is_one: bool) -> None:
    """What isn't one begins a trace of ours."""
    assert (parse_traceparent(header) is not None) is is_one
    trace = begin_trace(header)
    assert (trace.call.trace_id == TRACE) is is_one
    assert trace.call.span_id != trace.leg.span_id


def test_an_unsampled_trace_stays_so(
    traced: tuple[Boundary, Collector], upstream: Upstream
) -> None:
    """The flag goes on, and nothing is exported of it."""
    boundary, found = traced
    trace, later = "5" * 32, "6" * 32
    asked(boundary, "hello", f"00-{trace}-{PARENT}-00")
    asked(boundary, "hello", f"00-{later}-{PARENT}-01")
    spans_of(found, later, 4)
    assert [span for span in found.spans if span.trace_id.hex() == trace] == []
    assert sent_on(upstream.requests[0]).endswith("-00")


def test_names_are_those_of_the_conventions() -> None:
    """Each is in the package of the conventions; those that aren't are proposals, in one place."""
    modules = (
        gen_ai_attributes, gen_ai_metrics, mcp_attributes, mcp_metrics, jsonrpc_attributes,
        rpc_attributes, error_attributes, http_attributes, network_attributes, server_attributes,
        url_attributes,
    )  # fmt: skip
    known = {
        value
        for module in modules
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str)
    }
    assert set(names.TODAY.values()) - known == set()
    of_coming = {*names.COMING.values(), *names.COMING_TOKENS.values()}
    assert of_coming & known == set(), "no longer coming: make them today's"
    operations = {each.value for each in gen_ai_attributes.GenAiOperationNameValues}
    assert set(names.OPERATIONS.values()) <= operations
    providers = {each.value for each in gen_ai_attributes.GenAiProviderNameValues}
    assert set(names.PROVIDERS.values()) - {"moonshot_ai"} <= providers


def test_without_telemetry_a_traceparent_passes_as_it_came(
    shared_upstream: Upstream, tmp_path: Path
) -> None:
    """And receipts say which trace the client named."""
    shared_upstream.requests.clear()
    sent = f"00-{TRACE}-{PARENT}-01"
    with Boundary(shared_upstream, state=tmp_path) as boundary:
        asked(boundary, "hello", sent)
        (record, *_) = select(boundary.state / "journal", Selection(phase="request"))
    assert sent_on(shared_upstream.requests[-1]) == sent
    assert record.predicate["flow"]["traceId"] == TRACE
    assert record.predicate["flow"]["spanId"] == PARENT
