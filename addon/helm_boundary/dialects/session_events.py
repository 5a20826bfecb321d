"""Streams of a session's events, each whole in itself, with tool calls among them.

Source: Anthropic's Managed Agents, `GET /v1/sessions/{session_id}/events/stream`, which runs for as
long as the session does. A tool call (`agent.custom_tool_use`) is one event; nothing is told in
pieces.
"""

from __future__ import annotations

from helm_boundary.calls.call import UNREAD, Call, Json
from helm_boundary.streaming.stream import Stream

from .chat_stream import ChatStream
from .generic import read_request, read_response
from .loose import LooseStream
from .messages import error_event

__all__ = ["error_event", "open_stream", "read_request", "read_response"]


def open_stream(status: int, asked: Call = UNREAD) -> Stream:
    """Open a reader of events in whatever shape, that holds those with tool calls in them."""
    return LooseStream(status, ChatStream(status), _is_none)


def _is_none(told: dict[str, Json]) -> bool:
    return False
