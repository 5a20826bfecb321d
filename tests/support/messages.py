"""Anthropic's Messages API as an upstream speaks it, after its API reference."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

from support.chat import slices
from support.responses import typed_event
from support.wire import Recorded, Reply

_numbers = itertools.count(1)


def text(words: str) -> dict[str, Any]:
    """Return a block of text."""
    return {"type": "text", "text": words}


def tool_use(name: str, **arguments: Any) -> dict[str, Any]:
    """Return a block that uses a tool."""
    return {"type": "tool_use", "id": f"toolu_{next(_numbers):06d}", "name": name,
            "input": arguments}  # fmt: skip


def reply_to_message(request: Recorded, *blocks: dict[str, Any]) -> Reply:
    """Answer a request for a message, streaming if it asks to; greets without blocks."""
    asked = request.json()
    content = blocks or (text("Hello from the upstream."),)
    if asked.get("stream"):
        return Reply.events(*message_events(asked, content))
    return Reply.json(message_object(asked, content))


def message_object(asked: dict[str, Any], content: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return a whole `message` object."""
    uses_tool = any(block["type"] == "tool_use" for block in content)
    return {
        "id": f"msg_{next(_numbers):06d}", "type": "message", "role": "assistant",
        "model": asked.get("model"), "content": list(content),
        "stop_reason": "tool_use" if uses_tool else "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 5},
    }  # fmt: skip


def message_events(asked: dict[str, Any], content: Sequence[dict[str, Any]]) -> Iterator[bytes]:
    """Yield every event of a message's stream, each as the bytes of one chunk."""
    final = message_object(asked, content)
    start = {**final, "content": [], "stop_reason": None}
    yield typed_event({"type": "message_start", "message": start})
    yield typed_event({"type": "ping"})
    for index, block in enumerate(content):
        for value in _block_events(index, block):
            yield typed_event(value)
    delta = {"stop_reason": final["stop_reason"], "stop_sequence": None}
    yield typed_event({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5}})
    yield typed_event({"type": "message_stop"})


def _block_events(index: int, block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    is_text = block["type"] == "text"
    empty = {**block, "text": ""} if is_text else {**block, "input": {}}
    yield {"type": "content_block_start", "index": index, "content_block": empty}
    said = block["text"] if is_text else json.dumps(block["input"])
    for piece in slices(said, 4):
        delta = (
            {"type": "text_delta", "text": piece}
            if is_text
            else {"type": "input_json_delta", "partial_json": piece}
        )
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}
