"""Gemini's Interactions: `POST /v1beta/interactions`, whose answers are steps.

Source: the Gemini API's reference, Interactions. A step is what the model said or thought, a call
of a function, or what the provider did by itself and what came of it.
"""

from __future__ import annotations

from typing import Any

from helm_boundary.calls.call import UNREAD, Answer, Call, Json, ToolCall
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.streaming.stream import Stream

from . import generic
from .event_data import write_event
from .interactions_steps import (
    count_calls,
    is_call,
    read_call,
    read_tools,
    texts_of,
    without_request,
)
from .interactions_stream import InteractionsStream
from .json_shape import as_object, as_objects, text_of
from .usage import interactions_usage

_TELLING = ("interaction.", "step.", "error")
"""How the events begin that are read here; what an earlier version sent is judged generically."""


def read_request(body: Json) -> Call:
    """Read the call that a body asks for, of a model or an agent.

    Raises:
        Refusal: no object, or tools that aren't a list of objects.
    """
    body = as_object(body, "the body")
    config = body.get("generation_config")
    settings = config if isinstance(config, dict) else {}
    return Call(
        model=text_of(body.get("model")) or text_of(body.get("agent")) or None,
        stream=body.get("stream") is True,
        messages=(),
        tools=tuple(read_tools(body.get("tools"))),
        tool_choice=settings.get("tool_choice"),
        texts=tuple(
            text
            for key, value in body.items()
            for text in texts_of({key: value}, "", "user" if key == "input" else "request")
        ),
        attachments=generic.read_request(body).attachments,
        parameters={key: said for key, said in settings.items() if isinstance(said, int | float)},
        body=body,
    )


def read_response(status: int, body: Json) -> Answer:
    """Read what a whole interaction says.

    Raises:
        Refusal: a shape in which a call could hide.
    """
    body = as_object(body, "the answer")
    calls = tuple(calls_of(body, ""))
    state = text_of(body.get("status"))
    return Answer(
        status,
        model=text_of(body.get("model")) or None,
        id=text_of(body.get("id")) or None,
        finish_reasons=(state,) if state else (),
        texts=tuple(texts_of(body, "", "assistant")),
        tool_calls=calls,
        usage=interactions_usage(body.get("usage")),
    )


def calls_of(interaction: dict[str, Json], pointer: str) -> list[ToolCall]:
    """Read the calls among an interaction's steps; Refusal where one stands elsewhere."""
    steps = as_objects(interaction.get("steps") or [], "steps")
    found = [
        read_call(step, f"{pointer}/steps/{at}") for at, step in enumerate(steps) if is_call(step)
    ]
    if count_calls(without_request(interaction)) != len(found):
        raise schema_violation("the answer carries a tool call where none belongs")
    return found


def open_stream(status: int, asked: Call = UNREAD) -> Stream:
    """Open a reader of an interaction's events."""
    return InteractionsStream(status)


def error_event(told: dict[str, Any]) -> bytes:
    """Write the API's own error event."""
    return write_event({"event_type": "error", **told}, "error")


def is_answer(told: dict[str, Json]) -> bool:
    """Tell whether an object, its members' names in lower case, is an answer of this API."""
    kind = told.get("event_type")
    is_event = isinstance(kind, str) and kind.startswith(_TELLING)
    has_steps = isinstance(told.get("steps"), list)
    return told.get("object") == "interaction" or has_steps or is_event
