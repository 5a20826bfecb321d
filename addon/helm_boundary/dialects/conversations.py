"""Mistral's conversations: `POST /v1/conversations`, whose answers are entries.

Source: Mistral's API reference, Conversations. What they hold is found as in any other shape; a
stream ends with an event of its own, on which Mistral's SDK raises.
"""

from __future__ import annotations

from typing import Any

from helm_boundary.calls.call import UNREAD, Answer, Call, Json
from helm_boundary.streaming.stream import Stream

from . import generic
from .event_data import write_event
from .generic import read_request
from .generic_stream import GenericStream
from .json_shape import check_names

__all__ = ["error_event", "open_stream", "read_request", "read_response"]
_ERROR = "conversation.response.error"


def read_response(status: int, body: Json) -> Answer:
    """Read what a whole answer says.

    Raises:
        Refusal: an entry whose members differ from the API's in letter case only.
    """
    outputs = body.get("outputs") if isinstance(body, dict) else None
    for entry in outputs if isinstance(outputs, list) else [outputs]:
        if isinstance(entry, dict):
            check_names(entry, "an entry")
    return generic.read_response(status, body)


def open_stream(status: int, asked: Call = UNREAD) -> Stream:
    """Open a reader of an answer's events, each of which has a function's next words."""
    return GenericStream(status, is_known=True)


def error_event(told: dict[str, Any]) -> bytes:
    """Write the API's own error event."""
    error = told["error"]
    event = {"type": _ERROR, "message": error["message"], "code": 403, **told}
    return write_event(event, _ERROR)
