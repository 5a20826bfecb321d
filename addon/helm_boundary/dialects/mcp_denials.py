"""Denials as MCP's clients take them best: a JSON-RPC error, which a model sees as a failed tool.

Seen with the SDKs of Python and TypeScript: an error with status 200 is raised as their typed
error, by the request that it answers; any other status ends the connection for some of them.
"""

from __future__ import annotations

from typing import Any, Final

from helm_boundary.calls.call import Json

from .event_data import write_event

CODE: Final = -32001
"""Free for implementations: MCP's own are from -32020 on."""


def error_of(told: dict[str, Any], identity: Json) -> dict[str, Any]:
    """Write one error; `told` is the verdict's error object, with ours beside it."""
    return {
        "jsonrpc": "2.0",
        "id": identity,
        "error": {"code": CODE, "message": told["error"]["message"], "data": told["helm"]},
    }


def denial_of(told: dict[str, Any], asked: Json) -> tuple[int, Json]:
    """Return the status and the body that answer a message, or those of a batch.

    What expects no answer, a notification for one, is answered as any call is.
    """
    messages = asked if isinstance(asked, list) else [asked]
    known = [each["id"] for each in messages if _is_request(each)]
    if not known:
        return 403, error_of(told, None)
    errors = [error_of(told, identity) for identity in known]
    return 200, errors if isinstance(asked, list) else errors[0]


def event_of(told: dict[str, Any], asked: Json) -> bytes:
    """Write the last event of a denied stream: an error for each request that is still open."""
    _, body = denial_of(told, asked)
    return write_event(body, "message")


def _is_request(message: Json) -> bool:
    return isinstance(message, dict) and "method" in message and message.get("id") is not None
