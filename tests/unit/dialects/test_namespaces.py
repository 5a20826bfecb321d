"""Tools in a namespace: their calls are named as they are offered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helm_boundary.dialects import dialect
from helm_boundary.streaming.sse import EventCutter

CALL = {"id": "fc_1", "call_id": "call_1", "arguments": "{}", "status": "completed"}


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"type": "function_call", "name": "look", "namespace": "crm"}, "crm.look"),
        ({"type": "custom_tool_call", "name": "look", "namespace": "crm"}, "crm.look"),
        ({"type": "function_call", "name": "look", "namespace": ""}, "look"),
        ({"type": "function_call", "name": "look", "namespace": None}, "look"),
        ({"type": "mcp_call", "name": "look", "server_label": "crm"}, "mcp.crm.look"),
    ],
)
def test_a_call_is_named_with_its_namespace(said: dict[str, Any], name: str) -> None:
    """A whole answer's and a stream's, where the call begins with it and where it ends with it."""
    item = {**CALL, **said}
    if item["type"] == "custom_tool_call":
        item["input"] = item.pop("arguments")
    [call] = dialect("responses").read_response(200, {"output": [item]}).tool_calls
    assert call.name == name
    for start in (item, {key: value for key, value in item.items() if key != "namespace"}):
        assert streamed(start, item) == [name]


def test_a_namespace_that_the_finished_call_lacks_is_one_reading_of_two() -> None:
    """A client goes by the item as it ends, or by what was told before; policy hears both."""
    item = {**CALL, "type": "function_call", "name": "look"}
    assert streamed({**item, "namespace": "crm"}, item) == ["crm.look", "look"]


def streamed(start: dict[str, Any], end: dict[str, Any]) -> list[str]:
    """Return the names of the calls of a stream whose one item begins and ends so."""
    stream = dialect("responses").open_stream(200)
    assert stream is not None
    for kind, item in (("added", start), ("done", end)):
        event = {"type": f"response.output_item.{kind}", "output_index": 0, "item": item}
        for cut in EventCutter().feed(b"data: " + json.dumps(event).encode() + b"\n\n"):
            stream.read(cut)
    return [call.name for call in stream.answer(waiting_only=True).tool_calls]
