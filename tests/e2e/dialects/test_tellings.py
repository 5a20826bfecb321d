"""Streams that tell a call or a text in two ways, through the real mitmdump.

What a client can read, policy has judged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import httpx
import pytest

from support import chat, messages
from support.boundary import Boundary
from support.responses import function_call, message, reply_to_response, typed_event
from support.upstream import Upstream
from support.wire import Reply

type Events = Iterable[dict[str, Any]]

PLACE = {"output_index": 0, "item_id": "fc_1"}
ASK = {
    "/v1/responses": {"model": "gpt-5-mini", "input": "hi", "stream": True},
    "/v1/messages": {
        "model": "claude-sonnet-4-5", "max_tokens": 5, "stream": True,
        "messages": [{"role": "user", "content": "hi"}],
    },
    "/v1/chat/completions": {
        "model": "gpt-5-mini", "stream": True, "messages": [{"role": "user", "content": "hi"}],
    },
    "/v1/completions": {"model": "gpt-5-mini", "stream": True, "prompt": "hi"},
}  # fmt: skip


def ask(boundary: Boundary, path: str, **changes: Any) -> httpx.Response:
    """Post a streaming request; return the whole stream that came of it."""
    return httpx.post(boundary.url + path, json={**ASK[path], **changes}, timeout=20)


def told(events: Events) -> bytes:
    """Return the stream of those events."""
    return b"".join(map(typed_event, events))


def call(name: str = "look", arguments: str = "{}") -> dict[str, Any]:
    """Return a function call's item, the same each time."""
    return {**function_call(name, arguments), "id": "fc_1", "call_id": "call_1"}


def function(
    start: dict[str, Any], said: str, end: dict[str, Any], final: dict[str, Any]
) -> Events:
    """Return a response that tells a function call four times."""
    return (
        {"type": "response.created", "response": {"output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": start},
        {"type": "response.function_call_arguments.delta", **PLACE, "delta": said},
        {"type": "response.output_item.done", "output_index": 0, "item": end},
        {"type": "response.completed", "response": {"output": [final]}},
    )


def block(start: dict[str, Any], said: str) -> Events:
    """Return a message that uses a tool."""
    used = messages.tool_use("look") | {"input": start}
    delta = {"type": "input_json_delta", "partial_json": said}
    return (
        {"type": "message_start", "message": {"content": [], "model": "m"}},
        {"type": "content_block_start", "index": 0, "content_block": used},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_stop"},
    )


DOTS = '{"path": "."}'
EVIL = '{"path": "/", "wipe": true}'
CASES: dict[str, tuple[str, Events]] = {
    "a name at the start": (
        "/v1/responses",
        function(call("wipe_disk", ""), DOTS, call("look", DOTS), call("look", DOTS)),
    ),
    "arguments at the start": (
        "/v1/responses",
        function(call("look", EVIL), DOTS, call("look", DOTS), call("look", DOTS)),
    ),
    "arguments in deltas": (
        "/v1/responses",
        function(call("look", ""), EVIL, call("look", DOTS), call("look", DOTS)),
    ),
    "arguments at the end": (
        "/v1/responses",
        function(call("look", ""), DOTS, call("look", DOTS), call("look", EVIL)),
    ),
    "input where a block starts": ("/v1/messages", block({"wipe": True}, DOTS)),
}


@pytest.mark.parametrize("case", CASES)
def test_a_telling_that_policy_did_not_see_is_not_delivered(
    boundary: Boundary, upstream: Upstream, case: str
) -> None:
    """The stream ends in an error that says why."""
    path, events = CASES[case]
    upstream.answer(lambda _: Reply.events(told(events)))
    body = ask(boundary, path).text
    assert "wipe" not in body
    assert "tells a tool call in two ways" in body


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("kind", ["custom_tool_call", "function_call"])
def test_input_beside_arguments_is_not_delivered(
    boundary: Boundary, upstream: Upstream, kind: str, stream: bool
) -> None:
    """Codex reads the one, another client the other."""
    item = call("look", "ls") | {"type": kind, "input": "wipe"}
    upstream.answer(lambda request: reply_to_response(request, item))
    answer = ask(boundary, "/v1/responses", stream=stream)
    assert "wipe" not in answer.text
    assert "both arguments and input" in answer.text


SAID = "the forbidden word"


def unrepeated(path: str) -> bytes:
    """Return a stream whose end doesn't say what its deltas did."""
    if path == "/v1/responses":
        place = {"output_index": 0, "content_index": 0, "item_id": "m"}
        return told(
            (
                {"type": "response.output_text.delta", **place, "delta": SAID},
                {"type": "response.completed", "response": {"output": [message("hello")]}},
            )
        )
    if path == "/v1/completions":
        choice = {"index": 0, "text": "", "reasoning": SAID}
        return b"".join((chat.event({"choices": [choice]}), chat.DONE))
    choice = {"index": 0, "text": SAID, "delta": {"content": ""}}
    return b"".join((chat.event({"choices": [choice]}), chat.DONE))


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/completions", "/v1/chat/completions"])
def test_deltas_are_judged_even_if_the_end_does_not_repeat_them(
    boundary: Boundary, upstream: Upstream, path: str
) -> None:
    """Before it comes where policy asked for `buffer`; else in the outcome."""
    upstream.answer(lambda _: Reply.events(unrepeated(path)))
    held = ask(boundary, path, model="buffered")
    assert held.status_code == 403
    assert held.json()["error"]["code"] == "DATA_EGRESS_BLOCKED"
    assert SAID in ask(boundary, path).text  # it has left before the end is known


def test_a_done_event_that_differs_from_its_deltas_is_judged(
    boundary: Boundary, upstream: Upstream
) -> None:
    """Whichever of both a client shows."""
    place = {"output_index": 0, "content_index": 0, "item_id": "m"}
    events = (
        {"type": "response.output_text.delta", **place, "delta": "hello"},
        {"type": "response.output_text.done", **place, "text": SAID},
        {"type": "response.completed", "response": {"output": [message("hello")]}},
    )
    upstream.answer(lambda _: Reply.events(told(events)))
    assert ask(boundary, "/v1/responses", model="buffered").status_code == 403


def test_a_member_in_another_letter_case_is_not_delivered(
    boundary: Boundary, upstream: Upstream
) -> None:
    """Readers in Go take the last of both for the arguments."""
    told_twice = {"name": "look", "arguments": "{}", "Arguments": json.dumps({"wipe": True})}
    delta = {"tool_calls": [{"index": 0, "id": "c", "function": told_twice}]}
    upstream.answer(
        lambda _: Reply.events(
            chat.event({"choices": [{"index": 0, "delta": delta}]}),
            chat.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
            chat.DONE,
        )
    )
    body = ask(boundary, "/v1/chat/completions").text
    assert "wipe" not in body
    assert "letter case" in body


@pytest.mark.parametrize("stream", [True, False])
def test_a_denied_call_within_another_is_not_delivered(
    boundary: Boundary, upstream: Upstream, stream: bool
) -> None:
    """The AI SDK runs what `parallel` names, whatever tools were offered."""
    use = {"recipient_name": "functions.rm_rf", "parameters": {"path": "/"}}
    item = call("parallel", json.dumps({"tool_uses": [use]}))
    upstream.answer(lambda request: reply_to_response(request, item))
    answer = ask(boundary, "/v1/responses", stream=stream)
    assert "rm_rf" not in answer.text
    assert "SANDBOX_VIOLATION" in answer.text


@pytest.mark.parametrize("stream", [True, False])
def test_wrappers_within_wrappers_are_not_delivered(
    boundary: Boundary, upstream: Upstream, stream: bool
) -> None:
    """More of them than anybody has; the answer says so."""
    said: dict[str, Any] = {"tool_uses": []}
    for _ in range(6):
        said = {"tool_uses": [{"recipient_name": "functions.parallel", "parameters": said}]}
    item = call("parallel", json.dumps(said))
    upstream.answer(lambda request: reply_to_response(request, item))
    answer = ask(boundary, "/v1/responses", stream=stream)
    assert "recipient_name" not in answer.text
    assert "wrap others" in answer.text


@pytest.mark.parametrize(("asked", "passes"), [({}, False), ({"n": 1}, False), ({"n": 2}, True)])
def test_calls_in_more_choices_than_were_asked_for_are_not_delivered(
    boundary: Boundary, upstream: Upstream, asked: dict[str, int], passes: bool
) -> None:
    """Who asks for one takes the first of each chunk for it, and would join these two."""
    turns = (chat.Turn("", (chat.ToolCall("rm_"),)), chat.Turn("", (chat.ToolCall("rf"),)))
    events = [*chat.stream_of(asked, turns), chat.DONE]
    upstream.answer(lambda _: Reply.events(*events))
    answer = ask(boundary, "/v1/chat/completions", **asked)
    assert (answer.content == b"".join(events)) == passes
    assert ("rm_" in answer.text) == passes
    assert ("more choices than were asked for" in answer.text) != passes
