"""Calls over a WebSocket whose path gives nothing away, known by what is said on it."""

from __future__ import annotations

import json

from helm_boundary.calls.call import Json, Operation
from helm_boundary.calls.refusal import Refusal
from helm_boundary.wire import strict_json

from . import mcp
from .body_shape import by_shape, may_be_call
from .catalogue import known_operations

_ASKS = "response.create"
_REALTIME = frozenset(
    {
        "conversation.item.create", "input_audio_buffer.append", "session.update",
        "transcription_session.update", "translation_session.update",
    }
)  # fmt: skip
"""Events of the Realtime API with which a client may begin."""
_SIGNS = tuple(f'"{name}"'.encode() for name in (_ASKS, *sorted(_REALTIME)))
_OF_RESPONSES = frozenset({"input", "model"})
"""What an event asks with over the socket of Responses; Realtime's session has its model."""


def operation_of_message(message: bytes) -> Operation | None:
    """Return the operation of a WebSocket that a client's message gives away.

    None for other people's; an operation without a socket where the message is a call, but none
    that is made over one.
    """
    if not (any(sign in message for sign in _SIGNS) or b"\\u" in message or may_be_call(message)):
        return mcp.operation_in(message)  # its transport over a WebSocket is of some SDKs
    value = _value_of(message)
    event = _folded(value)
    kind = event.get("type")
    if kind == _ASKS:
        return _socket("responses" if _asks_for_response(event) else "realtime")
    is_realtime = isinstance(kind, str) and kind in _REALTIME
    return _socket("realtime") if is_realtime else by_shape(value) or mcp.operation_in(message)


def _folded(value: Json) -> dict[str, Json]:
    """Return an object's members by their names in lower case, as some readers take them."""
    members = value.items() if isinstance(value, dict) else ()
    return {name.casefold(): member for name, member in members}


def _asks_for_response(event: dict[str, Json]) -> bool:
    inner = _folded(event.get("response")).keys() - {"input"}
    return bool(_OF_RESPONSES & (event.keys() | inner))


def _socket(name: str) -> Operation | None:
    return known_operations().find("GET", [name])


def _value_of(message: bytes) -> Json:
    """Return a message's value as the most forgiving of readers takes it, None for no JSON."""
    try:
        return strict_json.parse(message, "the message")
    except Refusal:
        pass
    try:
        text = message.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
        return json.JSONDecoder(strict=False).raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None
