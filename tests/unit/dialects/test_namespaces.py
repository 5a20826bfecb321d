"""Tools in a namespace: their calls are named as they are offered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helm_boundary.dialects import dialect
from helm_boundary.streaming.sse import EventCutter

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
    stream = dialect("responses").open_stream(200)
    assert stream is not None
    for kind, item in (("added", start), ("done", end)):
        event = {"type": f"response.output_item.{kind}", "output_index": 0, "item": item}
        for cut in EventCutter().feed(b"data: " + json.dumps(event).encode() + b"\n\n"):
            stream.read(cut)
    return [call.name for call in stream.answer(waiting_only=True).tool_calls]
