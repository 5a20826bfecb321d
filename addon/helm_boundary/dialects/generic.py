"""Operations without a dialect of their own: the model if any, every text and tool call found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from helm_boundary.calls.call import UNREAD, Answer, Call, Json, Text, ToolCall
from helm_boundary.calls.texts import attachments, pointer_token, strings
from helm_boundary.streaming.stream import Stream

from . import chat
from .call_names import is_call, is_call_type, with_server
from .generic_stream import GenericStream
from .json_shape import model_of, text_of, tool_call
from .tool_results import tool_members
from .usage import body_usage

_ARGUMENTS = ("arguments", "args")
_OF_CALLS = ("input", "parameters")
"""Where arguments are in what stands where tool calls do; elsewhere these are anybody's words."""


def read_request(body: Json) -> Call:
    """Read the call of any JSON body, or of none (`body` is then None)."""
    found = body if isinstance(body, dict) else {}
    model = found.get("model")
    return Call(
        model=model if isinstance(model, str) else None,
        stream=found.get("stream") is True,
        texts=tuple(strings(body, "", "user", tool_members)),
        attachments=tuple(attachments(body, "")),
        parameters={key: item for key, item in found.items() if isinstance(item, int | float)},
        body=body,
    )


def read_response(status: int, body: Json) -> Answer:
    """Read the answer of any JSON body; a text that isn't JSON comes as one string."""
    if isinstance(body, str):
        return Answer(status, texts=(Text("", "assistant", body),))
    told = body if isinstance(body, dict) else {}
    return Answer(
        status,
        model=model_of(told),
        id=text_of(told.get("id")) or None,
        texts=tuple(strings(body, "", "assistant")),
        tool_calls=tuple(tool_calls(body, "")),
        usage=body_usage(told),
    )


def open_stream(status: int, asked: Call = UNREAD) -> Stream:
    """Open a reader of events in whatever shape."""
    return GenericStream(status)


def error_event(told: dict[str, Any]) -> bytes:
    """Write an error object, as in a chat completion's stream."""
    return chat.error_event(told)


def tool_calls(value: Json, pointer: str) -> list[ToolCall]:
    """Return whatever looks like a tool call at or below a value."""
    return [*_tool_calls(value, pointer, "")]


def _tool_calls(value: Json, pointer: str, member: str) -> Iterator[ToolCall]:
    """Whatever looks like a tool call: a name with arguments, or one that stands where calls do."""
    if isinstance(value, list):
        for at, item in enumerate(value):
            yield from _tool_calls(item, f"{pointer}/{at}", member)
    elif isinstance(value, dict):
        arguments = _arguments(value, member)
        if arguments is not None and isinstance(name := value.get("name"), str) and name:
            call_id = value.get("id") or value.get("toolUseId")
            name = with_server(name, value)
            yield tool_call(name, arguments, call_id=call_id, pointer=pointer)
        for key, item in value.items():
            if isinstance(item, dict | list):
                inside = member if key == "function" else key
                yield from _tool_calls(item, pointer + pointer_token(key), inside)


def _arguments(value: dict[str, Json], member: str) -> Json:
    """Return the arguments of what looks like a call, None where it looks like none."""
    stands_there = is_call(member) or is_call_type(text_of(value.get("type")))
    names = (*_ARGUMENTS, *(_OF_CALLS if stands_there else ()))
    found = next((value[name] for name in names if name in value), None)
    return {} if found is None and (stands_there or "arguments" in value) else found
