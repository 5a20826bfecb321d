"""A call of a tool that doesn't exist, in place of one that was denied.

An agent answers its model that there is no such tool; the model reads in its own call why, and goes
on. What replaces a call has the id, the index and the kind of it, and ends the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from helm_boundary.calls.call import Json, ToolCall
from helm_boundary.streaming.stream import Stream

from . import chat_steering, messages_steering, responses_steering

NAME: Final = "helm_boundary_denied"
"""The tool that no agent has."""

type Events = Callable[[Stream, ToolCall, str, str], list[bytes] | None]
"""Writes a stream's last events; None where it can't be continued."""
type Body = Callable[[Json, ToolCall, str, str], Json | None]
"""Writes a whole answer anew; None where that can't be done."""

_WRITERS: dict[str, tuple[Events, Body]] = {
    "chat": (chat_steering.events, chat_steering.body),
    "messages": (messages_steering.events, messages_steering.body),
    "responses": (responses_steering.events, responses_steering.body),
    "responses_socket": (responses_steering.messages, responses_steering.body),
}


def steering_events(
    dialect: str, stream: Stream, call: ToolCall, arguments: str
) -> list[bytes] | None:
    """Return the events that end a stream in place of a denied call; None if nothing fits."""
    writers = _WRITERS.get(dialect)
    return None if writers is None else writers[0](stream, call, NAME, arguments)


def steering_body(dialect: str, answer: Json, call: ToolCall, arguments: str) -> Json | None:
    """Return an answer with another call in place of its own; None if nothing fits."""
    writers = _WRITERS.get(dialect)
    return None if writers is None else writers[1](answer, call, NAME, arguments)
