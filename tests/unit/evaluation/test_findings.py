"""What is found says whether it can be cut out where it stands."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from helm_boundary.dialects import dialect
from helm_boundary.evaluation.findings import find_in_call
from helm_boundary.policy.detectors.detectors import compile_detectors
from helm_boundary.policy.sources.policy import read_policy
from support.leaks import CARD, MAIL

DETECTORS = compile_detectors(read_policy([]).detectors_text)
LONG = base64.b64encode(("nothing here, " * 30 + MAIL).encode()).decode()


def chat(message: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a chat with one message."""
    return {"model": "m", "messages": [message], **more}


def call(name: str, arguments: str) -> dict[str, Any]:
    """Return a message that calls a tool."""
    function = {"name": name, "arguments": arguments}
    return {"role": "assistant", "tool_calls": [{"id": "c", "function": function}]}


def use(name: str, given: Any) -> dict[str, Any]:
    """Return Anthropic's message that calls a tool."""
    return {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": "t", "name": name, "input": given}],
    }


FOUND: dict[str, tuple[str, dict[str, Any], list[tuple[str, str]]]] = {
    "a text": ("chat", chat({"role": "user", "content": MAIL}), [("text", "/messages/0/content")]),
    "a speaker's name": (
        "chat",
        chat({"role": "user", "content": "x", "name": MAIL}),
        [("text", "/messages/0/name")],
    ),
    "a member's name": (
        "chat",
        chat({"role": "user", "content": "x"}, metadata={MAIL: "x"}),
        [("name", f"/metadata/{MAIL}")],
    ),
    "a tool's name": (
        "chat",
        chat({"role": "user", "content": "x"}, tools=[{"function": {"name": MAIL}}]),
        [("name", "/tools/0/function/name")],
    ),
    "a called tool's name": (
        "chat",
        chat(call(CARD, "{}")),
        [("name", "/messages/0/tool_calls/0/function/name")],
    ),
    "arguments": (
        "chat",
        chat(call("f", json.dumps({"to": MAIL}))),
        [("text", "/messages/0/tool_calls/0/function/arguments")],
    ),
    "escapes in arguments": (
        "chat",
        chat(call("f", json.dumps({"to": MAIL}).replace("@", "\\u0040", 1))),
        [("coded", "/messages/0/tool_calls/0/function/arguments")],
    ),
    "arguments with escapes beside it": (
        "chat",
        chat(call("f", json.dumps({"to": f"Jürgen <{MAIL}>"}))),
        [("text", "/messages/0/tool_calls/0/function/arguments")],
    ),
    "arguments with an escape before it": (
        "chat",
        chat(call("f", json.dumps({"to": f"邮箱{MAIL}\n{MAIL}"}))),
        [("text", "/messages/0/tool_calls/0/function/arguments")] * 2,
    ),
    "a file in base64": (
        "chat",
        chat({"role": "user", "content": [{"type": "file", "file": {"file_data": LONG}}]}),
        [("coded", "/messages/0/content/0/file/file_data")],
    ),
    "Anthropic's tool": (
        "messages",
        chat({"role": "user", "content": "x"}, tools=[{"name": MAIL, "input_schema": {}}]),
        [("name", "/tools/0/name")],
    ),
    "Anthropic's call": (
        "messages",
        chat(use(MAIL, {})),
        [("name", "/messages/0/content/0/name")],
    ),
    "a name in the arguments of Anthropic's call": (
        "messages",
        chat(use("f", {"name": MAIL})),
        [("text", "/messages/0/content/0/input/name")],
    ),
    "Responses' tool": (
        "responses",
        {"model": "m", "input": "x", "tools": [{"type": "function", "name": MAIL}]},
        [("name", "/tools/0/name")],
    ),
    "Responses' call": (
        "responses",
        {
            "model": "m",
            "input": [{"type": "function_call", "call_id": "c", "name": MAIL, "arguments": "{}"}],
        },
        [("name", "/input/0/name")],
    ),
    "a chosen tool": (
        "responses",
        {"model": "m", "input": "x", "tool_choice": {"type": "function", "name": MAIL}},
        [("name", "/tool_choice/name")],
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_a_finding_says_where_it_is(name: str) -> None:
    """A text's words can be cut out; a name, and what is coded, can't."""
    kind, body, expected = FOUND[name]
    found = find_in_call(DETECTORS, dialect(kind).read_request(body))
    assert [(each.place, each.pointer) for each in found] == expected
