"""Realtime sessions: events as JSON messages over a WebSocket, `GET /v1/realtime`.

Source: `RealtimeClientEvent` and `RealtimeServerEvent` in OpenAI's description. Every event of the
client is a call of its own; every response of the server is one's answer.
"""

from __future__ import annotations

from typing import Any

from helm_boundary.calls.call import UNREAD, Answer, Call, Json, Message
from helm_boundary.calls.inline import decoded
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.calls.texts import attachments, is_tag
from helm_boundary.streaming.ledger import Place
from helm_boundary.streaming.stream import Stream
from helm_boundary.wire.strict_json import dump_ascii

from . import responses
from .answer_members import RESPONSES_ITEM_EVENT, RESPONSES_WHOLE_EVENT
from .json_shape import as_object, index_of, text_of
from .responses_items import (
    check_item,
    finished,
    ids_of,
    is_tool_call,
    read_items,
    read_tools,
    telling,
    texts_of,
)
from .responses_stream import SESSION_ITEMS, ReadResponse
from .session_stream import SessionStream

_AUDIO_ONLY = frozenset({"type", "event_id", "audio"})
_CONTAINERS = ("session", "response", "item")
_WITHIN = frozenset({"input", "instructions", "model", "prompt", "tool_choice", "tools"})
_BEGINNINGS = frozenset({"conversation.item.created", "conversation.item.added"})
_OVER = frozenset({"completed", "incomplete"})
"""How an item says that it is finished; an MCP call's says nothing."""


def is_sound(event: Json) -> bool:
    """Tell whether a client's event carries sound and nothing else, in which there is no text.

    Raises:
        Refusal: it says that it does, and the sound is none.
    """
    if not isinstance(event, dict) or event.get("type") != "input_audio_buffer.append":
        return False
    if decoded(event.get("audio")) is None:
        raise schema_violation("the event's `audio` isn't sound in base64")
    return event.keys() <= _AUDIO_ONLY and is_tag(event.get("event_id", ""))


def begins_response(event: Json) -> bool:
    """Tell whether a client's event asks for a response."""
    return isinstance(event, dict) and event.get("type") == "response.create"


def read_request(body: Json) -> Call:
    """Read the call that a client's event makes.

    Raises:
        Refusal: no object with a `type`, or members of which a server may read others.
    """
    body = as_object(body, "the event")
    if not text_of(body.get("type")):
        raise schema_violation("the event has no `type`")
    place, said = _container(body)
    items = [body["item"]] if isinstance(body.get("item"), dict) else []
    return Call(
        model=text_of(said.get("model")) or None,
        stream=True,
        messages=(
            *_instructions(said),
            *read_items(items, "/item"),
            *read_items(said.get("input") or [], "/response/input"),
        ),
        tools=tuple(read_tools(said.get("tools"), f"{place}/tools")),
        tool_choice=said.get("tool_choice"),
        texts=tuple(texts_of(body, "", "user")),
        attachments=tuple(attachments(body, "")),
        body=body,
    )


def _container(event: dict[str, Json]) -> tuple[str, dict[str, Json]]:
    """Find the one member that says what is asked for, and a pointer to it.

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
    return "/" + "".join(found), {} if found == ["item"] else said


def read_response(status: int, body: Json) -> Answer:
    """Read what the response object of `response.done` says."""
    return responses.read_response(status, body)


def open_stream(status: int, asked: Call = UNREAD) -> Stream:
    """Open a reader of the server's events."""
    return RealtimeStream(status, read_response)


def error_event(told: dict[str, Any]) -> bytes:
    """Write the API's own `error` event, as a message."""
    return dump_ascii({"type": "error", **told})


class RealtimeStream(SessionStream):
    """The server's events of a whole session; a tool call's place is its item's id."""

    def __init__(self, status: int, read_response: ReadResponse) -> None:
        super().__init__(status, read_response)
        self._items: dict[str, str] = {}
        self._indexes: dict[str, int] = {}

    def restart(self) -> None:
        """Begin the next response, whose indexes begin anew."""
        super().restart()
        self._items, self._indexes = {}, {}

    def _read_typed(self, kind: str, value: dict[str, Json]) -> None:
        if kind in SESSION_ITEMS:
            self._account(RESPONSES_ITEM_EVENT, value)
            item = as_object(value.get("item"), "an event's item")
            begins = kind in _BEGINNINGS and text_of(item.get("status")) not in _OVER
            self._read_shown(item, is_over=not begins)
        elif kind == "response.done":
            self._account(RESPONSES_WHOLE_EVENT, value)
            self._read_whole("response.completed", as_object(value.get("response"), "a response"))
        else:
            super()._read_typed(kind, value)

    def _read_shown(self, item: dict[str, Json], *, is_over: bool) -> None:
        # The model's own items are shown here too, unfinished at first.
        check_item(item)
        place = self._place({}, item)
        self._tell_item(place, item)
        if not is_tool_call(item):
            return
        if is_over:
            self._ledger.complete(place, finished(item, f"/output/{place}"))
        else:
            self._ledger.show(place, ids_of(item), telling(item))

    def _begin(self, place: Place, item: dict[str, Json]) -> None:
        # Ids are the server's to choose, and some use theirs again in the next response.
        self._ledger.begin_anew(place, ids_of(item), telling(item))

    def _finish(self, response: dict[str, Json]) -> None:
        if self._ledger.has_open:
            raise schema_violation("the response ended inside a tool call")
        super()._finish(response)

    def _place(self, value: dict[str, Json], item: dict[str, Json]) -> Place:
        place = text_of(item.get("id")) or text_of(value.get("item_id"))
        self._check_index(place, value)
        if not place and (is_tool_call(item) or not item):
            raise schema_violation("a tool call's item has no id")
        return place

    def _check_index(self, place: str, value: dict[str, Json]) -> None:
        """Refuse an event that names one item by its id and another by its index."""
        if value.get("output_index") is None or not place:
            return
        index = index_of(value["output_index"], "an event")
        at = f"{value.get('response_id')} {index}"
        found = self._items.setdefault(at, place), self._indexes.setdefault(place, index)
        if found != (place, index):
            raise schema_violation("an event names one item by its id and another by its index")

    def _final_place(self, at: int, item: dict[str, Json]) -> Place:
        return self._place({}, item)


def _instructions(said: dict[str, Json]) -> list[Message]:
    text = text_of(said.get("instructions"))
    return [Message("system", text, "/session/instructions")] if text else []
