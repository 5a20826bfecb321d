"""The Responses API: `POST /v1/responses`, and the later `GET` of a response.

Source: `CreateResponse` and `Response` in OpenAI's description.
"""

from __future__ import annotations

from typing import Any

from helm_boundary.calls.call import UNREAD, Answer, Call, Json, Message, Text
from helm_boundary.calls.texts import attachments
from helm_boundary.streaming.stream import Stream

from .answer_members import RESPONSE
from .event_data import write_event
from .json_shape import as_flag, as_object, as_objects, text_of
from .responses_items import (
    check_response,
    is_tool_call,
    read_content,
    read_items,
    read_tool_calls,
    read_tools,
    texts_of,
)
from .responses_stream import ResponsesStream
from .usage import read_usage

_PARAMETERS = (
    "background", "max_output_tokens", "max_tool_calls", "parallel_tool_calls", "service_tier",
    "store", "temperature", "top_logprobs", "top_p", "truncation",
)  # fmt: skip


def read_request(body: Json) -> Call:
    """Read the call that a request for a response asks for.

    A model isn't required: a stored prompt may bring its own; policy sees null then.

    Raises:
        Refusal: no object, or an input that is neither text nor a list of items.
    """
    body = as_object(body, "the body")
    return Call(
        model=text_of(body.get("model")) or None,
        stream=as_flag(body, "stream"),
        messages=(*_instructions(body), *_input(body.get("input"))),
        tools=tuple(read_tools(body.get("tools"))),
        tool_choice=body.get("tool_choice"),
        texts=tuple(text for key, value in body.items() for text in _texts(key, value)),
        attachments=tuple(attachments(body.get("input"), "/input")),
        parameters=_parameters(body),
        body=body,
    )


def read_response(status: int, body: Json) -> Answer:
    """Read what a whole response says; one still running in the background says nothing yet.

    Raises:
        Refusal: no object, or an output that isn't a list of items.
    """
    body = as_object(body, "the answer")
    check_response(body)
    output = as_objects(body.get("output") or [], "output")
    told = [(item, f"/output/{at}") for at, item in enumerate(output)]
    return Answer(
        status,
        model=text_of(body.get("model")) or None,
        id=text_of(body.get("id")) or None,
        service_tier=text_of(body.get("service_tier")) or None,
        finish_reasons=tuple(filter(None, [text_of(body.get("status"))])),
        messages=tuple(_message(item, at) for item, at in told if not is_tool_call(item)),
        texts=(
            *texts_of(RESPONSE.others(body), ""),
            *texts_of(output, "/output"),
        ),
        tool_calls=tuple(
            call for item, at in told if is_tool_call(item) for call in read_tool_calls(item, at)
        ),
        usage=read_usage(body.get("usage")),
    )


def open_stream(status: int, asked: Call = UNREAD) -> Stream:
    """Open a reader of `response.*` events."""
    return ResponsesStream(status, read_response)


def error_event(told: dict[str, Any]) -> bytes:
    """Write the API's own `error` event, on which the SDKs raise, and the failed response.

    Codex doesn't read the first, and asks again unless the second says that it is of no use.
    """
    error = told["error"]
    event = {
        "type": "error",
        "code": error["code"],
        "message": error["message"],
        "param": None,
        "sequence_number": 0,
        **told,
    }
    why = {"code": "invalid_prompt", "message": error["message"]}
    response = {"object": "response", "status": "failed", "output": [], "error": why}
    failed = {"type": "response.failed", "sequence_number": 1, "response": response}
    return write_event(event, "error") + write_event(failed, "response.failed")


def _instructions(body: dict[str, Json]) -> list[Message]:
    instructions = body.get("instructions")
    if isinstance(instructions, list):
        return list(read_items(instructions, "/instructions"))
    text = text_of(instructions)
    return [Message("system", text, "/instructions")] if text else []


def _input(value: Json) -> list[Message]:
    if value is None or isinstance(value, str):
        return [Message("user", value, "/input")] if value else []
    return list(read_items(value, "/input"))


def _message(item: dict[str, Json], pointer: str) -> Message:
    text, parts = read_content(item.get("content", item.get("summary")))
    return Message(text_of(item.get("role")) or "assistant", text, pointer, parts)


def _texts(key: str, value: Json) -> list[Text]:
    return texts_of({key: value}, "", "user" if key == "input" else "request")


def _parameters(body: dict[str, Json]) -> dict[str, Json]:
    found = {key: body[key] for key in _PARAMETERS if key in body}
    for key in ("previous_response_id", "conversation", "prompt"):
        if body.get(key) is not None:
            found[key] = body[key]
    return found
