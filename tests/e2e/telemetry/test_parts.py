"""Spans of what isn't one HTTP exchange: the responses of a session, and messages of MCP."""

from __future__ import annotations

import json
from pathlib import Path

from opentelemetry.proto.trace.v1.trace_pb2 import Span
from websockets.sync.client import connect

from helm_receipts.export.select import Selection, select
from support.approvals import write_policy
from support.boundary import Boundary
from support.collector import Collector, attributes, collector, wait_for
from support.mcp import answer, says, stage, tool_call
from support.realtime import RealtimeUpstream

TRACE, PARENT, HEADER = "1" * 32, "2" * 16, f"00-{'3' * 32}-{'4' * 16}-01"


def spans(found: Collector, kind: int, count: int) -> list[Span]:
    """Wait for so many spans of a kind."""

    def of_kind() -> list[Span]:
        return [span for span in found.spans if span.kind == kind]

    wait_for(lambda: len(of_kind()) >= count)
    return of_kind()


def test_each_response_of_a_session_is_a_part_of_its_trace(tmp_path: Path) -> None:
    """With its own verdicts and times; what only arranges the session has no span."""
    policy = write_policy(tmp_path / "policy")
    (policy / "data.yaml").write_text("operations: {allow_categories: [inference, realtime]}")
    options = {"helm_telemetry": True}
    with (
        RealtimeUpstream() as upstream,
        collector() as found,
        Boundary(
            state=tmp_path / "state", mode=f"reverse:{upstream.url}", policy=policy,
            options=options, env=found.environment,
        ) as boundary,
    ):  # fmt: skip
        address = boundary.url.replace("http", "ws") + "/v1/realtime?model=gpt-realtime"
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "x-helm-session": "run-7"}
        with connect(address, additional_headers=headers) as session:
            session.recv(timeout=10)
            session.send(json.dumps({"type": "session.update", "session": {"voice": "ash"}}))
            for _ in range(2):
                session.send(json.dumps({"type": "response.create"}))
                while json.loads(session.recv(timeout=10))["type"] != "response.done":
                    pass
        servers = spans(found, Span.SPAN_KIND_SERVER, 3)
        legs = spans(found, Span.SPAN_KIND_CLIENT, 3)
        wait_for(lambda: "gen_ai.client.operation.time_per_output_chunk" in found.metrics)
    assert {span.trace_id.hex() for span in found.spans} == {TRACE}
    (handshake,) = (span for span in servers if span.parent_span_id.hex() == PARENT)
    responses = [span for span in servers if span is not handshake]
    assert {span.parent_span_id for span in responses} == {handshake.span_id}
    of_responses = [
        attributes(leg)
        for leg in legs
        if leg.parent_span_id in {span.span_id for span in responses}
    ]
    assert [said["gen_ai.response.id"] for said in of_responses] == ["resp_1", "resp_1"]
    assert {said["gen_ai.conversation.id"] for said in of_responses} == {"run-7"}
    assert all(said["gen_ai.response.time_to_first_chunk"] > 0 for said in of_responses)
    assert all(attributes(span)["helm.verdict"] == "ALLOW" for span in responses)


def test_a_message_is_a_part_of_the_trace_that_it_names(tmp_path: Path) -> None:
    """The receipts, too; it passes as it came, and its transport's header is the leg's."""
    with (
        collector() as found,
        stage(tmp_path, options={"helm_telemetry": True}, env=found.environment) as scene,
    ):
        asked = tool_call("search", "seven", query="a secret")
        asked["params"]["_meta"] = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        raw = json.dumps(asked, indent=1).encode()
        scene.answers(says("another secret", "seven"))
        assert scene.post(raw, traceparent=HEADER, Mcp_Session_Id="s-1").json()["result"]
        (leg,) = spans(found, Span.SPAN_KIND_CLIENT, 1)
        (server,) = spans(found, Span.SPAN_KIND_SERVER, 1)
        said = attributes(leg)
        assert (leg.name, said["mcp.session.id"]) == ("tools/call search", "s-1")
        assert said["jsonrpc.request.id"] == "seven"
        assert server.trace_id.hex() == leg.trace_id.hex() == TRACE
        assert server.parent_span_id.hex() == PARENT
        assert [link.span_id.hex() for link in server.links] == ["4" * 16]
        (sent,) = scene.upstream.requests
        assert sent.body == raw
        onward = next(value for name, value in sent.headers if name.lower() == "traceparent")
        assert onward == f"00-{TRACE}-{leg.span_id.hex()}-01"
        (record,) = select(scene.boundary.state / "journal", Selection(phase="request"))
        assert record.predicate["flow"]["traceId"] == TRACE
        assert b"secret" not in found.raw
        failing = answer({}, 8) | {"error": {"code": -32602, "message": "no"}}
        del failing["result"]
        scene.answers(failing)
        scene.post(tool_call("search", 8))
        failed = spans(found, Span.SPAN_KIND_CLIENT, 2)[-1]
        assert attributes(failed)["error.type"] == "-32602"
        assert attributes(failed)["rpc.response.status_code"] == "-32602"
        wait_for(lambda: "mcp.client.operation.duration" in found.metrics)
