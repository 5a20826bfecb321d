"""IBM's watsonx.ai: `/ml/v1/text/chat` and `/ml/v1/text/generation`, and their streams.

Source: the reference of watsonx.ai, Text Chat and Text Generation, and what IBM's SDK reads. A chat
is a chat completion's, with the model as `model_id`; a stream's error is an event named so.
"""

from __future__ import annotations

from typing import Any

from helm_boundary.calls.call import Call, Json

from . import chat, generic
from .chat import open_stream, read_response
from .event_data import write_event

__all__ = ["error_event", "open_stream", "read_request", "read_response"]


def read_request(body: Json) -> Call:
    """Read the call that a body asks for: a chat, or a text that is gone on with.

    Raises:
        Refusal: a chat in another shape than a chat completion's.
    """
    is_chat = isinstance(body, dict) and "messages" in body
    return chat.read_request(body) if is_chat else generic.read_request(body)


def error_event(told: dict[str, Any]) -> bytes:
    """Write an event that is named for an error: IBM's SDK takes any other for an answer's."""
    return write_event(told, "error")
