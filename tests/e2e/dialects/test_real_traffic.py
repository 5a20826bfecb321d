"""What providers really send, through the real mitmdump: allowed, it comes as it was sent.

Denied, none of it comes. The outcome says how it ended and what it cost.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from support import chat, messages
from support.approvals import records
from support.boundary import Boundary
from support.responses import typed_event
from support.upstream import Upstream
from support.wire import Framing, Reply

JSON, EVENTS, LINES = "application/json", "text/event-stream", "application/x-ndjson"
HELLO = [{"role": "user", "content": "hi"}]
ASK: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "m", "messages": HELLO, "stream": True},
    "/v1/fim/completions": {"model": "m", "prompt": "def f(", "stream": True},
    "/v1/messages": {"model": "m", "max_tokens": 5, "messages": HELLO, "stream": True},
    "/v1/responses": {"model": "m", "input": "hi", "stream": True},
    "/v1/responses/resp_1/cancel": {},
    "/v1/images/generations": {"model": "m", "prompt": "hi", "stream": True},
    "/v1/embeddings": {"model": "m", "input": "hi"},
    "/api/chat": {"model": "m", "messages": HELLO},
    "/api/generate": {"model": "m", "prompt": "hi", "stream": False},
    "/api/v1/services/aigc/text-generation/generation": {
        "model": "m", "input": {"messages": HELLO}, "parameters": {"incremental_output": True},
    },
    "/v1/conversations": {"model": "m", "inputs": "hi", "stream": True},
    "/v1beta/interactions": {"model": "m", "input": "hi"},
    "/v2/chat": {"model": "m", "messages": HELLO},
    "/v1beta/models/m:generateContent": {"contents": [{"parts": [{"text": "hi"}]}]},
    "/v1beta/models/m:streamGenerateContent?alt=sse": {"contents": [{"parts": [{"text": "hi"}]}]},
}  # fmt: skip
CHAT = "/v1/chat/completions"
DASHSCOPE = "/api/v1/services/aigc/text-generation/generation"
USAGE = {"prompt_tokens": 10, "completion_tokens": 7}


def ask(boundary: Boundary, path: str) -> httpx.Response:
    """Post a request; everything that came of it."""
    body = json.dumps(ASK[path]).encode() if ASK[path] else b""
    return httpx.post(boundary.url + path, content=body, headers={"content-type": JSON}, timeout=30)


def reply(body: Sequence[bytes] | bytes | dict[str, Any], kind: str, status: int = 200) -> Reply:
    """Build an answer with that body under that content type; a list of bytes comes in chunks."""
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    steps = (body,) if isinstance(body, bytes) else tuple(body)
    framing = Framing.LENGTH if len(steps) == 1 else Framing.CHUNKED
    return Reply(status, (("content-type", kind),), steps, framing)


def call(name: str, arguments: Any = "{}", **more: Any) -> dict[str, Any]:
    """Build a chat's call, or a fragment of it."""
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


def deltas(*tools: dict[str, Any], finish: str | None = "tool_calls") -> list[bytes]:
    """Build a chat's stream with a chunk for each fragment."""
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": [tool]}}]} for tool in tools]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    return [*map(chat.event, [*chunks, end]), chat.DONE]


def whole(tool: dict[str, Any], **message: Any) -> dict[str, Any]:
    """Build a chat's whole answer."""
    said = {"role": "assistant", "content": None, "tool_calls": [tool], **message}
    return {"choices": [{"index": 0, "message": said, "finish_reason": "tool_calls"}]}


def used(name: str) -> list[bytes]:
    """Build a message that max_tokens cut off inside its use of a tool."""
    block = messages.tool_use(name) | {"input": {}}
    delta = {"type": "input_json_delta", "partial_json": '{"a'}
    return [
        typed_event(event)
        for event in (
            {"type": "message_start", "message": {"content": [], "model": "m"}},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}},
            {"type": "message_stop"},
        )
    ]


def lines(*values: dict[str, Any]) -> list[bytes]:
    """Build a stream of lines of JSON."""
    return [json.dumps(value).encode() + b"\n" for value in values]


def candidates(name: str) -> dict[str, Any]:
    """Gemini's answer."""
    parts = [{"text": "x"}, {"functionCall": {"name": name, "args": {}}}]
    return {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}


def calls(name: str) -> dict[str, tuple[str, Reply]]:
    """Answers with a call of that tool."""
    bare = call(name, "{}", id="a")
    ollama = {"message": {"content": "", "tool_calls": [call(name, {"a": 1})]}, "done": True}
    cohere = {"finish_reason": "TOOL_CALL", "message": {"content": [], "tool_calls": [bare]}}
    start = {"content": [messages.tool_use(name)], "model": "m"}
    several = [{"content": "x"}, {"content": "", "tool_calls": [bare]}]
    function = {"type": "function.call.delta", "id": "i", "name": name, "arguments": '{"a'}
    step = {"type": "function_call", "id": "c", "name": name, "arguments": {}}
    interaction = {"id": "i", "status": "requires_action", "steps": [step]}
    run = [{"type": "mcp", "name": name, "arguments": "{}", "output": "r"}]
    return {
        "no index": (CHAT, reply(deltas(call("look", id="a"), call(name, id="b")), EVENTS)),
        "an index of null": (CHAT, reply(deltas(call(name, index=None)), EVENTS)),
        "one index for all": (
            CHAT,
            reply(deltas(call("look", id="a", index=0), call(name, id="b", index=0)), EVENTS),
        ),
        "an id that changes": (
            CHAT,
            reply(deltas(call(name, "", id="a", index=0), call("", id="b", index=0)), EVENTS),
        ),
        "an object": (CHAT, reply(deltas(call(name, {"a": 1}, index=0)), EVENTS)),
        "an object, whole": (CHAT, reply(whole(call(name, {"a": 1})), JSON)),
        "run by the provider": (
            CHAT,
            reply(whole(bare, tool_calls=None, executed_tools=run), JSON),
        ),
        "cut off": (CHAT, reply(deltas(call(name, '{"a', index=0), finish="length"), EVENTS)),
        "a message that was cut off": ("/v1/messages", reply(used(name), EVENTS)),
        "a message that begins with it": (
            "/v1/messages",
            reply(
                [typed_event({"type": "message_start", "message": start}),
                 typed_event({"type": "message_stop"})],
                EVENTS,
            ),
        ),
        "one of several messages": (
            CHAT,
            reply({"choices": [{"messages": several, "finish_reason": "tool_calls"}]}, JSON),
        ),
        "a conversation that was cut off": (
            "/v1/conversations",
            reply(
                [typed_event(function), typed_event({"type": "conversation.response.done"})],
                EVENTS,
            ),
        ),
        "an interaction's": ("/v1beta/interactions", reply(interaction, JSON)),
        "an interaction's, at its end alone": (
            "/v1beta/interactions",
            reply(
                [chat.event({"event_type": "interaction.completed", "interaction": interaction})],
                EVENTS,
            ),
        ),
        "chunks of a chat for code": (
            "/v1/fim/completions",
            reply(deltas(call(name, index=0)), EVENTS),
        ),
        "events under JSON's name": (CHAT, reply(b"".join(deltas(call(name, index=0))), JSON)),
        "JSON under a stream's name": (
            CHAT,
            reply(json.dumps(whole(bare)).encode() + b"\n\n" + chat.DONE, EVENTS),
        ),
        "Ollama's": ("/api/chat", reply(lines(ollama), LINES)),
        "Ollama's, whole": ("/api/chat", reply(ollama, JSON)),
        "Cohere's": ("/v2/chat", reply(cohere, JSON)),
        "Gemini's": ("/v1beta/models/m:generateContent", reply(candidates(name), JSON)),
        "Gemini's stream": (
            "/v1beta/models/m:streamGenerateContent?alt=sse",
            reply([chat.event(candidates(name))], EVENTS),
        ),
    }  # fmt: skip


def output(reason: str) -> dict[str, Any]:
    """DashScope's answer, which says at its end why it stopped."""
    choice = {"message": {"role": "assistant", "content": "hi"}, "finish_reason": reason}
    return {"output": {"choices": [choice]}, "request_id": "r"}


SAID = {"choices": [{"index": 0, "delta": {"content": "hi"}}]}
OTHERS: dict[str, tuple[str, Reply]] = {
    "an error in plain words": (CHAT, reply(b"Too Many Requests", JSON, 429)),
    "a page of an error": (CHAT, reply(b"<html>Bad gateway</html>", JSON, 502)),
    "an error's object as a stream": (CHAT, reply({"error": {"message": "x"}}, EVENTS, 400)),
    "empty data": (CHAT, reply([b"data:\n\n", chat.event(SAID), b"data: \n\n", chat.DONE], EVENTS)),
    "a cost after the end": (
        CHAT,
        reply([chat.event(SAID), chat.DONE, chat.event({"choices": [], "cost": "1"})], EVENTS),
    ),
    "a choice without a message": (
        CHAT,
        reply({"choices": [{"index": 0, "finish_reason": "content_filter"}]}, JSON),
    ),
    "no choices": (CHAT, reply({"object": "chat.completion", "usage": USAGE}, JSON)),
    "an empty call": (
        CHAT,
        reply(whole({}, tool_calls=None, function_call={"name": "", "arguments": ""}), JSON),
    ),
    "a message beside a delta": (
        CHAT,
        reply(
            [chat.event({"choices": [{"delta": {"content": "hi", "tool_calls": None},
                                      "message": {"content": "hi", "tool_calls": None}}]}),
             chat.DONE],
            EVENTS,
        ),
    ),
    "a request without a body": (
        "/v1/responses/resp_1/cancel",
        reply({"id": "resp_1", "status": "cancelled", "output": []}, JSON),
    ),
    "a picture of five megabytes": (
        "/v1/responses",
        reply(
            [typed_event({"type": "response.output_item.done", "output_index": 0,
                          "item": {"type": "image_generation_call", "id": "i",
                                   "status": "completed", "result": "A" * (5 << 20)}}),
             typed_event({"type": "response.completed", "response": {"output": []}})],
            EVENTS,
        ),
    ),
    "Ollama's text": (
        "/api/chat",
        reply(lines({"message": {"content": "hi"}, "done": False}, {"done": True}), LINES),
    ),
    "Ollama's completion": ("/api/generate", reply({"response": "hi", "done": True}, JSON)),
}  # fmt: skip


@pytest.mark.parametrize("case", [*calls("look"), *OTHERS])
def test_what_is_allowed_comes_as_it_was_sent(
    boundary: Boundary, upstream: Upstream, case: str
) -> None:
    """Byte for byte, with its status."""
    path, given = {**calls("look"), **OTHERS}[case]
    upstream.answer(lambda _: given)
    answer = ask(boundary, path)
    assert answer.status_code == given.status
    assert answer.content == b"".join(step for step in given.steps if isinstance(step, bytes))


@pytest.mark.parametrize("case", calls("rm_rf"))
def test_nothing_of_what_is_denied_comes(boundary: Boundary, upstream: Upstream, case: str) -> None:
    """In whichever reading the tool is the one that policy denies."""
    path, given = calls("rm_rf")[case]
    upstream.answer(lambda _: given)
    answer = ask(boundary, path)
    assert "rm_rf" not in answer.text
    assert "SANDBOX_VIOLATION" in answer.text


OUTCOMES: dict[str, tuple[str, Reply, dict[str, Any]]] = {
    "usage in a choice": (
        CHAT,
        reply(
            [chat.event({"model": "m-1", **SAID}),
             chat.event({"model": "", "choices": [{"delta": {}, "finish_reason": "stop",
                                                   "usage": USAGE}]})],
            EVENTS,
        ),
        {"end": "complete", "modelServed": "m-1", "finishReasons": ["stop"],
         "usage": {"inputTokens": 10, "outputTokens": 7}},
    ),
    "usage apart": (
        CHAT,
        reply(
            [chat.event({"choices": [], "usage": {
                **USAGE, "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 3}}}),
             chat.DONE],
            EVENTS,
        ),
        {"end": "complete", "usage": {"inputTokens": 10, "outputTokens": 7, "cachedTokens": 4,
                                      "reasoningTokens": 3}},
    ),
    "no reason": (
        CHAT,
        reply([chat.event(SAID), chat.DONE], EVENTS),
        {"end": "complete", "finishReasons": []},
    ),
    "a conversation": (
        "/v1/conversations",
        reply(
            [typed_event({"type": "message.output.delta", "id": "i", "content": "hi"}),
             typed_event({"type": "conversation.response.done", "usage": USAGE})],
            EVENTS,
        ),
        {"end": "complete", "usage": {"inputTokens": 10, "outputTokens": 7}},
    ),
    "a picture's": (
        "/v1/images/generations",
        reply(
            [typed_event({"type": "image_generation.partial_image", "b64_json": "AAAA"}),
             typed_event({"type": "image_generation.completed", "b64_json": "AAAA", "usage": {
                 "input_tokens": 10, "output_tokens": 7}})],
            EVENTS,
        ),
        {"end": "complete"},
    ),
    "DashScope's": (
        DASHSCOPE,
        reply(
            [chat.event(output("null")),
             chat.event({**output("stop"), "usage": {"input_tokens": 10, "output_tokens": 7}})],
            EVENTS,
        ),
        {"end": "complete", "usage": {"inputTokens": 10, "outputTokens": 7}},
    ),
    "DashScope's, cut off": (
        DASHSCOPE,
        reply([chat.event(output("null"))], EVENTS),
        {"end": "upstream_error"},
    ),
    "an error inside": (
        CHAT,
        reply([chat.event({"error": "quota exceeded"}), chat.DONE], EVENTS),
        {"end": "upstream_error"},
    ),
    "neither a reason nor an end": (
        CHAT,
        reply([chat.event(SAID)], EVENTS),
        {"end": "upstream_error"},
    ),
    "embeddings": (
        "/v1/embeddings",
        reply({"data": [], "usage": {"prompt_tokens": 7, "total_tokens": 7}}, JSON),
        {"usage": {"inputTokens": 7, "outputTokens": None}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OUTCOMES)
def test_the_outcome_says_how_it_ended_and_what_it_cost(
    boundary: Boundary, upstream: Upstream, case: str
) -> None:
    """In the provider's own numbers."""
    path, given, expected = OUTCOMES[case]
    upstream.answer(lambda _: given)
    before = len(records(boundary, "outcome"))
    ask(boundary, path)
    found = records(boundary, "outcome")
    assert len(found) == before + 1
    outcome = found[-1].predicate["outcome"]
    assert expected.items() <= outcome.items()
