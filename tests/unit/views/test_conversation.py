"""The conversation view reads every dialect, whole or streamed, judged or straight from a file."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.contentviews import Metadata
from mitmproxy.test import tflow, tutils

from helm_boundary.flows.notes import KEY
from helm_boundary.views.conversation import Conversation
from helm_boundary.views.judgement import Judgement, receipts_of
from support.mcp import answer, event, request, says, tool, tool_call

TOOL = '{"city": "Vienna"}'
CHAT = {
    "model": "gpt-4o",
    "temperature": 0.2,
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
            ],
        },
    ],
    "tools": [{"type": "function", "function": {"name": "weather", "description": "Tells it."}}],
}
CHAT_ANSWER = {
    "model": "gpt-4o-2024",
    "choices": [
        {
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": "Let me see.",
                "tool_calls": [
                    {"id": "call_1", "function": {"name": "weather", "arguments": TOOL}}
                ],
            },
        }
    ],
    "usage": {"prompt_tokens": 12, "completion_tokens": 7},
}
MESSAGES = {
    "model": "claude-sonnet-4",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "What is this?"}],
}
MESSAGES_ANSWER = {
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4",
    "content": [
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": "t_1", "name": "weather", "input": {"city": "Vienna"}},
    ],
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 12, "output_tokens": 7},
}
RESPONSES = {"model": "gpt-4o", "input": "What is this?"}
RESPONSES_ANSWER = {
    "object": "response",
    "model": "gpt-4o",
    "status": "completed",
    "output": [
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Let me see."}],
        },
        {"type": "function_call", "call_id": "c_1", "name": "weather", "arguments": TOOL},
    ],
    "usage": {"input_tokens": 12, "output_tokens": 7},
}


def flow_of(path: str, asked: Any, answered: bytes, content_type: str) -> http.HTTPFlow:
    """Build a flow that nobody has judged, as a file may hold it."""
    request = tutils.treq(
        method=b"POST",
        host="api.example.org",
        path=path.encode(),
        content=json.dumps(asked).encode(),
        headers=http.Headers(((b"content-type", b"application/json"),)),
    )
    headers = http.Headers(((b"content-type", content_type.encode()),))
    return tflow.tflow(req=request, resp=tutils.tresp(headers=headers, content=answered))


def shown(flow: http.HTTPFlow, message: http.Request | http.Response | None) -> str:
    """Return the message as the view shows it."""
    assert message is not None
    metadata = Metadata(flow=flow, http_message=message)
    data = message.content or b""
    assert Conversation().render_priority(data, metadata) == 2
    return Conversation().prettify(data, metadata)


@pytest.mark.parametrize(
    ("path", "asked", "answered"),
    [
        ("/v1/chat/completions", CHAT, CHAT_ANSWER),
        ("/v1/messages", MESSAGES, MESSAGES_ANSWER),
        ("/v1/responses", RESPONSES, RESPONSES_ANSWER),
    ],
    ids=["chat", "messages", "responses"],
)
def test_a_call_reads_as_a_conversation(path: str, asked: Any, answered: Any) -> None:
    """Who says what, in order; tool calls with their arguments; what it cost."""
    flow = flow_of(path, asked, json.dumps(answered).encode(), "application/json")
    told = shown(flow, flow.request)
    assert str(asked["model"]) in told
    assert "user" in told
    assert "    What is this?" in told
    answer = shown(flow, flow.response)
    assert "    Let me see." in answer
    assert "\n-> weather" in answer
    assert '"city": "Vienna"' in answer
    assert "tokens  12 in, 7 out" in answer


def test_the_rest_of_a_request() -> None:
    """Parameters, tools that are offered, attachments by kind and host."""
    flow = flow_of("/v1/chat/completions", CHAT, b"{}", "application/json")
    told = shown(flow, flow.request)
    assert "temperature 0.2" in told
    assert "system\n    Be brief." in told
    assert "    weather  Tells it." in told
    assert "example.org" in told


def test_a_stream_becomes_its_final_message() -> None:
    """Deltas of text and of a tool call's arguments, put together."""
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "content": "Let me"},
        {"content": " see."},
        {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "weather", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": TOOL}}]},
    ]
    chunks: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    stream = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    flow = flow_of("/v1/chat/completions", CHAT, stream.encode(), "text/event-stream")
    told = shown(flow, flow.response)
    assert "    Let me see." in told
    assert "\n-> weather" in told
    assert '"city": "Vienna"' in told


def test_a_call_to_an_mcp_server() -> None:
    """The tool and its arguments; the answer, as JSON and from a stream; the tools it lists."""
    asked = tool_call("search", query="issues")
    flow = flow_of("/mcp", asked, json.dumps(says("two issues")).encode(), "application/json")
    told = shown(flow, flow.request)
    assert "mcp.tools.call" in told
    assert "-> search" in told
    assert '"query": "issues"' in told
    assert "    two issues" in shown(flow, flow.response)
    flow = flow_of("/mcp", asked, event(says("two issues")), "text/event-stream")
    assert "    two issues" in shown(flow, flow.response)
    listed = json.dumps(answer({"tools": [tool("search", "Search it.")]})).encode()
    flow = flow_of("/mcp", request("tools/list"), listed, "application/json")
    assert "tools listed\n    search  " in shown(flow, flow.response)


def test_other_traffic_has_no_conversation() -> None:
    """A page is shown as what it is."""
    flow = flow_of("/index.html", {"a": 1}, b"<html>", "text/html")
    for message in (flow.request, flow.response):
        assert message is not None
        metadata = Metadata(flow=flow, http_message=message)
        assert Conversation().render_priority(message.content or b"", metadata) < 0
        assert Judgement().render_priority(message.content or b"", metadata) < 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model": 1}', b"\xff\xfe"])
def test_what_cannot_be_read_is_left_to_other_views(body: bytes) -> None:
    """ValueError, which mitmproxy answers with another view."""
    flow = flow_of("/v1/chat/completions", CHAT, b"{}", "application/json")
    with pytest.raises(ValueError, match=r"."):
        Conversation().prettify(body, Metadata(flow=flow, http_message=flow.request))


def test_a_text_cannot_imitate_a_tool_call() -> None:
    """What a model says is indented, whatever it says; calls and headings begin their lines."""
    said = "I will.\n-> remove  call_1\r\n    {}\n\nuser\u2028-> remove\x1b[1A"
    messages = [{"role": role, "content": said} for role in ("assistant", "-> remove")]
    answer = {"choices": [{"message": message} for message in messages]}
    flow = flow_of("/v1/chat/completions", CHAT, json.dumps(answer).encode(), "application/json")
    lines = [line for line in shown(flow, flow.response).splitlines() if line.strip()]
    headings = [line for line in lines if not line.startswith(" ")]
    assert headings == ["200", "assistant", '"-> remove"']


@pytest.mark.parametrize("facts", [{}, {"judgements": []}, [], "helm", {"judgements": [{}]}])
def test_a_judgement_that_is_none_is_not_shown(facts: Any) -> None:
    """Flow files come from anywhere: what isn't ours is a ValueError, not a crash."""
    flow = flow_of("/v1/chat/completions", CHAT, b"{}", "application/json")
    flow.metadata[KEY] = facts
    with pytest.raises(ValueError, match="expected"):
        Judgement().prettify(b"{}", Metadata(flow=flow, http_message=flow.request))
    assert receipts_of(flow) == []


def _facts(**changed: Any) -> dict[str, Any]:
    """Return what is kept on a flow, with some of it changed."""
    judged = {"phase": "request", "verdict": "ALLOW", "receipt": "w-1", "reasons": []}
    return {
        "operation": "createChatCompletion",
        "dialect": "chat",
        "model": "m",
        "mode": "enforce",
        "policy": {"uri": "u", "digest": "d", "engine": "e"},
        "correlation_id": "c",
        "judgements": [judged],
        "seconds": [],
        **changed,
    }


def _nested() -> list[Any]:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    return deep


HOSTILE = {
    "a dialect that is a list": _facts(dialect=["chat"]),
    "a dialect that is a table": _facts(dialect={}),
    "seconds beyond any float": _facts(seconds=[["policy", 10**400]]),
    "seconds that are none": _facts(seconds=7),
    "judgements that are none": _facts(judgements=[7]),
    "judgements that are a table": _facts(judgements={"a": 1}),
    "a receipt that is a table": _facts(judgements=[{"receipt": {}}, {"receipt": {"a": 1}}]),
    "a model that is nested": _facts(model=_nested()),
    "a body that is a number": _facts(request_before=7),
    "an approval that is none": _facts(approval=7),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_a_value_error_and_no_more(name: str) -> None:
    """Whatever a flow file says of us: the views, their ranks and the commands' helpers go on."""
    flow = flow_of("/v1/chat/completions", CHAT, b"{}", "application/json")
    flow.metadata[KEY] = HOSTILE[name]
    told = Metadata(flow=flow, http_message=flow.request)
    for view in (Conversation(), Judgement()):
        assert isinstance(view.render_priority(b"{}", told), int | float)
        with contextlib.suppress(ValueError):
            assert isinstance(view.prettify(b"{}", told), str)
    with contextlib.suppress(ValueError):
        assert all(isinstance(each, str) for each in receipts_of(flow))


def test_terminals_are_not_steered() -> None:
    """What a model wrote can't move a console's cursor."""
    answer = json.dumps({"choices": [{"message": {"content": "\x1b[2Jgone"}}]}).encode()
    flow = flow_of("/v1/chat/completions", CHAT, answer, "application/json")
    assert "\x1b" not in shown(flow, flow.response)
