"""The session that a call belongs to, as its client names it.

A client chooses the name, and may choose another with each call: it says which calls belong
together, and never who makes them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from helm_boundary.calls.call import HttpRequest, Json
from helm_boundary.calls.refusal import schema_violation

OWN = "x-helm-session"
"""The header in which a client names it to the boundary; it goes no further."""

MAX_SESSION = 128
_PLAIN = re.compile(rf"[!-~]{{1,{MAX_SESSION}}}")  # visible ASCII: fit for logs, files and tables

_HEADERS = (
    "x-claude-code-session-id",
    "session-id",  # Codex
    "session_id",  # Codex of before
    "conversation_id",
    "x-session-id",  # opencode
    "x-session-affinity",
)
_OLD_USER = re.compile(r"user_.*_session_([0-9a-f-]{36})", re.DOTALL)
"""Claude Code's `metadata.user_id` before 2.1; since then it is JSON."""


def session_of(request: HttpRequest, body: Json) -> str | None:
    """Return the session of a call: 1 to MAX_SESSION visible ASCII characters, or None.

    `body` is the request as it was parsed. What agents send without meaning us is taken where it
    is such a text, and passed over where it isn't.

    Raises:
        Refusal: `X-Helm-Session` is none, so that nobody knows which session was meant.
    """
    own = request.header(OWN)
    if own is not None:
        if not _PLAIN.fullmatch(own):
            raise schema_violation(
                f"X-Helm-Session isn't 1 to {MAX_SESSION} visible ASCII characters without spaces; "
                "send a short id, once"
            )
        return own
    named = (each for each in _named(request, body) if each is not None)
    return next(filter(_is_plain, named), None)


def _is_plain(value: Json) -> bool:
    return isinstance(value, str) and _PLAIN.fullmatch(value) is not None


def _named(request: HttpRequest, body: Json) -> Iterator[Json]:
    """Yield what may name the session, what is surest first."""
    yield from map(request.header, _HEADERS)
    if not isinstance(body, dict):
        return
    metadata, client = body.get("metadata"), body.get("client_metadata")
    if isinstance(metadata, dict):
        yield metadata.get("session_id")
        yield _in_user(metadata.get("user_id"))
    if isinstance(client, dict):  # Codex, in each message of a WebSocket
        yield client.get("session_id")
    yield body.get("session_id")
    conversation = body.get("conversation")
    yield conversation.get("id") if isinstance(conversation, dict) else conversation
    yield body.get("prompt_cache_key")


def _in_user(user: Json) -> Json:
    """Return the session that Claude Code's id of its user has in it."""
    if not isinstance(user, str):
        return None
    old = _OLD_USER.fullmatch(user)
    if old is not None:
        return old[1]
    if not user.startswith("{"):
        return None
    try:
        told = json.loads(user)
    except (ValueError, RecursionError):
        return None
    return told.get("session_id") if isinstance(told, dict) else None
