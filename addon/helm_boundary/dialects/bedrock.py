"""Bedrock's Converse API: `/model/{model}/converse` and `/model/{model}/converse-stream`.

Source: Amazon Bedrock's API reference, Converse and ConverseStream. Streams come in frames, see
`streaming/frame_cutter.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from helm_boundary.calls.call import UNREAD, Answer, Call, Json, Message
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.calls.texts import attachments
from helm_boundary.streaming.frame_cutter import error_frame
from helm_boundary.streaming.stream import Stream

from .answer_members import BEDROCK_ANSWER, BEDROCK_MESSAGE, BEDROCK_OUTPUT
from .bedrock_blocks import count_uses, read_content, read_tools, texts_of
from .bedrock_stream import BedrockStream
from .json_shape import as_object, as_objects, text_of
from .usage import bedrock_usage

_PARAMETERS = {
    "maxTokens": "max_output_tokens", "stopSequences": "stop", "temperature": "temperature",
    "topP": "top_p",
}  # fmt: skip
_ROLES = {"messages": "user", "system": "system"}


def read_request(body: Json) -> Call:
    """Read the call that a body asks for; the model is the path's.

    Raises:
        Refusal: no object, or messages that aren't a list of objects.
    """
    body = as_object(body, "the body")
    messages = as_objects(body.get("messages") or [], "messages")
    config = body.get("inferenceConfig")
    settings = config if isinstance(config, dict) else {}
    tools = body.get("toolConfig")
    return Call(
        model=text_of(body.get("model")) or None,
        messages=tuple(_messages(body.get("system"), messages)),
        tools=tuple(read_tools(tools)),
        tool_choice=tools.get("toolChoice") if isinstance(tools, dict) else None,
        texts=tuple(
            text
            for key, value in body.items()
            for text in texts_of({key: value}, "", _ROLES.get(key, "request"))
        ),
        attachments=tuple(attachments(messages, "/messages")),
        parameters={told: settings[name] for name, told in _PARAMETERS.items() if name in settings},
        body=body,
    )


def _messages(system: Json, messages: list[dict[str, Json]]) -> Iterator[Message]:
    if system:
        yield from read_content(system, "system", "/system")
    for at, each in enumerate(messages):
        role = text_of(each.get("role")) or "user"
        yield from read_content(each.get("content"), role, f"/messages/{at}")


def read_response(status: int, body: Json) -> Answer:
    """Read what a whole answer says.

    Raises:
        Refusal: a shape in which a tool call could hide.
    """
    body = as_object(body, "the answer")
    output = as_object(body.get("output") or {}, "the answer's output")
    message = as_object(output.get("message") or {}, "the answer's message")
    where = "/output/message"
    messages = tuple(read_content(message.get("content"), "assistant", where))
    calls = tuple(call for each in messages for call in each.tool_calls)
    if count_uses(body) != len(calls):
        raise schema_violation("the answer carries a tool call where none belongs")
    reason = text_of(body.get("stopReason"))
    return Answer(
        status,
        finish_reasons=(reason,) if reason else (),
        messages=messages,
        texts=(
            *texts_of(message.get("content"), f"{where}/content", "assistant"),
            *texts_of(BEDROCK_MESSAGE.others(message), where, "assistant"),
            *texts_of(BEDROCK_OUTPUT.others(output), "/output", "assistant"),
            *texts_of(BEDROCK_ANSWER.others(body), "", "assistant"),
        ),
        tool_calls=calls,
        usage=bedrock_usage(body.get("usage")),
    )


def open_stream(status: int, asked: Call = UNREAD) -> Stream:
    """Open a reader of the events that an answer's frames carry."""
    return BedrockStream(status)


def error_event(told: dict[str, Any]) -> bytes:
    """Write the frame of an error, on which the SDKs raise."""
    return error_frame(told)
