"""A message's stream: blocks start, grow by deltas, and stop.

Source: Anthropic's API reference, Streaming Messages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..calls.call import Answer, Json, Message, Usage
from ..calls.refusal import schema_violation
from ..calls.texts import spoken, strings
from .blocks import carries_tool_call, is_tool_call, is_tool_result, read_tool_call
from .shape import as_object, index_of, text_of
from .typed_stream import TypedStream


@dataclass(slots=True)
class _Block:
    """A block of the message that is still coming."""

    start: dict[str, Json]
    texts: list[str] = field(default_factory=list)
    input: list[str] = field(default_factory=list)


class MessagesStream(TypedStream):
    """Reads events; a tool call is complete when its block stops."""

    def __init__(self, status: int, read_usage: Callable[[Json], Usage]) -> None:
        super().__init__(status)
        self._read_usage = read_usage
        self._blocks: dict[int, _Block] = {}
        self._model: str | None = None
        self._stop_reason = ""
        self._usage = Usage()

    def answer(self, *, waiting_only: bool = False) -> Answer:
        """What the stream has said so far."""
        said = [(at, "".join(block.texts)) for at, block in sorted(self._blocks.items())]
        calls = self._ledger.calls(waiting_only=waiting_only)
        words = [(text, f"/content/{at}/text") for at, text in said if text]
        words += [(call.arguments_text, call.pointer + "/input") for call in calls]
        texts = [text for word, at in words for text in spoken(word, at, "assistant")]
        for at, block in sorted(self._blocks.items()):
            if not is_tool_call(block.start):
                texts += strings(block.start, f"/content/{at}", "assistant")
        return Answer(
            self._status,
            model=self._model,
            finish_reasons=(self._stop_reason,) if self._stop_reason else (),
            messages=(Message("assistant", "\n".join(text for _, text in said if text), ""),),
            texts=tuple(text for text in texts if text.text),
            tool_calls=calls,
            usage=self._usage,
            complete=self.done,
        )

    def _read_typed(self, kind: str, value: dict[str, Json]) -> None:
        if kind == "content_block_start":
            self._start_block(value)
            return
        self._refuse_tool_call(value)  # a call is a block, and nothing else
        if kind == "message_start":
            self._start_message(as_object(value.get("message"), "an event's message"))
        elif kind == "content_block_delta":
            self._grow_block(value)
        elif kind == "content_block_stop":
            self._stop_block(index_of(value.get("index"), "an event"))
        elif kind == "message_delta":
            delta = as_object(value.get("delta") or {}, "an event's delta")
            self._stop_reason = text_of(delta.get("stop_reason")) or self._stop_reason
            self._count(value.get("usage"))
        elif kind == "message_stop":
            self.done = True

    def _start_message(self, message: dict[str, Json]) -> None:
        self._model = text_of(message.get("model")) or None
        self._count(message.get("usage"))
        if message.get("content"):
            raise schema_violation("the stream's message starts with content already in it")

    def _start_block(self, value: dict[str, Json]) -> None:
        place = index_of(value.get("index"), "an event")
        if place in self._blocks:
            raise schema_violation("the stream starts a block twice")
        start = as_object(value.get("content_block"), "an event's block")
        if not isinstance(start.get("type"), str):
            raise schema_violation("the stream starts a block without a type")
        self._blocks[place] = _Block(start)
        self._refuse_tool_call({key: part for key, part in value.items() if part is not start})
        if is_tool_call(start):
            self._ledger.begin(place)
        elif not is_tool_result(start):
            self._refuse_tool_call(start)

    def _grow_block(self, value: dict[str, Json]) -> None:
        place = index_of(value.get("index"), "an event")
        delta = as_object(value.get("delta"), "an event's delta")
        block = self._blocks.get(place)
        if block is None:
            raise schema_violation("the stream continues a block that never started")
        if text_of(delta.get("type")) == "input_json_delta":
            if not self._ledger.is_open(place):
                raise schema_violation("the stream carries a tool's input where none belongs")
            block.input.append(text_of(delta.get("partial_json")))
        else:
            block.texts += [text.text for text in strings(delta, "", "assistant")]

    def _stop_block(self, place: int) -> None:
        block = self._blocks.get(place)
        if block is not None and self._ledger.is_open(place):
            streamed = "".join(block.input)
            call = read_tool_call(block.start, f"/content/{place}", streamed or None)
            self._ledger.complete(place, call)

    def _count(self, usage: Json) -> None:
        new = self._read_usage(usage)
        self._usage = Usage(
            self._usage.input_tokens if new.input_tokens is None else new.input_tokens,
            self._usage.output_tokens if new.output_tokens is None else new.output_tokens,
        )

    def _refuse_tool_call(self, value: Json) -> None:
        if carries_tool_call(value):
            raise schema_violation("the stream carries a tool call where none belongs")
