"""An answer of Gemini's that ends with another call than the one that was denied."""

from __future__ import annotations

import json
from typing import Any

from helm_boundary.calls.call import Json, ToolCall
from helm_boundary.streaming.stream import Stream

from .event_data import write_event
from .gemini_parts import count_calls, member, parts_of
from .gemini_stream import GeminiStream


def events(stream: Stream, call: ToolCall, name: str, arguments: str) -> list[bytes] | None:
    """Write the answer with the call, why the model stopped, and the end."""
    if not isinstance(stream, GeminiStream) or call.choice or call.type != "function":
        return None
    answer = {"candidates": [_candidate([_part(call, name, arguments)])]}
    model = stream.answer().model
    told = answer if model is None else {**answer, "modelVersion": model}
    return [write_event(told)]


def body(answer: Json, call: ToolCall, name: str, arguments: str) -> Json | None:
    """Write an answer anew, with what it says before its first call, and this one."""
    candidates = answer.get("candidates") if isinstance(answer, dict) else None
    if not isinstance(answer, dict) or not isinstance(candidates, list) or len(candidates) != 1:
        return None
    if call.type != "function":
        return None
    before = []
    for part in parts_of(member(candidates[0], "content")):
        if count_calls(part):
            break
        before.append(part)
    return {**answer, "candidates": [_candidate([*before, _part(call, name, arguments)])]}


def _candidate(parts: list[dict[str, Json]]) -> dict[str, Any]:
    return {"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": "STOP"}


def _part(call: ToolCall, name: str, arguments: str) -> dict[str, Any]:
    made = {"name": name, "args": json.loads(arguments)}
    return {"functionCall": made if call.id is None else {"id": call.id, **made}}
