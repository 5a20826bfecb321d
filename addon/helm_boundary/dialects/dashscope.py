"""Alibaba Cloud's own API: `POST /api/v1/services/aigc/…`, whose answers are in `output`.

Source: DashScope's API reference. What they hold is found as in any other shape, also where each
event repeats what was told so far; an error in a stream has a status of its own.
"""

from __future__ import annotations

from typing import Any

from helm_boundary.calls.call import UNREAD, Call, Json
from helm_boundary.streaming.stream import Stream
from helm_boundary.wire.strict_json import dump_ascii

from .generic import read_request, read_response
from .generic_stream import GenericStream

__all__ = ["error_event", "open_stream", "read_request", "read_response"]


def open_stream(status: int, asked: Call = UNREAD) -> Stream:
    """Open a reader of an answer's events, which repeat what was told unless asked for words."""
    body = asked.body if isinstance(asked.body, dict) else {}
    parameters = body.get("parameters")
    known = parameters if isinstance(parameters, dict) else {}
    may_repeat = known.get("incremental_output") is not True
    return DashScopeStream(status, is_known=True, may_repeat=may_repeat)


class DashScopeStream(GenericStream):
    """Reads an answer's events, of which the last says why the model stopped."""

    def take(self, value: Json) -> None:
        """Take one event's value in."""
        self.done = False  # of several choices one may go on
        super().take(value)

    def _is_last(self, value: Json) -> bool:
        """Tell whether an event says why what it tells of has stopped; before, it says `null`."""
        output = value.get("output") if isinstance(value, dict) else None
        told = output if isinstance(output, dict) else {}
        choices = told.get("choices")
        each = choices if isinstance(choices, list) and choices else [told]
        return all(isinstance(one, dict) and _has_stopped(one.get("finish_reason")) for one in each)


def error_event(told: dict[str, Any]) -> bytes:
    """Write the API's own error event."""
    error = told["error"]
    event = {"code": error["code"], "message": error["message"], **told}
    return b"event:error\n:HTTP_STATUS/403\ndata:" + dump_ascii(event) + b"\n\n"


def _has_stopped(reason: Json) -> bool:
    return isinstance(reason, str) and reason not in ("", "null")
