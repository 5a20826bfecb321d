"""WebSockets of a recording: each event of the client that is a call, with its answer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from mitmproxy import http
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow
from mitmproxy.websocket import WebSocketData, WebSocketMessage
from wsproto.frame_protocol import Opcode

from helm_boundary.cli.policy import policy
from helm_boundary.replay.recorded import read_recording

ASKED = {"type": "response.create", "model": "gpt-5", "input": "hi"}
CALL = {
    "type": "function_call", "id": "f", "call_id": "c", "name": "exec_command",
    "arguments": '{"cmd":"ls"}', "status": "completed",
}  # fmt: skip


def answered(*output: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the server's events of a response."""
    response = {"id": "r", "object": "response", "status": "in_progress", "output": []}
    events: list[dict[str, Any]] = [{"type": "response.created", "response": response}]
    for at, item in enumerate(output):
        events.append({"type": "response.output_item.done", "output_index": at, "item": item})
    done = {**response, "status": "completed", "output": list(output)}
    return [*events, {"type": "response.completed", "response": done}]


def recorded(path: Path, messages: Iterable[tuple[bool, Any]]) -> Path:
    """Write a flow with these messages: whether of the client, and what it says."""
    flow = tflow.tflow()
    flow.request = http.Request.make(
        "GET",
        "https://api.openai.com/v1/responses",
        headers=http.Headers(
            host="api.openai.com", upgrade="websocket", connection="Upgrade",
            sec_websocket_version="13", sec_websocket_key="x"),
    )  # fmt: skip
    flow.client_conn.sni = "api.openai.com"
    flow.response = http.Response.make(101, b"", {"upgrade": "websocket"})
    flow.websocket = WebSocketData()
    flow.websocket.messages = [
        WebSocketMessage(Opcode.TEXT, of_client, json.dumps(said).encode())
        for of_client, said in messages
    ]
    with path.open("wb") as file:
        FlowWriter(file).add(flow)
    return path


def test_each_response_is_the_answer_of_its_event(tmp_path: Path) -> None:
    """Of a session with two turns, whatever is sent between them."""
    said = [
        (True, ASKED),
        *((False, each) for each in answered(CALL)),
        (True, {**ASKED, "model": "gpt-6"}),
        *((False, each) for each in answered()),
    ]
    recording = read_recording(recorded(tmp_path / "x.mitm", said))
    handshake, first, second = recording.calls
    assert handshake.read.call.model is None
    assert (first.read.call.model, second.read.call.model) == ("gpt-5", "gpt-6")
    assert first.answer is not None
    assert [each.name for each in first.answer.tool_calls] == ["exec_command"]
    assert second.answer is not None
    assert second.answer.tool_calls == ()
    assert recording.is_whole


def test_an_answer_that_has_no_end_is_missing(tmp_path: Path) -> None:
    """And that is said, with exit code 3 where nothing else changes."""
    said = [(True, ASKED), (False, answered()[0])]
    flows = recorded(tmp_path / "x.mitm", said)
    assert read_recording(flows).missing == 1
    result = CliRunner().invoke(policy, ["diff", "-", "-", "--flows", str(flows)])
    assert result.exit_code == 3
    assert "1 answers aren't in the recording" in result.output


def test_a_policy_is_learnt_from_a_session(tmp_path: Path) -> None:
    """Its tools and models."""
    said = [(True, ASKED), *((False, each) for each in answered(CALL))]
    flows = recorded(tmp_path / "x.mitm", said)
    result = CliRunner().invoke(policy, ["learn", "--flows", str(flows)])
    assert result.exit_code == 0, result.output
    assert '"exec_command"  # 1 call' in result.output
    assert '"gpt-5"  # 1 call' in result.output


def test_a_stream_that_was_not_kept_is_missing(tmp_path: Path) -> None:
    """As stock mitmdump records one."""
    flow = tflow.tflow()
    flow.request = http.Request.make(
        "POST",
        "https://api.openai.com/v1/chat/completions",
        json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}]}),
        http.Headers(content_type="application/json", host="api.openai.com"),
    )
    flow.client_conn.sni = "api.openai.com"
    flow.response = http.Response.make(200, b"", {"content-type": "text/event-stream"})
    flow.response.raw_content = None
    with (tmp_path / "x.mitm").open("wb") as file:
        FlowWriter(file).add(flow)
    learnt = CliRunner().invoke(policy, ["learn", "--flows", str(tmp_path / "x.mitm")])
    assert learnt.exit_code == 3
    assert "# Not in it: 1 answers aren't in the recording" in learnt.output
