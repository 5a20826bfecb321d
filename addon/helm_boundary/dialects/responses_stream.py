"""A response's stream: items begin, grow by deltas, are done, and come again at the end.

Source: `ResponseStreamEvent` in OpenAI's description.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from helm_boundary.calls.call import Answer, Json
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.calls.texts import TOOL, spoken
from helm_boundary.streaming.ledger import Place

from .answer_members import (
    RESPONSES_DELTA,
    RESPONSES_EVENT,
    RESPONSES_ITEM_EVENT,
    RESPONSES_WHOLE_EVENT,
)
from .json_shape import as_object, as_objects, text_of
from .members import Members
from .responses_items import (
    carries_tool_call,
    check_item,
    check_response,
    finished,
    ids_of,
    is_tool_call,
    telling,
    texts_of,
)
from .responses_parts import index_path, is_part, place_of, read_part
from .told_texts import ToldTexts, each_once
from .typed_stream import TypedStream

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})
_WHOLE = _ENDS | {"response.created", "response.in_progress", "response.queued"}
_ITEMS = frozenset({"response.output_item.added", "response.output_item.done"})
SESSION_ITEMS = frozenset({
    "conversation.item.created",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.retrieved",
})  # fmt: skip
"""The events with which a session shows an item; a response alone has none of these."""
_TEXT_DELTAS = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_text.delta": "reasoning",
    "response.reasoning_summary_text.delta": "summary",
    "response.audio.transcript.delta": "transcript",
    "response.output_audio_transcript.delta": "transcript",
}
_PARTS = {
    "response.content_part.added": {
        "text": "text", "refusal": "refusal", "transcript": "transcript",
    },
    "response.reasoning_summary_part.added": {"text": "summary"},
}  # fmt: skip
_INDEXES = ("response_id", "output_index", "item_id", "content_index", "summary_index")

type ReadResponse = Callable[[int, Json], Answer]


class ResponsesStream(TypedStream):
    """Reads events; a tool call is begun by its item and complete when its item is done."""

    TELLING = ("response.", "conversation.")

    def __init__(self, status: int, read_response: ReadResponse) -> None:
        super().__init__(status)
        self._read_response = read_response
        self._told = ToldTexts()
        self._growing: dict[tuple[Json, ...], list[str]] = {}
        self._final: Answer | None = None
        self.response: dict[str, Json] = {}
        """The response as it began."""
        self.items: dict[int, dict[str, Json]] = {}
        """The items that are done, by their index."""
        self.numbers: dict[int, int] = {}
        """The number of the event with which each item began, by its index."""

    def answer(self, *, waiting_only: bool = False) -> Answer:
        """Say what has come so far; what deltas told stays told, whatever the end says."""
        calls = self._ledger.calls(waiting_only=waiting_only)
        final = self._final or self._so_far()
        said = [(call.arguments_text, call.pointer + "/arguments") for call in calls]
        texts = [*final.texts, *self._told.texts()]
        texts += [text for words, at in said for text in spoken(words, at, "assistant")]
        return replace(final, texts=each_once(texts), tool_calls=calls, complete=self._ended)

    def _so_far(self) -> Answer:
        """Say what is known of a response before its end has come."""
        model, given = self.response.get("model"), self.response.get("id")
        return Answer(
            self._status, text_of(model) or None, id=text_of(given) or None, complete=False
        )

    def _read_typed(self, kind: str, value: dict[str, Json]) -> None:
        if kind in _TEXT_DELTAS:
            self._read_text(_TEXT_DELTAS[kind], value)
        elif kind in _WHOLE:
            self._account(RESPONSES_WHOLE_EVENT, value)
            self._read_whole(kind, as_object(value.get("response"), "an event's response"))
        elif kind in _ITEMS:
            self._account(RESPONSES_ITEM_EVENT, value)
            self._read_item(kind, value)
        elif kind in _PARTS:
            self._begin_text(_PARTS[kind], value)
        elif is_part(kind):
            # response.function_call_arguments.delta, response.web_search_call.searching, ...
            self._told.tell(read_part(self._ledger, self._place(value, {}), kind, value))
        else:
            if kind == "error":
                self._fail()
            self._read_other(kind, value)

    def _read_whole(self, kind: str, response: dict[str, Json]) -> None:
        check_response(response)
        for at, item in enumerate(as_objects(response.get("output") or [], "output")):
            if is_tool_call(item):
                self._ledger.complete(self._final_place(at, item), finished(item, f"/output/{at}"))
        if not self.response:
            self.response = response
        if kind in _ENDS:
            if "failed" in (kind.removeprefix("response."), response.get("status")):
                self._fail()
            self._finish(response)
        else:
            self._told.tell(texts_of(response.get("output"), "/output"))

    def _finish(self, response: dict[str, Json]) -> None:
        self._end()
        self._final = self._read_response(self._status, response)

    def _read_item(self, kind: str, value: dict[str, Json]) -> None:
        item = as_object(value.get("item"), "an event's item")
        place = self._place(value, item)
        check_item(item)
        if not is_tool_call(item) and self._ledger.is_open(place):
            raise schema_violation("an item of the stream ends as something else")
        self._tell_item(place, item)
        if isinstance(place, int):
            self._keep(place, kind, value, item)
        if is_tool_call(item) and kind.endswith(".added"):
            self._begin(place, item)
        elif is_tool_call(item):
            self._ledger.complete(place, finished(item, f"/output/{place}"))

    def _keep(self, place: int, kind: str, value: dict[str, Json], item: dict[str, Json]) -> None:
        """Keep what it takes to end the response with another item than one that is denied."""
        number = value.get("sequence_number")
        if kind.endswith(".added"):
            self.numbers[place] = number if isinstance(number, int) else 0
        else:
            self.items[place] = item

    def _tell_item(self, place: Place, item: dict[str, Json]) -> None:
        """Take in what an item says beside what its call does, which is judged as the call's."""
        call = {"arguments", "input"} if is_tool_call(item) else set()
        said = {key: part for key, part in item.items() if key not in call}
        self._told.tell(texts_of(said, f"/output/{place}"))

    def _begin(self, place: Place, item: dict[str, Json]) -> None:
        self._ledger.begin(place, ids_of(item), telling(item))

    def _read_text(self, name: str, value: dict[str, Json]) -> None:
        delta = value.get("delta")
        if isinstance(delta, str):
            self._growing_at(name, value).append(delta)
        self._refuse_tool_call(RESPONSES_DELTA.without_calls(value))
        if others := RESPONSES_DELTA.others(value):
            self._tell(f"{name}.delta", value, others)

    def _growing_at(self, name: str, value: dict[str, Json]) -> list[str]:
        """Find the words so far of the text that an event goes on with."""
        try:
            where = (name, *map(value.get, _INDEXES))
            growing = self._growing.get(where)
        except TypeError:
            raise schema_violation("an event has no usable index") from None
        if growing is None:  # its first delta
            pointer = f"/output/{index_path(value)}/{name}"
            growing = self._growing[where] = self._told.growing(pointer, "assistant")
        return growing

    def _begin_text(self, names: dict[str, str], value: dict[str, Json]) -> None:
        """Take in what a part of an item begins with; clients join it with its deltas."""
        part = as_object(value.get("part"), "an event's part")
        for member, name in names.items():
            if text_of(part.get(member)):
                self._growing_at(name, value).append(part[member])
        self._read_other("", value)

    def _read_other(self, kind: str, value: dict[str, Json]) -> None:
        if kind in SESSION_ITEMS:
            raise schema_violation("the stream shows an item of a session, and belongs to none")
        if not kind.startswith("session."):  # it repeats the tools that were offered
            self._refuse_tool_call(value)
        self._tell(kind, value, RESPONSES_EVENT.others(value))

    def _tell(self, kind: str, value: dict[str, Json], said: dict[str, Json]) -> None:
        """Take in what an event says, beside what is read of it."""
        where = f"/output/{index_path(value)}"
        role = TOOL if "_call_output" in kind else "assistant"
        if kind.endswith(".delta"):
            self._told.grow_all(texts_of(said.pop("delta", None), f"{where}/{kind}", role))
        self._told.tell(texts_of(said, where, role))

    def _place(self, value: dict[str, Json], item: dict[str, Json]) -> Place:
        return place_of(value, item)

    def _final_place(self, at: int, item: dict[str, Json]) -> Place:
        return at

    def _account(self, members: Members, value: dict[str, Json]) -> None:
        """Take in what stands beside an event's item or response, which is read by itself."""
        self._refuse_tool_call(members.without_calls(value))
        if others := members.others(value):
            self._tell("", value, others)

    def _refuse_tool_call(self, value: Json) -> None:
        if carries_tool_call(value):
            raise schema_violation("the stream carries a tool call where none belongs")
