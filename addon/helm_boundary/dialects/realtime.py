"""Realtime sessions: events as JSON messages over a WebSocket, `GET /v1/realtime`.

Source: `RealtimeClientEvent` and `RealtimeServerEvent` in OpenAI's description. Every event of the
client is a call of its own; every response of the server is one's answer.
"""

from __future__ import annotations

import json
from typing import Any

from ..calls.call import Answer, Call, Json, Message
from ..calls.refusal import schema_violation
from ..calls.texts import attachments, strings
from ..gate.sse import Event
from . import responses
from .items import (
    carries_tool_call,
    check_item,
    check_response,
    is_tool_call,
    read_items,
    read_tool_call,
    read_tools,
)
from .responses_stream import ResponsesStream
from .shape import as_object, as_objects, text_of

_AUDIO_ONLY = frozenset({"type", "event_id", "audio"})
_ITEM_EVENTS = (
    "conversation.item.created",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.retrieved",
)


def is_sound(event: Json) -> bool:
    """Whether a client's event carries sound and nothing else, in which there is no text."""
    return (
        isinstance(event, dict)
        and event.get("type") == "input_audio_buffer.append"
        and event.keys() <= _AUDIO_ONLY
    )


def begins_response(event: Json) -> bool:
    """Whether a client's event asks for a response."""
    return isinstance(event, dict) and event.get("type") == "response.create"


def read_request(body: Json) -> Call:
    """The call that a client's event makes.

    Raises:
        Refusal: no object with a `type`.
    """
    body = as_object(body, "the event")
    if not text_of(body.get("type")):
        raise schema_violation("the event has no `type`")
    said = body.get("session") or body.get("response") or {}
    said = as_object(said, "the event's session or response")
    items = [body["item"]] if isinstance(body.get("item"), dict) else []
    return Call(
        model=text_of(said.get("model")) or None,
        stream=True,
        messages=(
            *_instructions(said),
            *read_items(items, "/item"),
            *read_items(said.get("input") or [], "/response/input"),
        ),
        tools=tuple(read_tools(said.get("tools"))),
        tool_choice=said.get("tool_choice"),
        texts=tuple(strings(body, "", "user")),
        attachments=tuple(attachments(body, "")),
        body=body,
    )


def read_response(status: int, body: Json) -> Answer:
    """What the response object of `response.done` says."""
    return responses.read_response(status, body)


def open_stream(status: int) -> ResponsesStream:
    """A reader of the server's events."""
    return RealtimeStream(status, read_response)


def error_event(told: dict[str, Any]) -> bytes:
    """The API's own `error` event, as a message."""
    return json.dumps({"type": "error", **told}, separators=(",", ":")).encode("ascii")


class RealtimeStream(ResponsesStream):
    """The server's events of a whole session; a tool call's place is its item's id."""

    def read(self, event: Event) -> None:
        """Take one event in; Refusal where a tool call is out of its place."""
        if self.done:
            self.restart()
        super().read(event)

    def _read_typed(self, kind: str, value: dict[str, Json]) -> None:
        if kind in _ITEM_EVENTS:
            self._read_shown(as_object(value.get("item"), "an event's item"))
        elif kind == "response.done":
            response = as_object(value.get("response"), "an event's response")
            for item in as_objects(response.get("output") or [], "output"):
                if is_tool_call(item):
                    self._ledger.complete(_place(item), read_tool_call(item, "/output"))
            self._finish(response)
        elif kind == "response.created":
            response = as_object(value.get("response"), "an event's response")
            check_response(response)
            if carries_tool_call(response.get("output")):
                raise schema_violation("a response begins with a tool call already in it")
        elif kind.startswith("response.output_item."):
            item = as_object(value.get("item"), "an event's item")
            check_item(item)
            if is_tool_call(item):
                self._read_call(item, done=kind.endswith(".done"))
        elif "_call" in kind:
            if not self._ledger.is_open(str(value.get("item_id"))):
                raise schema_violation("the stream carries part of a tool call that never began")
        else:
            super()._read_typed(kind, value)

    def restart(self) -> None:
        """The next response: what was said is over, tool calls under way are not."""
        self.done = False
        self._final = None
        self._texts = {}

    def _read_shown(self, item: dict[str, Json]) -> None:
        # The model's own items are shown here too, unfinished at first.
        check_item(item)
        if is_tool_call(item):
            self._read_call(item, done=item.get("status") != "in_progress")

    def _read_call(self, item: dict[str, Json], *, done: bool) -> None:
        place = _place(item)
        if done:
            self._ledger.complete(place, read_tool_call(item, "/output"))
        elif not self._ledger.is_open(place):
            self._ledger.begin(place)


def _place(item: dict[str, Json]) -> str:
    place = text_of(item.get("id"))
    if not place:
        raise schema_violation("a tool call's item has no id")
    return place


def _instructions(said: dict[str, Json]) -> list[Message]:
    text = text_of(said.get("instructions"))
    return [Message("system", text, "/session/instructions")] if text else []
