"""What keeps a client waiting while its stream is held, by dialect and by client.

Seen with the clients themselves: SDKs count any byte, so a comment does. Coding agents have a
watch of their own over the events that they know: Codex counts its `keepalive`, Claude Code every
event but `ping`, and neither counts comments.
"""

from __future__ import annotations

from helm_boundary.calls.call import Operation

from . import STREAM_LINES

COMMENT = b": waiting for a verdict\n\n"
"""A comment of server-sent events, which every reader skips."""

CODEX = b'event: keepalive\ndata: {"type":"keepalive"}\n\n'
CODEX_MESSAGE = b'{"type":"keepalive"}'

CLAUDE_CODE = (
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":null,'
    b'"stop_sequence":null},"usage":{"output_tokens":0}}\n\n'
)
"""Between two blocks it changes nothing: what the message ends with comes later. A block of its
own would be stored by the client and sent back, empty, to a provider that may refuse it."""

GEMINI = b"\n"
"""An empty line: Google's own SDK for JavaScript takes a comment for half an event."""

_BY_CLIENT = (
    ("responses", "codex", CODEX),
    ("messages", "claude-cli/", CLAUDE_CODE),
    ("gemini", "", GEMINI),
)
"""Dialect, how the client's User-Agent begins in lower case, and the event."""


def keep_alive(operation: Operation, user_agent: str | None) -> bytes:
    """Choose the event that keeps an operation's client waiting; empty where none is known."""
    if operation.framed or operation.dialect in STREAM_LINES:  # which have no comments
        return b""
    agent = (user_agent or "").lower()
    for its_dialect, begins, event in _BY_CLIENT:
        if operation.dialect == its_dialect and agent.startswith(begins):
            return event
    return COMMENT


def keep_alive_message(user_agent: str | None) -> bytes:
    """Choose the message that keeps a client of a WebSocket waiting; empty where none is known."""
    return CODEX_MESSAGE if (user_agent or "").lower().startswith("codex") else b""
