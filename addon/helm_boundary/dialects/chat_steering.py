"""A chat completion that ends with another call than the one that was denied."""

from __future__ import annotations

from typing import Any

from helm_boundary.calls.call import Json, ToolCall
from helm_boundary.streaming.stream import Stream

from .chat_stream import ChatStream
from .event_data import END, write_event

_CALLS = frozenset({"tool_calls", "function_call", "executed_tools"})


def events(stream: Stream, call: ToolCall, name: str, arguments: str) -> list[bytes] | None:
    """Write the chunks of one call, why the model stopped, and the end."""
    if not isinstance(stream, ChatStream) or call.choice:
        return None
    member, told = _call(call, name, arguments)
    delta = told if member == "function_call" else [{"index": _index(call), **told}]
    reason = "function_call" if member == "function_call" else "tool_calls"
    return [
        _chunk(stream, {member: delta}, None),
        _chunk(stream, {}, reason),
        b"data: " + END + b"\n\n",
    ]


def body(answer: Json, call: ToolCall, name: str, arguments: str) -> Json | None:
    """Write a completion anew, whose only choice has one call."""
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(answer, dict):
        return None
    member, told = _call(call, name, arguments)
    message = {key: said for key, said in choices[0]["message"].items() if key not in _CALLS}
    message[member] = told if member == "function_call" else [told]
    return {**answer, "choices": [{**choices[0], "message": message}]}


def _call(call: ToolCall, name: str, arguments: str) -> tuple[str, dict[str, Any]]:
    """Return the member that calls stand in, and the call."""
    function = {"name": name, "arguments": arguments}
    if call.pointer.endswith("/function_call"):
        return "function_call", function
    if call.type == "custom":
        custom = {"name": name, "input": arguments}
        return "tool_calls", {"id": call.id, "type": "custom", "custom": custom}
    return "tool_calls", {"id": call.id, "type": "function", "function": function}


def _index(call: ToolCall) -> int:
    last = call.pointer.rpartition("/")[2]
    return int(last) if last.isdecimal() else 0


def _chunk(stream: ChatStream, delta: dict[str, Json], reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    told: dict[str, Any] = {**stream.head, "choices": [choice]}
    return write_event(told)
