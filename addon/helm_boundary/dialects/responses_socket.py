"""The Responses API over a WebSocket: `GET /v1/responses` with an upgrade.

Source: `ResponsesClientEvent` and `ResponsesServerEvent` in OpenAI's description. The client sends
`response.create` with a request's members; the server sends the events of a stream.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from helm_boundary.calls.call import UNREAD, Answer, Call, Json
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.streaming.ledger import Ledger
from helm_boundary.streaming.stream import Stream

from . import realtime, responses
from .json_shape import as_object
from .responses_stream import ReadResponse
from .session_stream import SessionStream

_ENVELOPE = frozenset({"type", "event_id", "response", "stream_id"})
"""What may stand beside a `response` that holds the request's members."""


def read_request(body: Json) -> Call:
    """Read the call that a client's event makes.

    Raises:
        Refusal: another event than `response.create`, or no request in it.
    """
    body = as_object(body, "the event")
    if body.get("type") != "response.create":
        raise schema_violation("the event isn't a response.create")
    if body.get("response") is None:
        return replace(responses.read_request(body), stream=True)
    if body.keys() - _ENVELOPE:
        raise schema_violation("the event has a `response` and members of another beside it")
    inner = as_object(body["response"], "the event's response")
    call = responses.read_request(inner)
    tools = tuple(replace(tool, pointer=f"/response{tool.pointer}") for tool in call.tools)
    return replace(call, stream=True, tools=tools, body=body)


def read_response(status: int, body: Json) -> Answer:
    """Read what a response object says."""
    return responses.read_response(status, body)


def open_stream(status: int, asked: Call = UNREAD) -> Stream:
    """Open a reader of the server's events; after a response's end, the next one begins."""
    return SocketResponsesStream(status, read_response)


def error_event(told: dict[str, Any]) -> bytes:
    """Write the API's own `error` event, as a message.

    Codex reads it only where it has a status, and asks again for minutes unless that is 400.
    """
    return realtime.error_event({"status": 400, **told})


class SocketResponsesStream(SessionStream):
    """One response after another; several at once would be read into one, and are refused."""

    def __init__(self, status: int, read_response: ReadResponse) -> None:
        super().__init__(status, read_response)
        self._lane: Json = None
        self._begun = False

    def restart(self) -> None:
        """Begin the next response: nothing of the last one is left."""
        super().restart()
        self._ledger = Ledger()
        self._lane, self._begun = None, False

    def _read_typed(self, kind: str, value: dict[str, Json]) -> None:
        lane = value.get("stream_id")
        if self._begun and (lane != self._lane or kind == "response.created"):
            raise schema_violation("the session tells several responses at once")
        if kind == "response.created":
            self._lane, self._begun = lane, True
        super()._read_typed(kind, value)

    def _finish(self, response: dict[str, Json]) -> None:
        if self._ledger.has_open:
            raise schema_violation("the response ended inside a tool call")
        super()._finish(response)
