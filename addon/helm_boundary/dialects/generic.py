"""Operations without a dialect of their own: the model if any, every text and tool call found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from helm_boundary.calls.call import Answer, Call, Json, Text, ToolCall, Usage
from helm_boundary.calls.texts import attachments, pointer_token, strings
from helm_boundary.streaming.stream import Stream

from . import chat
from .json_shape import tool_call
from .usage import read_usage


def read_request(body: Json) -> Call:
    """The call of any JSON body, or of none (`body` is then None)."""
    found = body if isinstance(body, dict) else {}
    model = found.get("model")
    return Call(
        model=model if isinstance(model, str) else None,
        stream=found.get("stream") is True,
        texts=tuple(strings(body, "", "user")),
        attachments=tuple(attachments(body, "")),
        parameters={key: item for key, item in found.items() if isinstance(item, int | float)},
        body=body,
    )


def read_response(status: int, body: Json) -> Answer:
    """The answer of any JSON body; a text that isn't JSON comes as one string."""
    if isinstance(body, str):
        return Answer(status, texts=(Text("", "assistant", body),))
    model = body.get("model") if isinstance(body, dict) else None
    return Answer(
        status,
        model=model if isinstance(model, str) else None,
        texts=tuple(strings(body, "", "assistant")),
        tool_calls=tuple(_tool_calls(body, "")),
        usage=read_usage(body.get("usage")) if isinstance(body, dict) else Usage(),
    )


def open_stream(status: int) -> Stream | None:
    """None: what isn't known is judged whole."""
    return None


def error_event(told: dict[str, Any]) -> bytes:
    """An error object, as in a chat completion's stream."""
    return chat.error_event(told)


def _tool_calls(value: Json, pointer: str) -> Iterator[ToolCall]:
    """Whatever looks like a tool call: a name with arguments (or a `tool_use` with input)."""
    if isinstance(value, list):
        for at, item in enumerate(value):
            yield from _tool_calls(item, f"{pointer}/{at}")
    elif isinstance(value, dict):
        key = "input" if str(value.get("type")).endswith("tool_use") else "arguments"
        name = value.get("name")
        if isinstance(name, str) and name and key in value:
            yield tool_call(name, value[key], call_id=value.get("id"), pointer=pointer)
        for key, item in value.items():
            if isinstance(item, dict | list):
                yield from _tool_calls(item, pointer + pointer_token(key))
