"""Alibaba Cloud's own API: `POST /api/v1/services/aigc/…`, whose answers are in `output`.

Source: DashScope's API reference. What they hold is found as in any other shape, also where each
event repeats what was told so far; an error in a stream has a status of its own.
"""

from __future__ import annotations

from typing import Any

from helm_boundary.wire.strict_json import dump_ascii

from .generic import open_stream, read_request, read_response

__all__ = ["error_event", "open_stream", "read_request", "read_response"]


def error_event(told: dict[str, Any]) -> bytes:
    """Write the API's own error event."""
    error = told["error"]
    event = {"code": error["code"], "message": error["message"], **told}
    return b"event:error\n:HTTP_STATUS/403\ndata:" + dump_ascii(event) + b"\n\n"
