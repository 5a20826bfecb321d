"""A message's stream: blocks start, grow by deltas, and stop.

Source: Anthropic's API reference, Streaming Messages.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from helm_boundary.calls.call import Answer, Json, Message, Usage
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.calls.texts import spoken
from helm_boundary.streaming.tellings import ARGUMENTS

from .answer_members import MESSAGE, MESSAGES_EVENT, MESSAGES_EVENTS
from .json_shape import as_object, as_objects, index_of, text_of
from .members import Members
from .messages_blocks import (
    carries_tool_call,
    check_message,
    finished,
    is_tool_call,
    is_tool_result,
    telling,
    texts_of,
)
from .partial_json import is_json
from .told_texts import ToldTexts, each_once
from .typed_stream import TypedStream
from .usage import read_usage, updated

_TEXT_DELTA = {"type", "text"}


@dataclass(slots=True)
class _Block:
    """A block of the message that is still coming."""

    start: dict[str, Json]
    position: int
    texts: list[str]
    input: list[str] = field(default_factory=list)


class MessagesStream(TypedStream):
    """Reads events; a tool call is complete when its block stops."""

    TELLING: tuple[str, ...] = ("content_block", "message")
    CUT_OFF = frozenset({"max_tokens", "model_context_window_exceeded", "pause_turn", "refusal"})
    """Why a model stops before its message is whole."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self._has_started = self._is_prefilled = False
        self._stopped: set[int] = set()
        """Calls whose block has stopped with input that isn't JSON, until it is known why."""
        self._blocks: dict[int, _Block] = {}
        self._told = ToldTexts()
        self._model: str | None = None
        self._id: str | None = None
        self._stop_reason = ""
        self._usage = Usage()

    def answer(self, *, waiting_only: bool = False) -> Answer:
        """Say what has come of the stream so far."""
        calls = self._ledger.calls(waiting_only=waiting_only)
        texts = list(self._told.texts())
        said = "\n".join(t.text for t in texts if t.pointer.endswith("/text"))
        for call in calls:
            texts += spoken(call.arguments_text, call.pointer + "/input", "assistant")
        return Answer(
            self._status,
            model=self._model,
            id=self._id,
            finish_reasons=(self._stop_reason,) if self._stop_reason else (),
            messages=(Message("assistant", said, ""),),
            texts=each_once(texts),
            tool_calls=calls,
            usage=self._usage,
            complete=self._ended,
        )

    def _read_typed(self, kind: str, value: dict[str, Json]) -> None:
        self._account(MESSAGES_EVENTS.get(kind, MESSAGES_EVENT), value)
        if kind == "content_block_delta":
            self._grow_block(value)
        elif kind == "content_block_start":
            self._start_block(value)
        elif kind == "content_block_stop":
            _refuse_input(value.get("delta"))
            self._stop_block(index_of(value.get("index"), "an event"))
        elif kind == "message_start":
            self._start_message(value)
        elif kind == "message_delta":
            delta = as_object(value.get("delta") or {}, "an event's delta")
            self._stop_reason = text_of(delta.get("stop_reason")) or self._stop_reason
            self._usage = updated(self._usage, read_usage(value.get("usage")))
            if self._stop_reason:
                self._complete_all()
        elif kind == "message_stop":
            self._stopped |= self._blocks.keys()
            self._complete_all()
            self._end()
        elif kind == "error":
            self._fail()

    def _account(self, members: Members, value: dict[str, Json]) -> None:
        """Take in what is said beside what the dialect reads; a call is a block, nothing else."""
        self._refuse_tool_call(members.without_calls(value))
        if others := members.others(value):
            self._told.tell(texts_of(others, "", "assistant"))

    def _start_message(self, value: dict[str, Json]) -> None:
        message = as_object(value.get("message"), "an event's message")
        is_again = self._has_started and bool(message.get("content"))
        if is_again or self._blocks:  # the SDK would begin with its content anew
            raise schema_violation("the stream starts a message twice")
        self._has_started = True
        check_message(message)
        self._model = text_of(message.get("model")) or None
        self._id = text_of(message.get("id")) or None
        self._stop_reason = text_of(message.get("stop_reason"))
        self._usage = updated(self._usage, read_usage(message.get("usage")))
        self._told.tell(texts_of(MESSAGE.others(message), "", "assistant"))
        # What a message begins with is whole (after a program's call of a tool): no block follows.
        for place, block in enumerate(as_objects(message.get("content") or [], "content")):
            self._blocks[place] = _Block(block, place, [])
            self._is_prefilled = True
            if is_tool_call(block):
                self._ledger.begin(place, (text_of(block.get("id")),), telling(block))
                self._ledger.complete(place, finished(block, f"/content/{place}"))
            self._begin_texts(place, block)

    def _start_block(self, value: dict[str, Json]) -> None:
        place = index_of(value.get("index"), "an event")
        if place in self._blocks or self._is_prefilled:
            raise schema_violation("the stream starts a block twice")
        start = as_object(value.get("content_block"), "an event's block")
        if not isinstance(start.get("type"), str):
            raise schema_violation("the stream starts a block without a type")
        words = self._told.growing(f"/content/{place}/text", "assistant")
        self._blocks[place] = _Block(start, len(self._blocks), words)
        self._check_order()
        if is_tool_call(start):
            self._ledger.begin(place, (text_of(start.get("id")),), telling(start))
        elif not is_tool_result(start):
            self._refuse_tool_call(start)
        self._begin_texts(place, start)

    def _begin_texts(self, place: int, start: dict[str, Json]) -> None:
        """Take in what a block begins with; clients join its text with that of its deltas."""
        said = {key: part for key, part in start.items() if key != "input"}
        grows = {key: said.pop(key) for key in ("text", "thinking") if text_of(said.get(key))}
        self._told.grow_all(texts_of(grows, f"/content/{place}", "assistant"))
        self._told.tell(texts_of(said, f"/content/{place}", "assistant"))

    def _check_order(self) -> None:
        # The SDK appends a block when it starts, and finds it by its index when it grows.
        blocks = self._blocks.items()
        ordered = all(at == block.position for at, block in blocks)
        has_call = any(is_tool_call(block.start) for _, block in blocks)
        if len(blocks) > 1 and has_call and not ordered:
            raise schema_violation("the stream's blocks don't start in the order of their indexes")

    def _grow_block(self, value: dict[str, Json]) -> None:
        place = index_of(value.get("index"), "an event")
        delta = as_object(value.get("delta"), "an event's delta")
        block = self._blocks.get(place)
        if block is None:
            raise schema_violation("the stream continues a block that never started")
        kind = delta.get("type")
        if kind == "text_delta" and isinstance(delta.get("text"), str):
            block.texts.append(delta["text"])
            if delta.keys() == _TEXT_DELTA:
                return
            delta = {key: part for key, part in delta.items() if key != "text"}
        if kind == "input_json_delta":
            if not self._ledger.is_open(place) or place in self._stopped:
                raise schema_violation("the stream carries a tool's input where none belongs")
            words = delta.get("partial_json", "")
            if not isinstance(words, str):
                raise schema_violation("a tool's input isn't text in the stream")
            block.input.append(words)
            self._ledger.grow(place, (), ARGUMENTS, words)
            delta = {key: part for key, part in delta.items() if key != "partial_json"}
        _refuse_input(delta)
        self._refuse_tool_call(delta)
        self._told.grow_all(texts_of(delta, f"/content/{place}", "assistant"))

    def _stop_block(self, place: int) -> None:
        block = self._blocks.get(place)
        if block is None and self._ledger.holds:  # clients with one block at a time end that one
            raise schema_violation("the stream stops a block that never started")
        if block is None or not self._ledger.is_open(place):
            return
        streamed = "".join(block.input)
        if streamed.strip() and not is_json(streamed):  # perhaps it was cut off; the end says so
            self._stopped.add(place)
        else:
            self._ledger.complete(place, finished(block.start, f"/content/{place}", streamed))

    def _complete_all(self) -> None:
        """Complete the calls that waited for the reason why the model stopped."""
        was_cut = self._stop_reason in self.CUT_OFF
        for place in sorted(self._stopped):
            block = self._blocks[place]
            if self._ledger.is_open(place):
                streamed, pointer = "".join(block.input), f"/content/{place}"
                self._ledger.complete(
                    place, finished(block.start, pointer, streamed, was_cut=was_cut)
                )
        self._stopped.clear()

    def _refuse_tool_call(self, value: Json) -> None:
        if carries_tool_call(value):
            raise schema_violation("the stream carries a tool call where none belongs")


def _refuse_input(delta: Json) -> None:
    """Refuse a tool's input under another name than a delta of it has."""
    if isinstance(delta, dict) and delta.get("partial_json") is not None:
        raise schema_violation("the stream carries a tool's input where none belongs")
