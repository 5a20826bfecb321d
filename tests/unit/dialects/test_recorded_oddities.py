"""Odd forms that providers were recorded with: nothing hides in them, so they pass."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helm_boundary.calls.call import Answer, Call
from helm_boundary.calls.refusal import Refusal
from helm_boundary.dialects import dialect
from helm_boundary.parsing.models import name_models
from helm_boundary.policy.decision import ALLOW, Decision
from support.gates import END, Drive, open_gate

LOOK = {"name": "look", "arguments": '{"city": "Oslo"}'}
BLANK = {"name": "", "input": ""}
TWINS: dict[str, tuple[dict[str, Any], list[tuple[str, str, str]]]] = {
    "a function beside a blank custom tool": (
        {"function": LOOK, "custom": BLANK},
        [("function", "look", '{"city": "Oslo"}')],
    ),
    "a custom tool beside a blank function": (
        {"function": {"name": "", "arguments": ""}, "custom": {"name": "go", "input": "x"}},
        [("custom", "go", "x")],
    ),
    "a function beside nothing": (
        {"function": LOOK, "custom": {}},
        [("function", "look", '{"city": "Oslo"}')],
    ),
}


def whole(call: dict[str, Any]) -> Answer:
    """Read a chat's answer with that call in it."""
    message = {"role": "assistant", "content": None, "tool_calls": [{"id": "c", **call}]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    return dialect("chat").read_response(200, {"object": "chat.completion", "choices": [choice]})


def streamed(name: str, body: bytes) -> tuple[bytes, Answer]:
    """Say what leaves a gate that allows, and what was said."""
    gate = open_gate(name)
    return Drive(gate, lambda _: Decision(ALLOW, ())).run([body]), gate.stream.answer()


def event(value: dict[str, Any]) -> bytes:
    """Write an event."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


@pytest.mark.parametrize("case", TWINS)
def test_a_call_is_what_says_something(case: str) -> None:
    """Snowflake writes a function and a custom tool in each call, one of them blank."""
    call, told = TWINS[case]
    delta = {"tool_calls": [{"index": 0, "id": "c", **call}]}
    body = event({"choices": [{"index": 0, "delta": delta, "finish_reason": "tool_calls"}]})
    out, answer = streamed("chat", body)
    assert out == body
    for each in (whole(call), answer):
        assert [(c.type, c.name, c.arguments_text) for c in each.tool_calls] == told


@pytest.mark.parametrize("other", [{"name": "", "input": "x"}, {"name": "go"}, "go"])
def test_a_call_that_says_two_things_is_none(other: Any) -> None:
    """Clients would take one or the other."""
    call = {"function": LOOK, "custom": other}
    with pytest.raises(Refusal):
        whole(call)
    delta = {"tool_calls": [{"index": 0, "id": "c", **call}]}
    assert streamed("chat", event({"choices": [{"index": 0, "delta": delta}]}))[0] == END


def test_geminis_tools_may_be_one() -> None:
    """An object is a list of it, and each pointer leads to what it says."""
    declared = {"function_declarations": [{"name": "look"}], "code_execution": {}}
    body = {"contents": [{"parts": [{"text": "hi"}]}], "tools": declared}
    tools = dialect("gemini").read_request(body).tools
    assert [(tool.type, tool.name, tool.pointer) for tool in tools] == [
        ("function", "look", "/tools/functionDeclarations/0"),
        ("code_execution", "code_execution", "/tools/code_execution"),
    ]


START = {"id": "m", "type": "message", "role": "assistant", "content": [], "model": "claude"}
REST: list[dict[str, Any]] = [
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    {"type": "message_stop"},
]


def test_a_message_may_start_again_before_it_says_anything() -> None:
    """What a client begins anew with is nothing."""
    started = event({"type": "message_start", "message": START})
    body = started * 2 + b"".join(map(event, REST))
    out, answer = streamed("messages", body)
    assert out == body
    assert "Hi" in [text.text for text in answer.texts]


@pytest.mark.parametrize("content", [[], [{"type": "text", "text": "Other"}]])
def test_a_message_that_has_begun_doesnt_start_again(content: list[Any]) -> None:
    """Some clients would forget what was judged; one that brings content is no repetition."""
    started = event({"type": "message_start", "message": START})
    again = event({"type": "message_start", "message": {**START, "content": content}})
    begun = started + (b"" if content else event(REST[0]))
    out, _ = streamed("messages", begun + again)
    assert out == begun + END


def test_a_request_whose_tokens_are_counted_names_no_model() -> None:
    """Bedrock's `invokeModel` holds a body; the model is in the path."""
    counted = {"input": {"invokeModel": {"body": "eyJtZXNzYWdlcyI6W119"}}}
    assert name_models(Call(), counted).models == ()
    inner = {"input": {"invokeModel": {"model": "second"}}}
    assert name_models(Call(), inner).models == ("second",)
