"""A response's stream: items begin, grow by deltas, are done, and come again at the end.

Source: `ResponseStreamEvent` in OpenAI's description.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..calls.call import Answer, Json
from ..calls.refusal import schema_violation
from ..calls.texts import spoken, strings
from .items import carries_tool_call, check_item, check_response, is_tool_call, read_tool_call
from .shape import as_object, as_objects, index_of, text_of
from .typed_stream import TypedStream

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})
_WHOLE = _ENDS | {"response.created", "response.in_progress", "response.queued"}
_TEXT_DELTAS = (
    "response.output_text.delta",
    "response.refusal.delta",
    "response.reasoning_text.delta",
    "response.reasoning_summary_text.delta",
    "response.audio.transcript.delta",
    "response.output_audio_transcript.delta",
)

type ReadResponse = Callable[[int, Json], Answer]


class ResponsesStream(TypedStream):
    """Reads events; a tool call is begun by its item and complete when its item is done."""

    def __init__(self, status: int, read_response: ReadResponse) -> None:
        super().__init__(status)
        self._read_response = read_response
        self._texts: dict[str, list[str]] = {}
        self._final: Answer | None = None

    def answer(self, *, waiting_only: bool = False) -> Answer:
        """What the stream has said so far."""
        calls = self._ledger.calls(waiting_only=waiting_only)
        if self._final is not None:
            return replace(self._final, tool_calls=calls, complete=self.done)
        said = [("".join(parts), at) for at, parts in self._texts.items()]
        said += [(call.arguments_text, call.pointer + "/arguments") for call in calls]
        texts = [text for words, at in said for text in spoken(words, at, "assistant")]
        return Answer(self._status, texts=tuple(texts), tool_calls=calls, complete=False)

    def _read_typed(self, kind: str, value: dict[str, Json]) -> None:
        if kind in _WHOLE:
            _check_beside("response", value)
            self._read_whole(kind, as_object(value.get("response"), "an event's response"))
        elif kind in ("response.output_item.added", "response.output_item.done"):
            _check_beside("item", value)
            self._read_item(kind, value)
        elif self._belongs_to_call(kind):
            place = index_of(value.get("output_index"), "an event")
            if not self._ledger.is_open(place):
                raise schema_violation("the stream carries part of a tool call that never began")
        elif carries_tool_call(value):
            raise schema_violation("the stream carries a tool call where none belongs")
        elif kind in _TEXT_DELTAS:
            self._read_text(value)
        else:
            self._read_other(kind, value)

    def _read_whole(self, kind: str, response: dict[str, Json]) -> None:
        check_response(response)
        for at, item in enumerate(as_objects(response.get("output") or [], "output")):
            if is_tool_call(item):
                self._ledger.complete(at, read_tool_call(item, f"/output/{at}"))
        if kind in _ENDS:
            self._finish(response)

    def _finish(self, response: dict[str, Json]) -> None:
        self.done = True
        self._final = self._read_response(self._status, response)

    def _read_item(self, kind: str, value: dict[str, Json]) -> None:
        item = as_object(value.get("item"), "an event's item")
        place = index_of(value.get("output_index"), "an event")
        check_item(item)
        if not is_tool_call(item):
            if self._ledger.is_open(place):
                raise schema_violation("an item of the stream ends as something else")
            return
        if kind.endswith(".added"):
            self._ledger.begin(place)
        else:
            self._ledger.complete(place, read_tool_call(item, f"/output/{place}"))

    def _read_text(self, value: dict[str, Json]) -> None:
        item = value.get("output_index", 0)
        part = value.get("content_index", value.get("summary_index", 0))
        where = f"/output/{item}/content/{part}/text"
        self._texts.setdefault(where, []).append(text_of(value.get("delta")))

    def _read_other(self, kind: str, value: dict[str, Json]) -> None:
        if kind.endswith(".delta"):
            for text in strings(value.get("delta"), "", "assistant"):
                where = f"/output/{value.get('output_index', 0)}/{kind}{text.pointer}"
                self._texts.setdefault(where, []).append(text.text)

    def _belongs_to_call(self, kind: str) -> bool:
        # response.function_call_arguments.delta, response.web_search_call.searching, ...
        part = kind.split(".")[1] if kind.count(".") >= 2 else ""
        return "_call" in part


def _check_beside(name: str, value: dict[str, Json]) -> None:
    if carries_tool_call([part for key, part in value.items() if key != name]):
        raise schema_violation("the stream carries a tool call where none belongs")
