"""Streams without a dialect of their own: text flows, and whatever may be a call waits.

An event is an object in any shape. What looks like a call in it (a name with arguments, or what
stands where calls do) is held until its arguments are closed, and judged as clients hold it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from helm_boundary.calls.call import Answer, Json, Text, ToolCall, Usage
from helm_boundary.calls.refusal import Refusal
from helm_boundary.calls.texts import pointer_token, spoken, strings
from helm_boundary.streaming.sse import Event
from helm_boundary.streaming.tellings import told_in_two_ways
from helm_boundary.wire import strict_json

from . import event_data
from .call_names import is_call, is_call_type, is_result_type, with_server
from .call_pieces import CallPieces
from .json_shape import as_cut_off, check_names, model_of, text_of, tool_call
from .told_texts import ToldTexts, each_once
from .tool_results import tool_members
from .usage import body_usage

_NAMES = ("name", "tool", "tool_name", "toolName", "function_name")
_PIECE = "partial_json"
"""A member that nothing else has than a piece of a call, whose name may come later."""
_WORDS = ("arguments", "args", _PIECE)
_WORDS_OF_CALLS = (*_WORDS, "input", "parameters", "delta")
"""Where the arguments' next words are: anywhere, and in what stands where calls do."""
_INDEX = "index"
_IDS = ("id", "item_id", "call_id", "toolUseId", "toolCallId", "tool_call_id")
"""By what clients add pieces up: the index where there is one, or else any of the ids."""
_GROWING = frozenset(
    {
        "content", "delta", "generated_text", "output_text", "reasoning", "reasoning_content",
        "refusal", "response", "text", "thinking", "token", "transcript",
    }
)  # fmt: skip
"""Members whose text goes on in the next event."""


type _Key = tuple[str, str, str, str]
"""A call's place in its event, its ids, the type of the events that tell its arguments, and the
member that they are in: clients add up those of one type, in one member."""


@dataclass(frozen=True, slots=True)
class _Call:
    """Where a call stands, and the ids by which clients find it again."""

    pointer: str
    known: str

    @property
    def place(self) -> str:
        """The place in its event, without the event's number."""
        return self.pointer.partition("/")[2].partition("/")[2]

    @property
    def key(self) -> str:
        """What names it: its ids, or else its place."""
        return self.known or self.place

    @property
    def id(self) -> str | None:
        """One of its ids."""
        return self.known.rpartition("=")[2] or None


class GenericStream:
    """Reads events in whatever shape; lines of JSON are events, too.

    With `is_known` the API is, so that its members are written as it writes them; with `may_repeat`
    an event may tell all of a call's arguments so far, and not their next words.
    """

    def __init__(self, status: int, *, is_known: bool = False, may_repeat: bool = False) -> None:
        self.done = False
        self._is_known = is_known
        self._may_repeat = may_repeat
        self._status = status
        self._model: str | None = None
        self._id: str | None = None
        self._usage = Usage()
        self._told = ToldTexts()
        self._others: dict[tuple[str, str, str], Text] = {}
        self._pieces: dict[_Key, CallPieces] = {}
        self._touched: dict[_Key, None] = {}
        self._ids: dict[str, str] = {}
        self._members: dict[str, str] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self._calls: list[ToolCall] = []
        self._judged = self._count = 0
        self._name = self._kind = ""

    def read(self, event: Event) -> None:
        """Take one event in.

        Raises:
            Refusal: it has JSON in it that readers read differently.
        """
        if event.data is None or not event.data.strip():
            return
        if event_data.is_end(event):
            self.end()
            return
        self.take(value_of(event.data))

    def take(self, value: Json) -> None:
        """Take one event's value in."""
        pointer = f"/{self._count}"
        self._count += 1
        before = len(self._touched)
        self._kind = text_of(value.get("type")) if isinstance(value, dict) else ""
        self._read_calls(value, pointer, is_inside=False, known="")
        if len(self._touched) == before:
            self._close()
        self._read_texts(value)
        if isinstance(value, dict):
            self._model = model_of(value) or self._model
            self._id = self._id or text_of(value.get("id")) or None
            self._usage = body_usage(value, self._usage)
        if self._is_last(value):
            self.end()

    def _is_last(self, value: Json) -> bool:
        """Tell whether nothing follows an event."""
        return event_data.is_last(value)

    def end(self) -> None:
        """Note that nothing more will come."""
        self.done = True
        self._close()

    def _close(self) -> None:
        """Note that what has begun isn't gone on with."""
        for key in self._touched:
            self._pieces[key].is_over = True

    @property
    def holds(self) -> bool:
        """Whether a tool call has begun that hasn't been judged."""
        return bool(self._touched) or len(self._calls) > self._judged

    @property
    def ready(self) -> bool:
        """Whether every tool call begun is complete, and at least one waits for its verdict."""
        begun = [self._pieces[key] for key in self._touched]
        return self.holds and all(each.is_whole or (self.done and each.names) for each in begun)

    def mark_judged(self) -> None:
        """Note that what was waiting has been judged."""
        self._judged = len(self._calls)
        for place, known, *_ in self._touched:  # the next words may be another call's
            self._names[known or place] = self._names.get(known or place, ())[-1:]
        self._touched.clear()

    def answer(self, *, waiting_only: bool = False) -> Answer:
        """Return what the stream has said so far; with `waiting_only`, only unjudged calls."""
        calls = self._calls[self._judged :] if waiting_only else [*self._calls]
        for key in self._touched if waiting_only else self._pieces:
            calls += self._readings(self._pieces[key])
        texts = [*self._told.texts(), *self._others.values()]
        for call in calls:
            texts += spoken(call.arguments_text, call.pointer + "/arguments", "assistant")
        return Answer(
            self._status,
            model=self._model,
            id=self._id,
            texts=each_once(texts),
            tool_calls=tuple(calls),
            usage=self._usage,
            complete=self.done,
        )

    def _readings(self, pieces: CallPieces) -> Iterator[ToolCall]:
        """Yield a call as clients hold it; at the end, one that isn't whole was cut off."""
        for call in pieces.readings():
            if self.done and not pieces.is_whole:
                yield from as_cut_off(call)
            else:
                yield call

    def _read_calls(self, value: Json, pointer: str, *, is_inside: bool, known: str) -> None:
        """Find calls and pieces of them; `known` is the id of what holds the value."""
        if isinstance(value, list):
            for at, item in enumerate(value):
                self._read_calls(item, f"{pointer}/{at}", is_inside=is_inside, known=known)
        elif isinstance(value, dict):
            kind = text_of(value.get("type")) or text_of(value.get("event"))
            is_inside = (is_inside or is_call_type(kind)) and not is_result_type(kind)
            known = _ids_of(value, as_written=self._is_known) or known
            if self._is_known:
                check_names(value, "an event")
            self._read_call(value, pointer, is_inside=is_inside, known=known)
            for key, item in value.items():
                if isinstance(item, dict | list) and key not in _WORDS:
                    inside = is_call(key) or (is_inside and key == "function")
                    below = pointer + pointer_token(key)
                    self._read_calls(item, below, is_inside=inside, known=known)

    def _read_call(
        self, value: dict[str, Json], pointer: str, *, is_inside: bool, known: str
    ) -> None:
        names = _NAMES if is_inside else _NAMES[:1]
        name = next((found for key in names if (found := text_of(value.get(key)))), "")
        name = with_server(name, value)
        members = _WORDS_OF_CALLS if is_inside else _WORDS
        said = {key: value[key] for key in members if value.get(key) is not None}
        if not (is_inside or _PIECE in value or (said and (name or self._name))):
            return
        check_names(value, "a tool call")
        call = _Call(pointer, known)
        self._name = name or self._name
        if name:
            told = self._names.get(call.key, ())
            self._names[call.key] = told if name in told else (*told, name)
        words = {key: each for key, each in said.items() if isinstance(each, str)}
        for each in said.values():
            if not isinstance(each, str) and self._name:
                made = tool_call(self._name, each, call_id=call.id, pointer=pointer)
                self._calls.append(made)
        for member, each in words.items():
            self._grow(call, member, each)
        if name and not said:
            self._grow(call, "", "")

    def _grow(self, call: _Call, member: str, words: str) -> None:
        key = (call.place, call.known, self._kind if member else "", member)
        if key not in self._pieces:
            if self._is_known:
                self._check_ids(call.known)
            self._pieces[key] = CallPieces(call.pointer, call.id, may_repeat=self._may_repeat)
        pieces = self._pieces[key]
        names = self._names.get(call.key) or pieces.names
        pieces.names = names or ((self._name,) if self._name else ())
        if member:
            pieces.grow(words)
        pieces.is_over = False
        self._touched[key] = None

    def _check_ids(self, known: str) -> None:
        """Refuse ids of which one is another call's, or lacks: clients go by either of them.

        Events of another family (`tool.execution.…`) may have other members.
        """
        members = "&".join(each.partition("=")[0] for each in known.split("&"))
        family = self._kind.rpartition(".")[0]
        if self._members.setdefault(family, members) != members:
            raise told_in_two_ways()
        for told in known.split("&"):
            if self._ids.setdefault(told, known) != known:
                raise told_in_two_ways()

    def _read_texts(self, value: Json) -> None:
        for text in strings(value, "", "assistant", tool_members):
            member = text.pointer.rpartition("/")[2]
            if member in _GROWING:
                self._told.grow(text.pointer, text.role, text.text)
            elif member not in _WORDS:
                self._others.setdefault((text.pointer, text.role, text.text), text)


def _ids_of(value: dict[str, Json], *, as_written: bool) -> str:
    """Write the ids of an object; an empty one says nothing, but where it is `as_written`."""
    if isinstance(value.get(_INDEX), int):
        return f"{_INDEX}={value[_INDEX]}"
    told = {key: value.get(key) for key in _IDS}
    nothing = (None,) if as_written else (None, "")
    return "&".join(f"{key}={said}" for key, said in told.items() if said not in nothing)


def value_of(data: bytes) -> Json:
    """Return an event's JSON value, or its text where it has none.

    Raises:
        Refusal: it is neither JSON that all readers read alike nor text.
    """
    try:
        return strict_json.parse(data, "an event of the stream")
    except Refusal:
        text = data.decode("utf-8", "replace")
        if text.lstrip()[:1] in ("{", "["):
            raise
        return text


def read_values(status: int, values: Iterable[Json]) -> GenericStream:
    """Read values that have come whole, as the events of a stream that is over."""
    stream = GenericStream(status)
    for value in values:
        stream.take(value)
    stream.done = True
    return stream
