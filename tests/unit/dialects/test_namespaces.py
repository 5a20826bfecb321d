"""Tools in a namespace: their calls are named as they are offered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helm_boundary.calls.refusal import Refusal
from helm_boundary.dialects import dialect
from helm_boundary.streaming.sse import EventCutter
from helm_boundary.streaming.stream import Stream

BOTH = ["crm.look", "look"]
CALL = {"id": "fc_1", "call_id": "call_1", "arguments": "{}", "status": "completed"}


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ({"type": "function_call", "name": "look", "namespace": "crm"}, BOTH),
        ({"type": "custom_tool_call", "name": "look", "namespace": "crm"}, BOTH),
        ({"type": "function_call", "name": "look", "namespace": ""}, ["look"]),
        ({"type": "function_call", "name": "look", "namespace": None}, ["look"]),
        ({"type": "mcp_call", "name": "look", "server_label": "crm"}, ["mcp.crm.look"]),
    ],
)
def test_a_call_is_named_with_its_namespace_and_without(
    said: dict[str, Any], names: list[str]
) -> None:
    """Most clients run it by its bare name; in a stream, wherever the namespace is told."""
    item = {**CALL, **said}
    if item["type"] == "custom_tool_call":
        item["input"] = item.pop("arguments")
    whole = dialect("responses").read_response(200, {"output": [item]})
    assert [call.name for call in whole.tool_calls] == names
    bare = {key: value for key, value in item.items() if key != "namespace"}
    for start, end in ((item, item), (bare, item), (item, bare)):
        assert streamed(start, end) == names


def streamed(start: dict[str, Any], end: dict[str, Any]) -> list[str]:
    """Return the names of the calls of a stream whose one item begins and ends so."""
    told = [
        {"type": f"response.output_item.{kind}", "output_index": 0, "item": item}
        for kind, item in (("added", start), ("done", end))
    ]
    stream = read("responses", told)
    return [call.name for call in stream.answer(waiting_only=True).tool_calls]


def read(name: str, told: list[dict[str, Any]]) -> Stream:
    """Return a stream of that dialect that has read these events."""
    stream = dialect(name).open_stream(200)
    assert stream is not None
    for event in told:
        for cut in EventCutter().feed(b"data: " + json.dumps(event).encode() + b"\n\n"):
            stream.read(cut)
    return stream


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({"toolset_name": "browser"}, ["browser.look", "look"]),
        ({"toolset_name": None}, ["look"]),
        ({"toolset_name": ""}, ["look"]),
        ({}, ["look"]),
    ],
)
@pytest.mark.parametrize("reason", ["tool_use", "max_tokens"])
def test_a_toolsets_tool_is_named_with_it_and_without(
    more: dict[str, Any], names: list[str], reason: str
) -> None:
    """A browser's `navigate` isn't an application's, and a client may know of no toolsets."""
    block = {"type": "tool_use", "id": "t", "name": "look", "input": {}, **more}
    whole = dialect("messages").read_response(200, {"content": [block]})
    stream = read(
        "messages",
        [
            {"type": "message_start", "message": {"content": []}},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": reason}},
        ],
    )
    waiting = stream.answer(waiting_only=True)
    for answer in (whole, waiting):
        assert [call.name for call in answer.tool_calls] == names
        assert {call.pointer for call in answer.tool_calls} == {"/content/0"}


@pytest.mark.parametrize("more", [{"toolset_name": ["browser"]}, {"Toolset_Name": "browser"}])
def test_a_toolset_that_clients_read_differently_is_refused(more: dict[str, Any]) -> None:
    """Some take it for a name, and others for none."""
    block = {"type": "tool_use", "id": "t", "name": "look", "input": {}, **more}
    with pytest.raises(Refusal):
        dialect("messages").read_response(200, {"content": [block]})
