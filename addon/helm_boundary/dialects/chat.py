"""Chat completions: `POST /v1/chat/completions`, with `functions` of old.

Source: `CreateChatCompletionRequest` and `CreateChatCompletionResponse` in OpenAI's description.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from helm_boundary.calls.call import Answer, Call, Json, Message, Text, Tool, ToolCall, Usage
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.calls.texts import attachments, strings
from helm_boundary.streaming.stream import Stream

from .chat_call_signs import signs_of_calls
from .chat_stream import CALLS, OWN_MEMBERS, ChatStream
from .json_shape import as_flag, as_model, as_object, as_objects, check_names, count_of, text_of
from .json_shape import tool_call as read_tool_call

_PARAMETERS = (
    "frequency_penalty", "logprobs", "max_completion_tokens", "max_tokens", "n",
    "parallel_tool_calls", "presence_penalty", "reasoning_effort", "seed", "service_tier",
    "store", "temperature", "top_logprobs", "top_p", "verbosity",
)  # fmt: skip


def read_request(body: Json) -> Call:
    """The call that a chat completion's body asks for.

    Raises:
        Refusal: no object, no model, or messages and tools that aren't lists of objects.
    """
    body = as_object(body, "the body")
    return Call(
        model=as_model(body),
        stream=as_flag(body, "stream"),
        messages=tuple(_messages(as_objects(body.get("messages"), "messages"))),
        tools=tuple(_tools(body)),
        tool_choice=body.get("tool_choice", body.get("function_call")),
        texts=tuple(_texts(body)),
        attachments=tuple(attachments(body["messages"], "/messages")),
        parameters=_parameters(body),
        body=body,
    )


def read_response(status: int, body: Json) -> Answer:
    """What a whole chat completion says; an error object is an answer without choices.

    Raises:
        Refusal: a shape in which a tool call could hide.
    """
    body = as_object(body, "the answer")
    if "error" in body and not body.get("choices"):
        return read_error(status, body)
    choices = as_objects(body.get("choices"), "choices")
    messages = tuple(
        read_message(
            as_object(choice.get("message"), "a choice's message"), f"/choices/{at}/message", at
        )
        for at, choice in enumerate(choices)
    )
    beside = {key: value for key, value in body.items() if key not in OWN_MEMBERS}
    refuse_stray_calls(body, [choice["message"] for choice in choices])
    return Answer(
        status,
        model=text_of(body.get("model")) or None,
        finish_reasons=tuple(text_of(choice.get("finish_reason")) for choice in choices),
        messages=messages,
        texts=(*strings(choices, "/choices", "assistant"), *strings(beside, "", "assistant")),
        tool_calls=tuple(call for message in messages for call in message.tool_calls),
        usage=read_usage(body.get("usage")),
    )


def read_error(status: int, body: dict[str, Json]) -> Answer:
    """What an answer without choices says that has an error, or a member of that name.

    Raises:
        Refusal: it has a tool call as well.
    """
    refuse_stray_calls(body, [])
    return Answer(status, texts=tuple(strings(body, "", "assistant")))


def refuse_stray_calls(body: dict[str, Json], messages: list[dict[str, Json]]) -> None:
    """Refuse an answer with a tool call anywhere but where these messages of it have theirs.

    Raises:
        Refusal: policy wouldn't see that call, and some reader might make it.
    """
    found = [message[key] for message in messages for key in CALLS if key in message]
    if signs_of_calls(body) != (len(found), signs_of_calls(found).calls):
        raise schema_violation("the answer carries a tool call where none belongs")


def read_usage(usage: Json) -> Usage:
    """The token counts of a `usage` object."""
    if not isinstance(usage, dict):
        return Usage()
    check_names(usage, "the answer's usage")
    return Usage(count_of(usage.get("prompt_tokens")), count_of(usage.get("completion_tokens")))


def tool_call(found: Json, choice: int, pointer: str) -> ToolCall:
    """One entry of `tool_calls`: a function call or a custom tool's call.

    Raises:
        Refusal: an entry without a name, or of a shape this dialect doesn't have.
    """
    found = as_object(found, "a tool call")
    function, custom = found.get("function"), found.get("custom")
    if function is not None and custom is not None:
        raise schema_violation("a tool call is both a function's and a custom tool's")
    inner = custom if function is None else function
    call_id = found.get("id")
    return function_call(inner, choice, pointer, call_id if isinstance(call_id, str) else None)


def function_call(inner: Json, choice: int, pointer: str, call_id: str | None = None) -> ToolCall:
    """A name with arguments (or a custom tool's `input`), as in `function_call` of old.

    Raises:
        Refusal: no name, or arguments that aren't text.
    """
    inner = as_object(inner, "a tool call's function")
    if inner.get("arguments") is not None and inner.get("input") is not None:
        raise schema_violation("a tool call has both arguments and input")
    text = inner.get("arguments", inner.get("input", ""))
    if not isinstance(text, str):
        raise schema_violation("a tool call's arguments aren't a string")
    return read_tool_call(inner.get("name"), text, call_id=call_id, choice=choice, pointer=pointer)


def open_stream(status: int) -> Stream:
    """A reader of `chat.completion.chunk` events."""
    return ChatStream(status, function_call, read_usage)


def error_event(told: dict[str, Any]) -> bytes:
    """An error object where a chunk would be: the SDKs raise `APIError` on it."""
    return b"data: " + json.dumps(told, separators=(",", ":")).encode("ascii") + b"\n\n"


def _messages(found: list[dict[str, Json]]) -> Iterator[Message]:
    for at, message in enumerate(found):
        yield read_message(message, f"/messages/{at}", 0)


def read_message(message: dict[str, Json], pointer: str, choice: int) -> Message:
    """One message, in or out, with its tool calls.

    Raises:
        Refusal: a content, or a tool call, of a shape this dialect doesn't have.
    """
    text, parts = _content(message.get("content"))
    return Message(
        role=text_of(message.get("role")) or "assistant",
        text=text,
        pointer=pointer,
        parts=parts,
        tool_calls=tuple(_tool_calls(message, pointer, choice)),
        tool_call_id=text_of(message.get("tool_call_id")) or None,
        name=text_of(message.get("name")) or None,
    )


def _content(content: Json) -> tuple[str, tuple[str, ...]]:
    """A content's text, and the types of its parts."""
    if content is None or isinstance(content, str):
        return content or "", ()
    parts = as_objects(content, "a message's content")
    texts = [text_of(part.get("text")) or text_of(part.get("refusal")) for part in parts]
    return "\n".join(filter(None, texts)), tuple(text_of(part.get("type")) for part in parts)


def _tool_calls(message: dict[str, Json], pointer: str, choice: int) -> Iterator[ToolCall]:
    calls = message.get("tool_calls")
    for at, call in enumerate([] if calls is None else as_objects(calls, "tool_calls")):
        yield tool_call(call, choice, f"{pointer}/tool_calls/{at}")
    old = message.get("function_call")
    if old is not None:
        yield function_call(old, choice, f"{pointer}/function_call")


def _tools(body: dict[str, Json]) -> Iterator[Tool]:
    for at, tool in enumerate(as_objects(body.get("tools") or [], "tools")):
        kind = text_of(tool.get("type")) or "function"
        inner = tool.get(kind) if isinstance(tool.get(kind), dict) else tool
        yield _tool(kind, as_object(inner, "a tool"), f"/tools/{at}")
    for at, function in enumerate(as_objects(body.get("functions") or [], "functions")):
        yield _tool("function", function, f"/functions/{at}")


def _tool(kind: str, inner: dict[str, Json], pointer: str) -> Tool:
    name = text_of(inner.get("name")) or kind
    return Tool(kind, name, text_of(inner.get("description")), inner.get("parameters"), pointer)


def _texts(body: dict[str, Json]) -> Iterator[Text]:
    """Messages as themselves; everything else that the model reads as `request`."""
    for key, value in body.items():
        if key == "messages":
            yield from strings(value, "/messages", "user")
        else:
            yield from strings({key: value}, "", "request")


def _parameters(body: dict[str, Json]) -> dict[str, Json]:
    found = {key: body[key] for key in _PARAMETERS if key in body}
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    if limit is not None:
        found["max_output_tokens"] = limit
    return found
