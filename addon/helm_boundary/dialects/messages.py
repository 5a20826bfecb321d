"""Anthropic Messages: `POST /v1/messages`, which the same agents speak.

Source: Anthropic's API reference, Messages.
"""

from __future__ import annotations

from typing import Any

from helm_boundary.calls.call import UNREAD, Answer, Call, Json, Message, Text
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.calls.texts import attachments
from helm_boundary.streaming.stream import Stream

from .answer_members import MESSAGE
from .chat_call_signs import signs_of_calls
from .event_data import write_event
from .json_shape import as_flag, as_model, as_object, text_of
from .messages_blocks import (
    check_message,
    read_content,
    read_messages,
    read_servers,
    read_tools,
    texts_of,
)
from .messages_stream import MessagesStream
from .usage import read_usage

_PARAMETERS = (
    "inference_geo", "max_tokens", "temperature", "top_k", "top_p", "service_tier",
)  # fmt: skip


def read_request(body: Json) -> Call:
    """Read the call that a request for a message asks for.

    Raises:
        Refusal: no object, no model, or messages that aren't a list of objects.
    """
    body = as_object(body, "the body")
    parameters = {key: body[key] for key in _PARAMETERS if key in body}
    if "max_tokens" in body:
        parameters["max_output_tokens"] = body["max_tokens"]
    return Call(
        model=as_model(body),
        stream=as_flag(body, "stream"),
        messages=(*_system(body.get("system")), *read_messages(body.get("messages"))),
        tools=(*read_tools(body.get("tools")), *read_servers(body.get("mcp_servers"))),
        tool_choice=body.get("tool_choice"),
        texts=tuple(text for key, value in body.items() for text in _texts(key, value)),
        attachments=tuple(attachments(body.get("messages"), "/messages")),
        parameters=parameters,
        body=body,
    )


def read_response(status: int, body: Json) -> Answer:
    """Read what a whole message says.

    Raises:
        Refusal: no object, or a content that isn't a list of blocks.
    """
    body = as_object(body, "the answer")
    check_message(body)
    if any(signs_of_calls(MESSAGE.without_calls(body))):
        raise schema_violation("the message has a tool call of another API beside its content")
    messages = tuple(read_content(body.get("content", []), "assistant", ""))
    return Answer(
        status,
        model=text_of(body.get("model")) or None,
        id=text_of(body.get("id")) or None,
        finish_reasons=tuple(filter(None, [text_of(body.get("stop_reason"))])),
        messages=messages,
        texts=(
            *texts_of(body.get("content"), "/content", "assistant"),
            *texts_of(MESSAGE.others(body), "", "assistant"),
        ),
        tool_calls=tuple(call for message in messages for call in message.tool_calls),
        usage=read_usage(body.get("usage")),
    )


def open_stream(status: int, asked: Call = UNREAD) -> Stream:
    """Open a reader of a message's events."""
    return MessagesStream(status)


def error_event(told: dict[str, Any]) -> bytes:
    """Write the API's own `error` event, on which the SDKs raise."""
    error = {**told["error"], "type": "permission_error"}
    return write_event({"type": "error", **told, "error": error}, "error")


def _system(system: Json) -> list[Message]:
    return [] if system is None else list(read_content(system, "system", "/system"))


def _texts(key: str, value: Json) -> list[Text]:
    return texts_of({key: value}, "", {"messages": "user", "system": "system"}.get(key, "request"))
