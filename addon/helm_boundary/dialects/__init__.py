"""Dialects: the wire shapes of calls, each in one module with the same small interface."""

from __future__ import annotations

from typing import Any, Protocol

from helm_boundary.calls.call import UNREAD, Answer, Call, Json, Operation
from helm_boundary.streaming.stream import Stream

from . import (
    bedrock,
    chat,
    cohere,
    completions,
    conversations,
    dashscope,
    gemini,
    generic,
    interactions,
    mcp,
    messages,
    ollama,
    realtime,
    responses,
    responses_socket,
    session_events,
    watsonx,
)
from .loose import SHAPES, Loose


class Dialect(Protocol):
    """What a dialect's module offers."""

    def read_request(self, body: Json) -> Call:
        """Read the call that a request's body asks for; Refusal where it isn't in the dialect."""
        ...

    def read_response(self, status: int, body: Json) -> Answer:
        """Read what a response's body says; Refusal where it isn't in the dialect."""
        ...

    def open_stream(self, status: int, asked: Call = UNREAD) -> Stream | None:
        """Open a reader of its event stream for the gate; None where it is only judged whole.

        `asked` is the call that it answers.
        """
        ...

    def error_event(self, told: dict[str, Any]) -> bytes:
        """Write the event that ends a denied stream, so that every client of the dialect raises."""
        ...


DIALECTS: dict[str, Dialect] = {
    "bedrock": bedrock,
    "by body": generic,  # what its body would have told, had it one
    "chat": chat,
    "cohere": cohere,
    "completions": completions,
    "conversations": conversations,
    "dashscope": dashscope,
    "gemini": gemini,
    "generic": generic,
    "interactions": interactions,
    "mcp": mcp,
    "messages": messages,
    "ollama": ollama,
    "realtime": realtime,
    "responses": responses,
    "responses_socket": responses_socket,
    "session_events": session_events,
    "ungated": generic,  # refused before it is asked, but where verdicts are only observed
    "watsonx": watsonx,
}


STREAM_LINES = frozenset({"ollama"})
"""The dialects that stream lines of JSON, rather than events."""
SOCKETS = frozenset({"realtime", "responses_socket"})
"""The dialects that are spoken over a WebSocket."""


def dialect(name: str) -> Dialect:
    """Return the dialect of that name."""
    return DIALECTS[name]


def reader_of(operation: Operation) -> Dialect:
    """Return what reads an operation's answers: its dialect, loosened where that is loose."""
    found = DIALECTS[operation.dialect]
    in_shape = SHAPES.get(operation.dialect) if operation.loose else None
    return found if in_shape is None else Loose(found, in_shape)
