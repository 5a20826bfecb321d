"""JSON-RPC 2.0, as the Model Context Protocol has it: requests, notifications and responses.

Source: the JSON-RPC 2.0 specification, and MCP's, where an id is a string or an integer and
parameters are an object. Whatever two readers could read as two kinds of messages is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from helm_boundary.calls.call import Json
from helm_boundary.calls.refusal import schema_violation

type Id = str | int
type Kind = Literal["request", "notification", "response"]

MEMBERS: Final = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})
VERSION: Final = "2.0"
MAX_BATCH: Final = 100
"""Messages in a batch, which only the protocol of 2025-03-26 has."""
_OF_PARAMS = frozenset(
    {"name", "uri", "arguments", "_meta", "messages", "inputresponses", "requeststate"}
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `said` is the result or the error of a response, else empty.

    `pointer` is RFC 6901 into the body. `id` is None for a notification, and for an error about
    what nobody could read.
    """

    kind: Kind
    method: str
    id: Id | None
    params: Mapping[str, Json]
    pointer: str
    value: dict[str, Json]

    @property
    def said(self) -> Json:
        """The result of a response, or its error."""
        return self.value.get("result", self.value.get("error"))

    @property
    def is_error(self) -> bool:
        """Whether it is a response that says what went wrong."""
        return self.kind == "response" and "error" in self.value


def read_messages(value: Json) -> tuple[Message, ...]:
    """Read a body's one message, or those of a batch.

    Raises:
        Refusal: it is neither, or has a message that can be read in two ways.
    """
    if not isinstance(value, list):
        return (read_message(value),)
    if not 0 < len(value) <= MAX_BATCH:
        raise schema_violation(f"expected 1 to {MAX_BATCH} messages in a batch")
    return tuple(read_message(each, f"/{at}") for at, each in enumerate(value))


def read_message(value: Json, pointer: str = "") -> Message:
    """Read one message; a Refusal as from `read_messages`."""
    if not isinstance(value, dict):
        raise schema_violation("expected a JSON-RPC message, which is an object")
    check_names(value, MEMBERS, "the message")
    if value.get("jsonrpc") != VERSION:
        raise schema_violation('the message has no "jsonrpc": "2.0"')
    if "method" in value:
        return _asking(value, pointer)
    if ("result" in value) is ("error" in value) or "params" in value:
        raise schema_violation("the message is no request, no notification and no response")
    if "error" in value and not isinstance(value["error"], dict):
        raise schema_violation("the message's `error` isn't an object")
    known = _id(value) if value.get("id") is not None or "result" in value else None
    return Message("response", "", known, {}, pointer, value)


def _asking(value: dict[str, Json], pointer: str) -> Message:
    """Read a request or a notification."""
    method, params = value["method"], value.get("params", {})
    if not isinstance(method, str) or "result" in value or "error" in value:
        raise schema_violation("the message is a request and a response, or its method no string")
    if not isinstance(params, dict):
        raise schema_violation("the message's `params` isn't an object")
    check_names(params, _OF_PARAMS, "the message's `params`")
    if "id" not in value:
        return Message("notification", method, None, params, pointer, value)
    return Message("request", method, _id(value), params, pointer, value)


def check_names(value: Mapping[str, Json], known: frozenset[str], what: str) -> None:
    """Refuse a member that some readers take for a known one: named so but for its letters' case.

    Readers in Go (encoding/json) take both for the same.
    """
    for name in value:
        if name not in known and name.casefold() in known and name not in _SPELT:
            raise schema_violation(
                f"{what} has a member whose name differs from the protocol's in letter case only"
            )


_SPELT = frozenset({"inputResponses", "requestState"})


def _id(value: dict[str, Json]) -> Id:
    given = value.get("id")
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise schema_violation("the message's `id` is neither a string nor an integer")
    return given
