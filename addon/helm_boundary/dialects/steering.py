"""An answer that ends with another call in place of one that was denied.

The agent's model is told why, and goes on. What replaces a call has the id, the index and the kind
of it, and ends the answer; `calls_instead` says which call it is.
"""

from __future__ import annotations

from collections.abc import Callable

from helm_boundary.calls.call import Json, ToolCall
from helm_boundary.streaming.stream import Stream

from . import chat_steering, gemini_steering, messages_steering, responses_steering
from .calls_instead import Instead

type Events = Callable[[Stream, ToolCall, str, str], list[bytes] | None]
"""Writes a stream's last events; None where it can't be continued."""
type Body = Callable[[Json, ToolCall, str, str], Json | None]
"""Writes a whole answer anew; None where that can't be done."""

_WRITERS: dict[str, tuple[Events, Body]] = {
    "chat": (chat_steering.events, chat_steering.body),
    "gemini": (gemini_steering.events, gemini_steering.body),
    "messages": (messages_steering.events, messages_steering.body),
    "responses": (responses_steering.events, responses_steering.body),
    "responses_socket": (responses_steering.messages, responses_steering.body),
}


def steering_events(
    dialect: str, stream: Stream, call: ToolCall, instead: Instead
) -> list[bytes] | None:
    """Return the events that end a stream in place of a denied call; None if nothing fits."""
    writers = _WRITERS.get(dialect)
    return None if writers is None else writers[0](stream, call, instead.name, instead.arguments)


def steering_body(dialect: str, answer: Json, call: ToolCall, instead: Instead) -> Json | None:
    """Return an answer with another call in place of its own; None if nothing fits."""
    writers = _WRITERS.get(dialect)
    return None if writers is None else writers[1](answer, call, instead.name, instead.arguments)
