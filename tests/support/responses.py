"""The Responses API as an upstream speaks it (`ResponseStreamEvent` in OpenAI's description)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

from support.chat import slices
from support.wire import Recorded, Reply

_numbers = itertools.count(1)


def message(text: str) -> dict[str, Any]:
    """Return an output item with text in it."""
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"type": "message", "id": _id("msg"), "role": "assistant", "status": "completed",
            "content": [part]}  # fmt: skip


def function_call(name: str, arguments: str = "{}") -> dict[str, Any]:
    """Return an output item that calls a function; `arguments` is JSON text."""
    return {"type": "function_call", "id": _id("fc"), "call_id": _id("call"), "name": name,
            "arguments": arguments, "status": "completed"}  # fmt: skip


def built_in_call(kind: str, **members: Any) -> dict[str, Any]:
    """Return an output item of a tool that the provider brings, such as `shell_call`."""
    return {"type": kind, "id": _id(kind), "status": "completed", **members}


def reply_to_response(request: Recorded, *items: dict[str, Any]) -> Reply:
    """Answer a request for a response, streaming if it asks to; greets without items."""
    asked = request.json()
    output = items or (message("Hello from the upstream."),)
    if asked.get("stream"):
        return Reply.events(*response_events(asked, output))
    return Reply.json(response_object(asked, output))


def response_object(asked: dict[str, Any], output: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return a completed `response` object."""
    return {
        "id": _id("resp"), "object": "response", "created_at": 1_760_000_000,
        "status": "completed", "model": asked.get("model"), "output": list(output),
        "error": None, "incomplete_details": None, "instructions": asked.get("instructions"),
        "metadata": {}, "parallel_tool_calls": True, "temperature": 1.0, "top_p": 1.0,
        "tool_choice": "auto", "tools": asked.get("tools", []),
        "usage": {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18,
                  "input_tokens_details": {"cached_tokens": 0},
                  "output_tokens_details": {"reasoning_tokens": 0}},
    }  # fmt: skip


def response_events(asked: dict[str, Any], output: Sequence[dict[str, Any]]) -> Iterator[bytes]:
    """Yield every event of a response's stream, each as the bytes of one chunk."""
    final = response_object(asked, output)
    begun = {**final, "status": "in_progress", "output": [], "usage": None}
    told: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for index, item in enumerate(output):
        told += _item_events(index, item)
    told.append({"type": "response.completed", "response": final})
    for number, value in enumerate(told):
        yield typed_event({**value, "sequence_number": number})


def typed_event(value: dict[str, Any]) -> bytes:
    """Return one server-sent event named after its `type`."""
    return f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode()


def _item_events(index: int, item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    place = {"output_index": index, "item_id": item["id"]}
    empty = {**item, "status": "in_progress"}
    for key in ("content", "arguments", "input"):
        if key in item:
            empty[key] = [] if key == "content" else ""
    yield {"type": "response.output_item.added", "output_index": index, "item": empty}
    if item["type"] == "message":
        yield from _text_events(place, item["content"][0])
    elif item["type"] == "function_call":
        for piece in slices(item["arguments"], 5):
            yield {"type": "response.function_call_arguments.delta", **place, "delta": piece}
        yield {"type": "response.function_call_arguments.done", **place, "name": item["name"],
               "arguments": item["arguments"]}  # fmt: skip
    else:
        yield {"type": f"response.{item['type']}.in_progress", **place}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _text_events(place: dict[str, Any], part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    where = {**place, "content_index": 0}
    yield {"type": "response.content_part.added", **where, "part": {**part, "text": ""}}
    for piece in slices(part["text"], 4):
        yield {"type": "response.output_text.delta", **where, "delta": piece, "logprobs": []}
    yield {"type": "response.output_text.done", **where, "text": part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", **where, "part": part}


def _id(prefix: str) -> str:
    return f"{prefix}_{next(_numbers):08d}"
