"""Realtime sessions: events as JSON messages over a WebSocket, `GET /v1/realtime`.

Source: `RealtimeClientEvent` and `RealtimeServerEvent` in OpenAI's description. Every event of the
client is a call of its own; every response of the server is one's answer.
"""

from __future__ import annotations

import json
from typing import Any

from ..calls.call import Answer, Call, Json, Message
from ..calls.inline import decoded
from ..calls.refusal import schema_violation
from ..calls.texts import attachments, is_tag
from ..gate.ledger import Place
from ..gate.stream import Stream
from . import responses
from .items import (
    check_item,
    finished,
    is_tool_call,
    read_items,
    read_tools,
    telling,
    texts_of,
)
from .session_stream import SessionStream
from .shape import as_object, text_of

_AUDIO_ONLY = frozenset({"type", "event_id", "audio"})
_CONTAINERS = ("session", "response", "item")
_WITHIN = frozenset({"input", "instructions", "model", "prompt", "tool_choice", "tools"})
_ITEM_EVENTS = (
    "conversation.item.created",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.retrieved",
)


def is_sound(event: Json) -> bool:
    """Whether a client's event carries sound and nothing else, in which there is no text.

    Raises:
        Refusal: it says that it does, and the sound is none.
    """
    if not isinstance(event, dict) or event.get("type") != "input_audio_buffer.append":
        return False
    if decoded(event.get("audio")) is None:
        raise schema_violation("the event's `audio` isn't sound in base64")
    return event.keys() <= _AUDIO_ONLY and is_tag(event.get("event_id", ""))


def begins_response(event: Json) -> bool:
    """Whether a client's event asks for a response."""
    return isinstance(event, dict) and event.get("type") == "response.create"


def read_request(body: Json) -> Call:
    """The call that a client's event makes.

    Raises:
        Refusal: no object with a `type`, or members of which a server may read others.
    """
    body = as_object(body, "the event")
    if not text_of(body.get("type")):
        raise schema_violation("the event has no `type`")
    said = _container(body)
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
        texts=tuple(texts_of(body, "", "user")),
        attachments=tuple(attachments(body, "")),
        body=body,
    )


def _container(event: dict[str, Json]) -> dict[str, Json]:
    """The one member that says what is asked for.

    Raises:
        Refusal: there are two, or what belongs in it stands beside it.
    """
    found = [key for key in _CONTAINERS if event.get(key) is not None]
    if len(found) > 1 or _WITHIN & event.keys():
        raise schema_violation(
            "the event says what it asks for in two places; expected one `session`, `response` or "
            "`item`, and nothing of it beside it"
        )
    said = as_object(event[found[0]], "the event's session, response or item") if found else {}
    return {} if found == ["item"] else said


def read_response(status: int, body: Json) -> Answer:
    """What the response object of `response.done` says."""
    return responses.read_response(status, body)


def open_stream(status: int) -> Stream:
    """A reader of the server's events."""
    return RealtimeStream(status, read_response)


def error_event(told: dict[str, Any]) -> bytes:
    """The API's own `error` event, as a message."""
    return json.dumps({"type": "error", **told}, separators=(",", ":")).encode("ascii")


class RealtimeStream(SessionStream):
    """The server's events of a whole session; a tool call's place is its item's id."""

    def _read_typed(self, kind: str, value: dict[str, Json]) -> None:
        if kind in _ITEM_EVENTS:
            self._check_beside("item", value)
            self._read_shown(as_object(value.get("item"), "an event's item"))
        elif kind == "response.done":
            self._check_beside("response", value)
            self._read_whole("response.completed", as_object(value.get("response"), "a response"))
        else:
            super()._read_typed(kind, value)

    def _read_shown(self, item: dict[str, Json]) -> None:
        # The model's own items are shown here too, unfinished at first.
        check_item(item)
        place = self._place({}, item)
        if not is_tool_call(item):
            self._told.tell(texts_of(item, f"/output/{place}"))
        elif item.get("status") == "in_progress":
            self._ledger.show(place, str(place), telling(item))
        else:
            self._ledger.complete(place, finished(item, f"/output/{place}"))

    def _begin(self, place: Place, item: dict[str, Json]) -> None:
        # Ids are the server's to choose, and some use theirs again in the next response.
        self._ledger.begin_anew(place, str(place), telling(item))

    def _place(self, value: dict[str, Json], item: dict[str, Json]) -> Place:
        place = text_of(item.get("id")) or text_of(value.get("item_id"))
        if not place and (is_tool_call(item) or not item):
            raise schema_violation("a tool call's item has no id")
        return place

    def _final_place(self, at: int, item: dict[str, Json]) -> Place:
        return self._place({}, item)


def _instructions(said: dict[str, Json]) -> list[Message]:
    text = text_of(said.get("instructions"))
    return [Message("system", text, "/session/instructions")] if text else []
