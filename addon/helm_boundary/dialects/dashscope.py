"""Alibaba Cloud's own API: `POST /api/v1/services/aigc/…`, whose answers are in `output`.

Source: DashScope's API reference. What they hold is found as in any other shape, also where each
event repeats what was told so far; an error in a stream has a status of its own.
"""

from __future__ import annotations

from typing import Any

from helm_boundary.calls.call import UNREAD, Call
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
    return GenericStream(status, is_known=True, may_repeat=may_repeat)


def error_event(told: dict[str, Any]) -> bytes:
    """Write the API's own error event."""
    error = told["error"]
    event = {"code": error["code"], "message": error["message"], **told}
    return b"event:error\n:HTTP_STATUS/403\ndata:" + dump_ascii(event) + b"\n\n"
