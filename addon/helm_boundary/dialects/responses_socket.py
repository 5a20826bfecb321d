"""The Responses API over a WebSocket: `GET /v1/responses` with an upgrade.

Source: `ResponsesClientEvent` and `ResponsesServerEvent` in OpenAI's description. The client sends
`response.create` with a request's members; the server sends the events of a stream.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..calls.call import Answer, Call, Json
from ..calls.refusal import schema_violation
from ..gate.stream import Ledger
from . import realtime, responses
from .responses_stream import ResponsesStream
from .shape import as_object


def read_request(body: Json) -> Call:
    """The call that a client's event makes.

    Raises:
        Refusal: another event than `response.create`, or no request in it.
    """
    body = as_object(body, "the event")
    if body.get("type") != "response.create":
        raise schema_violation("the event isn't a response.create")
    inner = body["response"] if isinstance(body.get("response"), dict) else body
    return replace(responses.read_request(inner), stream=True, body=body)


def read_response(status: int, body: Json) -> Answer:
    """What a response object says."""
    return responses.read_response(status, body)


def open_stream(status: int) -> ResponsesStream:
    """A reader of the server's events; after a response's end, the next one begins."""
    return SocketResponsesStream(status, read_response)


def error_event(told: dict[str, Any]) -> bytes:
    """The API's own `error` event, as a message."""
    return realtime.error_event(told)


class SocketResponsesStream(realtime.RealtimeStream):
    """As in a Realtime session, with the names of a response's own stream."""

    def restart(self) -> None:
        """The next response: nothing of the last one is left."""
        super().restart()
        self._ledger = Ledger()

    def _read_typed(self, kind: str, value: dict[str, Json]) -> None:
        ResponsesStream._read_typed(self, kind, value)
