"""A message's stream: blocks start, grow by deltas, and stop.

Source: Anthropic's API reference, Streaming Messages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..calls.call import Answer, Json, Message, Usage
from ..calls.refusal import schema_violation
from ..calls.texts import spoken
from ..gate.tellings import ARGUMENTS
from .blocks import carries_tool_call, finished, is_tool_call, is_tool_result, telling, texts_of
from .shape import as_object, index_of, text_of
from .told_texts import ToldTexts, each_once
from .typed_stream import TypedStream

_PROTOCOL = frozenset({"type", "index", "usage"})
"""The members of an event in which nobody says anything."""
_TEXT_DELTA = {"type", "text"}
_SILENT = frozenset({"id", "type", "role", "model", "usage", "stop_reason", "stop_sequence"})
"""Those of a message."""


@dataclass(slots=True)
class _Block:
    """A block of the message that is still coming."""

    start: dict[str, Json]
    texts: list[str]
    input: list[str] = field(default_factory=list)


class MessagesStream(TypedStream):
    """Reads events; a tool call is complete when its block stops."""

    def __init__(self, status: int, read_usage: Callable[[Json], Usage]) -> None:
        super().__init__(status)
        self._read_usage = read_usage
        self._blocks: dict[int, _Block] = {}
        self._told = ToldTexts()
        self._model: str | None = None
        self._stop_reason = ""
        self._usage = Usage()

    def answer(self, *, waiting_only: bool = False) -> Answer:
        """What the stream has said so far."""
        calls = self._ledger.calls(waiting_only=waiting_only)
        texts = list(self._told.texts())
        said = "\n".join(t.text for t in texts if t.pointer.endswith("/text"))
        for call in calls:
            texts += spoken(call.arguments_text, call.pointer + "/input", "assistant")
        return Answer(
            self._status,
            model=self._model,
            finish_reasons=(self._stop_reason,) if self._stop_reason else (),
            messages=(Message("assistant", said, ""),),
            texts=each_once(texts),
            tool_calls=calls,
            usage=self._usage,
            complete=self.done,
        )

    def _read_typed(self, kind: str, value: dict[str, Json]) -> None:
        if kind == "content_block_start":
            self._start_block(value)
            return
        self._refuse_tool_call(value)  # a call is a block, and nothing else
        if kind == "content_block_delta":
            self._tell_beside(value, "delta")
            self._grow_block(value)
        elif kind == "message_start":
            self._tell_beside(value, "message")
            self._start_message(as_object(value.get("message"), "an event's message"))
        elif kind == "content_block_stop":
            self._tell_beside(value)
            self._stop_block(index_of(value.get("index"), "an event"))
        elif kind == "message_delta":
            delta = as_object(value.get("delta") or {}, "an event's delta")
            self._tell_beside(value)
            self._stop_reason = text_of(delta.get("stop_reason")) or self._stop_reason
            self._count(value.get("usage"))
        else:
            self._tell_beside(value)
            self.done = self.done or kind == "message_stop"

    def _tell_beside(self, value: dict[str, Json], name: str = "type") -> None:
        told = [key for key in value if key != name and key not in _PROTOCOL]
        if told:
            self._told.tell(texts_of({key: value[key] for key in told}, "", "assistant"))

    def _start_message(self, message: dict[str, Json]) -> None:
        self._model = text_of(message.get("model")) or None
        self._count(message.get("usage"))
        if message.get("content"):
            raise schema_violation("the stream's message starts with content already in it")
        beside = {key: part for key, part in message.items() if key not in _SILENT}
        self._told.tell(texts_of(beside, "", "assistant"))

    def _start_block(self, value: dict[str, Json]) -> None:
        place = index_of(value.get("index"), "an event")
        if place in self._blocks:
            raise schema_violation("the stream starts a block twice")
        start = as_object(value.get("content_block"), "an event's block")
        if not isinstance(start.get("type"), str):
            raise schema_violation("the stream starts a block without a type")
        words = self._told.growing(f"/content/{place}/text", "assistant")
        self._blocks[place] = _Block(start, words)
        self._refuse_tool_call({key: part for key, part in value.items() if part is not start})
        self._tell_beside(value, "content_block")
        if is_tool_call(start):
            self._ledger.begin(place, text_of(start.get("id")), telling(start))
            return
        if not is_tool_result(start):
            self._refuse_tool_call(start)
        self._told.tell(texts_of(start, f"/content/{place}", "assistant"))

    def _grow_block(self, value: dict[str, Json]) -> None:
        place = index_of(value.get("index"), "an event")
        delta = as_object(value.get("delta"), "an event's delta")
        block = self._blocks.get(place)
        if block is None:
            raise schema_violation("the stream continues a block that never started")
        kind = delta.get("type")
        if kind == "text_delta" and delta.keys() == _TEXT_DELTA and type(delta["text"]) is str:
            block.texts.append(delta["text"])
            return
        if kind == "input_json_delta":
            if not self._ledger.is_open(place):
                raise schema_violation("the stream carries a tool's input where none belongs")
            words = text_of(delta.get("partial_json"))
            block.input.append(words)
            self._ledger.grow(place, "", ARGUMENTS, words)
            delta = {key: part for key, part in delta.items() if key != "partial_json"}
        self._told.grow_all(texts_of(delta, f"/content/{place}", "assistant"))

    def _stop_block(self, place: int) -> None:
        block = self._blocks.get(place)
        if block is not None and self._ledger.is_open(place):
            streamed = "".join(block.input)
            self._ledger.complete(place, finished(block.start, f"/content/{place}", streamed))

    def _count(self, usage: Json) -> None:
        new = self._read_usage(usage)
        self._usage = Usage(
            self._usage.input_tokens if new.input_tokens is None else new.input_tokens,
            self._usage.output_tokens if new.output_tokens is None else new.output_tokens,
        )

    def _refuse_tool_call(self, value: Json) -> None:
        if carries_tool_call(value):
            raise schema_violation("the stream carries a tool call where none belongs")
