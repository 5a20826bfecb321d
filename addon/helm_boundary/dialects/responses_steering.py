"""A response that ends with another call than the one that was denied."""

from __future__ import annotations

from typing import Any

from helm_boundary.calls.call import Json, ToolCall
from helm_boundary.streaming.stream import Stream
from helm_boundary.wire.strict_json import dump_ascii

from .event_data import write_event
from .json_shape import text_of
from .responses_items import is_tool_call
from .responses_stream import ResponsesStream

_KINDS = {
    "function": ("function_call", "arguments", "function_call_arguments"),
    "custom": ("custom_tool_call", "input", "custom_tool_call_input"),
}
"""By a call's kind: its item's type, the member with its text, and its events' name."""


def events(stream: Stream, call: ToolCall, name: str, arguments: str) -> list[bytes] | None:
    """Write the events of one item, and the response's end."""
    told = _told(stream, call, name, arguments)
    return None if told is None else [write_event(each, each["type"]) for each in told]


def messages(stream: Stream, call: ToolCall, name: str, arguments: str) -> list[bytes] | None:
    """Write the same as messages of a WebSocket."""
    told = _told(stream, call, name, arguments)
    return None if told is None else [dump_ascii(each) for each in told]


def body(answer: Json, call: ToolCall, name: str, arguments: str) -> Json | None:
    """Write a response anew, with what it says before its first call, and this one."""
    output = answer.get("output") if isinstance(answer, dict) else None
    if not isinstance(output, list) or call.type not in _KINDS or not isinstance(answer, dict):
        return None
    items = [item for item in output if isinstance(item, dict)]
    denied = next((item for item in items if _is_of(item, call)), None)
    if denied is None:
        return None
    before = items[: next(at for at, item in enumerate(items) if is_tool_call(item))]
    return {**answer, "output": [*before, _item(denied, call, name, arguments)]}


def _told(stream: Stream, call: ToolCall, name: str, arguments: str) -> list[dict[str, Any]] | None:
    place = call.pointer.rpartition("/")[2]
    if not isinstance(stream, ResponsesStream) or call.type not in _KINDS or not place.isdecimal():
        return None
    index = int(place)
    denied = stream.items.get(index)
    if denied is None or not stream.response:
        return None
    item = _item(denied, call, name, arguments)
    _, member, kind = _KINDS[call.type]
    at = {"output_index": index, "item_id": item.get("id")}
    before = [stream.items[each] for each in sorted(stream.items) if each < index]
    response = {**stream.response, "status": "completed", "output": [*before, item]}
    begun = {**item, member: "", "status": "in_progress"}
    told: list[dict[str, Any]] = [
        {"type": "response.output_item.added", "output_index": index, "item": begun},
        {"type": f"response.{kind}.delta", **at, "delta": arguments},
        {"type": f"response.{kind}.done", **at, "name": name, member: arguments},
        {"type": "response.output_item.done", "output_index": index, "item": item},
        {"type": "response.completed", "response": response},
    ]
    first = stream.numbers.get(index, 0)
    return [{**each, "sequence_number": first + n} for n, each in enumerate(told)]


def _is_of(item: dict[str, Json], call: ToolCall) -> bool:
    return is_tool_call(item) and call.id in (item.get("call_id"), item.get("id"))


def _item(denied: dict[str, Json], call: ToolCall, name: str, arguments: str) -> dict[str, Json]:
    """Write the item that takes a denied one's place, ids and kind."""
    kind, member, _ = _KINDS[call.type]
    ids = {key: denied[key] for key in ("id", "call_id") if text_of(denied.get(key))}
    return {**ids, "type": kind, "name": name, member: arguments, "status": "completed"}
