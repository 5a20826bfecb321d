"""Calls on paths of clouds' own, and those that only their body tells, through the real mitmdump.

The upstream isn't governed: what is recognised is recognised by path and body.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from support.scene import JSON_BODY, Scene, assert_refused, plain_scene
from support.wire import Reply

MESSAGES = [{"role": "user", "content": "hi"}]
ANTHROPIC = {"anthropic_version": "vertex-2023-10-16", "max_tokens": 9, "messages": MESSAGES}
CHAT: dict[str, Any] = {"messages": MESSAGES}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a forward proxy with the scripted policy, and the upstream that clients name to it."""
    with plain_scene(tmp_path_factory.mktemp("scene")) as stage:
        yield stage


DENIED = {
    "/model/denied/invoke": ANTHROPIC,
    "/Model/%64enied/Invoke": ANTHROPIC,
    "/model/denied/converse": {"messages": []},
    "/v1/projects/p/locations/l/publishers/anthropic/models/denied:streamRawPredict": ANTHROPIC,
    "/v1beta/models/denied:generateContent": {"contents": []},
    "/serving-endpoints/denied/invocations": CHAT,
    "/ml/v1/text/chat?version=2024-10-08": {**CHAT, "model_id": "denied"},
    "/ml/v1/deployments/denied/text/chat": CHAT,
    "/api/v1/services/aigc/text-generation/generation": {"model": "denied", "input": {}},
    "/v1/conversations": {"model": "denied", "inputs": "hi"},
    "/v1/agents/completions": {**CHAT, "agent_id": "denied"},
    "/accounts/a/ai/run/denied": {"prompt": "hi"},
    "/openai/Deployments/denied/embeddings?api-version=1": {"input": "hi"},
    "/OpenAI/deployments/denied/chat/completions": {**CHAT, "model": "ordinary"},
    "/tokenize": {"model": "denied", "prompt": "hi"},
}


@pytest.mark.parametrize("path", DENIED)
def test_the_model_is_judged_wherever_it_stands(stage: Scene, path: str) -> None:
    """In the path, in any letter case and with escapes, or in the body under another name."""
    with stage.untouched():
        answer = stage.post(json.dumps(DENIED[path]).encode(), path=path)
    assert_refused(stage, answer, "POLICY_VIOLATION")


FRAMED = ["/model/m/invoke-with-bidirectional-stream", "/endpoints/e/invocations-response-stream"]


@pytest.mark.parametrize("path", FRAMED)
def test_binary_event_streams_are_refused_by_name(stage: Scene, path: str) -> None:
    """Nobody reads them here, so that nothing is asked for."""
    with stage.untouched():
        answer = stage.post(json.dumps(ANTHROPIC).encode(), path=path)
    assert_refused(stage, answer, "CAPABILITY_UNKNOWN")


FUNCTION = {"name": "forbidden", "arguments": "{}"}
BLOCK = {"type": "tool_use", "id": "t", "name": "forbidden", "input": {}}
WITH_CALL: dict[str, tuple[str, Any, Any]] = {
    "Anthropic's on Bedrock": (
        "/model/m/invoke",
        ANTHROPIC,
        {"type": "message", "role": "assistant", "content": [BLOCK]},
    ),
    "a chat's on Bedrock": (
        "/model/m/invoke",
        CHAT,
        {"choices": [{"message": {"tool_calls": [{"id": "c", "function": FUNCTION}]}}]},
    ),
    "Converse's": (
        "/model/m/converse",
        {"messages": []},
        {
            "output": {
                "message": {"content": [{"toolUse": {"toolUseId": "t", "name": "forbidden"}}]}
            }
        },
    ),
    "Gemini's": (
        "/v1/projects/p/locations/l/publishers/google/models/m:generateContent",
        {"contents": []},
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "forbidden"}}]}}]},
    ),
    "DashScope's": (
        "/api/v1/services/aigc/text-generation/generation",
        {"model": "m", "input": {}},
        {"output": {"choices": [{"message": {"tool_calls": [{"function": FUNCTION}]}}]}},
    ),
    "Mistral's": (
        "/v1/conversations",
        {"model": "m", "inputs": "hi"},
        {"outputs": [{"type": "function.call", **FUNCTION}]},
    ),
    "Cloudflare's": (
        "/accounts/a/ai/run/m",
        CHAT,
        {"result": {"tool_calls": [{"name": "forbidden", "arguments": {}}]}, "success": True},
    ),
    "Cohere's of old": (
        "/anything",
        {"model": "m", "messages": []},
        {"text": "", "tool_calls": [{"name": "forbidden", "parameters": {}}]},
    ),
    "one in a chat's shape": (
        "/anything",
        {"model": "m", "messages": []},
        {"choices": [{"message": {"tool_calls": [{"id": "c", "function": FUNCTION}]}}]},
    ),
}


@pytest.mark.parametrize("name", WITH_CALL)
@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_a_tool_call_that_policy_denies_is_withheld(
    stage: Scene, name: str, content_type: str
) -> None:
    """In whatever shape the cloud tells it, and whatever it calls it."""
    path, body, told = WITH_CALL[name]
    text = json.dumps(told, indent=1).encode()
    stage.upstream.answer(lambda _: Reply.of(text, content_type))
    answer = stage.post(json.dumps(body).encode(), path=path)
    assert (answer.status, answer.code) == (403, "POLICY_VIOLATION"), answer
    assert b"forbidden" not in answer.body


OTHERWISE: dict[str, tuple[str, Any, bytes, str]] = {
    "Ollama's": (
        "/api/chat",
        {"model": "m", "messages": []},
        b'{"message": {"role": "assistant", "content": "Hi"}, "done": true}',
        "application/json",
    ),
    "Ollama's, in lines": (
        "/api/generate",
        {"model": "m", "prompt": "hi"},
        b'{"response": "H", "done": false}\n{"response": "i", "done": true}\n',
        "application/x-ndjson",
    ),
    "Cohere's, as events": (
        "/v2/chat",
        {"model": "m", "messages": [], "stream": True},
        b'event: content-delta\ndata: {"type": "content-delta", "delta": {"text": "Hi"}}\n\n',
        "text/event-stream",
    ),
    "events of text": (
        "/anything",
        {"model": "m", "prompt": "hi"},
        b"data: Hi\n\ndata: [DONE]\n\n",
        "text/event-stream",
    ),
    "a number": ("/v1/tokenize", {"model": "m", "prompt": "hi"}, b"[1, 2]", "application/json"),
    "counted tokens": (
        "/v1/messages/count_tokens?beta=true",
        {"model": "m", "messages": MESSAGES},
        b'{"input_tokens": 12}',
        "application/json",
    ),
    "plain text": ("/anything", {"model": "m", "messages": []}, b"Hello.", "text/plain"),
    "a list of embeddings": (
        "/embed",
        {"model": "m", "input": ["hi"]},
        b"[[0.1, 0.2]]",
        "application/json",
    ),
    "labels": (
        "/classify",
        {"model": "m", "input": ["hi"]},
        b'{"data": [{"label": "a", "probs": [0.1]}]}',
        "application/json",
    ),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_an_answer_in_another_shape_passes_as_it_came(stage: Scene, name: str) -> None:
    """Judged generically, with its receipts, and never refused once the provider has answered."""
    path, body, told, content_type = OTHERWISE[name]
    stage.upstream.answer(lambda _: Reply.of(told, content_type))
    answer = stage.post(json.dumps(body).encode(), path=path)
    assert (answer.status, answer.body) == (200, told), answer
    assert [each["verdict"] for each in stage.records(answer.correlation)] == ["ALLOW", "ALLOW"]
    seen = stage.upstream.requests[-1]
    assert json.loads(seen.body) == body


@pytest.mark.parametrize(
    ("path", "told", "content_type"),
    [
        ("/api/chat", b'{"message": {"content": "unspeakable"}}', "application/json"),
        ("/api/chat", b"this is unspeakable", "text/plain"),
        ("/ask", b'{"response": "un"}\n{"response": "unspeakable"}\n', "application/x-ndjson"),
    ],
)
def test_text_in_another_shape_is_judged(
    stage: Scene, path: str, told: bytes, content_type: str
) -> None:
    """All of it, before any of it is released."""
    stage.upstream.answer(lambda _: Reply.of(told, content_type))
    answer = stage.post(json.dumps({"model": "m", "messages": []}).encode(), path=path)
    assert answer.code == "POLICY_VIOLATION"
    assert b"unspeakable" not in answer.body


def _events(*told: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in told)


@pytest.mark.parametrize(
    "told",
    [
        _events({"text": "Hi"}, {"toolCall": FUNCTION}, {"text": "there"}),
        _events({"delta": {"tool_calls": {"function": {"name": "forbidden", "arguments": ""}}}},
                {"delta": {"tool_calls": {"function": {"arguments": "{}"}}}}),
        _events({"choices": [{"index": 0, "delta": {"tool_calls": [
            {"index": 0, "id": "c", "function": FUNCTION}]}, "finish_reason": "tool_calls"}]}),
    ],
)  # fmt: skip
def test_a_call_within_events_of_another_shape_doesnt_come(stage: Scene, told: bytes) -> None:
    """Whole in its event it is judged, and in pieces as they add up."""
    stage.upstream.answer(lambda _: Reply.of(told, "text/event-stream"))
    body = {"model": "m", "messages": [], "stream": True}
    answer = stage.post(json.dumps(body).encode(), path="/anything")
    assert b"arguments" not in answer.body
    assert answer.events[-1]["error"]


def test_pieces_of_a_call_are_judged_as_they_add_up(stage: Scene) -> None:
    """No event has the name and all of the arguments; text before them has left."""
    told = _events({"type": "message.output.delta", "content": "Hi"},
                   {"type": "function.call.delta", "name": "forbidden", "arguments": '{"a'},
                   {"type": "function.call.delta", "arguments": '": 1}'})  # fmt: skip
    stage.upstream.answer(lambda _: Reply.of(told, "text/event-stream"))
    body = {"model": "m", "inputs": "hi", "stream": True}
    answer = stage.post(json.dumps(body).encode(), path="/v1/conversations")
    assert answer.events[0]["content"] == "Hi"
    assert answer.events[-1]["error"]["code"] == "POLICY_VIOLATION"
    assert b'{\\"a' not in answer.body


def test_a_rewrite_of_a_body_without_a_model_has_none_either(stage: Scene) -> None:
    """The path's model isn't put into what is sent on."""
    body = {**ANTHROPIC, "messages": [{"role": "user", "content": "my private word"}]}
    told = b'{"type": "message", "role": "assistant", "content": []}'
    stage.upstream.answer(lambda _: Reply.of(told, "application/json"))
    answer = stage.post(json.dumps(body).encode(), path="/model/redacted/invoke", headers=JSON_BODY)
    assert answer.status == 200, answer
    sent = json.loads(stage.upstream.requests[-1].body)
    assert sent == {**ANTHROPIC, "messages": [{"role": "user", "content": "my [cut] word"}]}
