"""A message that ends with another tool's use than the one that was denied."""

from __future__ import annotations

import json
from typing import Any

from helm_boundary.calls.call import Json, ToolCall
from helm_boundary.streaming.stream import Stream

from .event_data import write_event
from .messages_blocks import is_tool_call
from .messages_stream import MessagesStream

_REASON = "tool_use"


def events(stream: Stream, call: ToolCall, name: str, arguments: str) -> list[bytes] | None:
    """Write a block with the use, why the model stopped, and the end."""
    place = call.pointer.rpartition("/")[2]
    if type(stream) is not MessagesStream or not place.isdecimal():
        return None
    at = {"index": int(place)}
    block: dict[str, Any] = {"type": "tool_use", "id": call.id, "name": name, "input": {}}
    delta = {"type": "input_json_delta", "partial_json": arguments}
    stopped = {"stop_reason": _REASON, "stop_sequence": None}
    usage = {"output_tokens": stream.answer().usage.output_tokens or 1}
    return [
        _event("content_block_start", **at, content_block=block),
        _event("content_block_delta", **at, delta=delta),
        _event("content_block_stop", **at),
        _event("message_delta", delta=stopped, usage=usage),
        _event("message_stop"),
    ]


def body(answer: Json, call: ToolCall, name: str, arguments: str) -> Json | None:
    """Write a message anew, with what it says before its first tool's use, and this one."""
    content = answer.get("content") if isinstance(answer, dict) else None
    if not isinstance(content, list) or not isinstance(answer, dict):
        return None
    before = []
    for block in content:
        if is_tool_call(block):
            break
        before.append(block)
    use = {"type": "tool_use", "id": call.id, "name": name, "input": json.loads(arguments)}
    return {**answer, "content": [*before, use], "stop_reason": _REASON}


def _event(kind: str, **members: Any) -> bytes:
    return write_event({"type": kind, **members}, kind)
