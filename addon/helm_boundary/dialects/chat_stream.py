"""A chat completion's stream, put together from its deltas.

Source: `CreateChatCompletionStreamResponse` in OpenAI's description. The tests have the odd forms
that providers really send. A completion of old streams alike, with `text` in its choices.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from helm_boundary.calls.call import Answer, Json, Message, Text, ToolCall, Usage
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.calls.texts import spoken, strings
from helm_boundary.streaming.sse import Event

from . import event_data
from .answer_members import CHOICE, COMPLETION, DELTA
from .chat_call_signs import signs_of_calls
from .chat_calls import CallKey, ChatCalls, beyond
from .chat_whole_calls import CALLS, known_calls, tool_members, whole_calls
from .json_shape import as_object, index_of, text_of
from .told_texts import ToldTexts, each_once
from .usage import chat_usage, updated

ROLE = "assistant"

_SUSPICIOUS = (b"tool", b"function", b"arguments", b"\\u")
_SPOKEN = ("content", "refusal")


@dataclass(slots=True)
class _Choice:
    """One choice of the completion so far."""

    content: list[str] = field(default_factory=list)
    told: ToldTexts = field(default_factory=ToldTexts)
    """Its texts, by pointers below its message; also what Perplexity repeats beside each delta."""
    spoken: dict[str, list[str]] = field(init=False)
    growing: dict[str, ChatCalls] = field(init=False)
    whole: list[ToolCall] = field(default_factory=list)
    """Calls that are told at once: those of a whole message, and what the provider has run."""
    finish_reasons: list[str] = field(default_factory=list)
    is_open: bool = False
    """Whether part of a call has come that no end of its choice has followed."""
    waits: bool = False
    """Whether it has a call that hasn't been judged."""
    judged: Counter[CallKey] = field(default_factory=Counter)
    named: str | None = None
    """How its first tool call's part said where it belongs: by an index, by null, or not at all."""

    def __post_init__(self) -> None:
        self.spoken = {key: self.told.growing("/" + key, ROLE) for key in _SPOKEN}
        self.growing = {key: ChatCalls("/" + key) for key in CALLS}

    @property
    def has_calls(self) -> bool:
        """Whether part of any call has come."""
        return bool(self.whole) or any(calls.fragments for calls in self.growing.values())

    def check_named(self, found: dict[str, Json], place: int) -> None:
        """Refuse part of a call whose choice clients find by its index, and by its place otherwise.

        Raises:
            Refusal: it has an index only at times, or none where another choice stands before it.
        """
        has_index = found.get("index") is not None
        named = "index" if has_index else "null" if "index" in found else "nothing"
        self.named = self.named or named
        if named != self.named or (place and not has_index):
            raise schema_violation("a choice with a tool call has its index only at times")

    def finish(self, reason: str) -> None:
        """Take in why it has ended, if that is said."""
        if reason:
            self.finish_reasons.append(reason)
        self.is_open = False


class ChatStream:
    """Reads events; knows which tool calls have begun and which are complete."""

    def __init__(self, status: int) -> None:
        self._status = status
        self._choices: dict[int, _Choice] = {}
        self._model: str | None = None
        self._usage = Usage()
        self._beside = ToldTexts()
        self._ended = False
        self._failed = False
        self.done = False

    def read(self, event: Event) -> None:
        """Take one event in.

        Raises:
            Refusal: not JSON, not a chunk of a chat completion, or a tool call out of its place.
        """
        chunk = event_data.value(event)
        if chunk is not None:
            self._read_chunk(chunk, event.data or b"")
        elif event_data.is_end(event):
            self._ended = True
            for choice in self._choices.values():
                choice.finish("")
            self._note_end()

    @property
    def holds(self) -> bool:
        """Whether a tool call has begun that hasn't been judged."""
        return any(choice.waits for choice in self._choices.values())

    @property
    def ready(self) -> bool:
        """Whether every tool call begun is complete, and at least one waits for its verdict."""
        choices = self._choices.values()
        return any(c.waits for c in choices) and not any(c.is_open for c in choices)

    def mark_judged(self) -> None:
        """Note that what was waiting has been judged."""
        for index, choice in self._choices.items():
            if choice.waits:
                choice.judged |= Counter(map(_key, _calls(index, choice)))
                choice.waits = False

    def answer(self, *, waiting_only: bool = False) -> Answer:
        """Say what has come so far; with `waiting_only`, only unjudged tool calls."""
        choices = sorted(self._choices.items())
        calls = [
            call
            for index, choice in choices
            if choice.waits or not waiting_only
            for call in beyond(choice.judged if waiting_only else (), _calls(index, choice), _key)
        ]
        return Answer(
            self._status,
            model=self._model,
            finish_reasons=tuple(r for _, c in choices for r in dict.fromkeys(c.finish_reasons)),
            messages=tuple(_message(i, c) for i, c in choices),
            texts=(*(t for i, c in choices for t in _texts(i, c)), *self._beside.texts()),
            tool_calls=tuple(calls),
            usage=self._usage,
            complete=self.done and not waiting_only,
        )

    def _note_end(self) -> None:
        """Note whether the stream came to its end, by its own word or as all of its choices did."""
        choices = self._choices.values()
        finished = bool(choices) and all(choice.finish_reasons for choice in choices)
        self.done = (self._ended or finished) and not self._failed

    def _read_chunk(self, chunk: dict[str, Json], data: bytes) -> None:
        choices = chunk.get("choices")
        if self._ended and choices:
            raise schema_violation("the stream goes on after its end")
        self._model = text_of(chunk.get("model")) or self._model
        if b"usage" in data or b"\\" in data:  # few chunks count anything
            self._usage = updated(self._usage, chat_usage(chunk))
        if others := COMPLETION.others(chunk):
            if others.get("error"):
                self._failed = True
                self._note_end()
            self._beside.tell(strings(others, "", ROLE, tool_members))
        known = self._read_choices(choices)
        # Most chunks have no tool call anywhere; only a suspicion is worth a walk.
        lower = data.lower()
        for word in _SUSPICIOUS:
            if word in lower:
                break
        else:
            return
        if signs_of_calls(chunk) != known_calls(known):
            raise schema_violation("the stream carries a tool call where none belongs")

    def _read_choices(self, choices: Json) -> list[dict[str, Json]]:
        """Take the choices of a chunk in; returns where tool calls of theirs may stand."""
        if choices is None:
            return []
        if not isinstance(choices, list):
            raise schema_violation("an event's `choices` isn't a list")
        known = []
        for at, found in enumerate(choices):
            found = as_object(found, "a choice of the stream")
            given = found.get("index")
            index = index_of(at if given is None else given, "a choice of the stream", 128)
            choice = self._choices.get(index)
            if choice is None:
                choice = self._choices[index] = _Choice()
            known += _read_choice(choice, found, index)
            if found.get("finish_reason") or self.done:
                self._note_end()
        return known


def _read_choice(choice: _Choice, found: dict[str, Json], index: int) -> list[dict[str, Json]]:
    delta = as_object(found.get("delta") or {}, "a choice's `delta`")
    known = [delta]
    if found.get("message") is not None:
        message = as_object(found["message"], "a choice's `message`")
        choice.told.tell(strings(message, "", ROLE, tool_members))
        if not delta:  # a whole answer in place of a stream
            _add_whole(choice, message, index)
        if not (delta and any(message.get(key) for key in CALLS)):
            known.append(message)
    if isinstance(found.get("text"), str):  # Together's, and those of old
        choice.told.grow("/text", ROLE, found["text"])
    if others := CHOICE.others(found):
        # A model that reasons tells that beside its text.
        choice.told.grow_all(strings(others, "", ROLE, tool_members))
    _read_delta(choice, delta, index)
    if choice.waits and any(delta.get(key) for key in CALLS):
        choice.check_named(found, index)
    reason = found.get("finish_reason")
    if isinstance(reason, str) and reason:
        choice.finish(reason)
    return known


def _read_delta(choice: _Choice, delta: dict[str, Json], index: int) -> None:
    for key in _SPOKEN:
        if isinstance(words := delta.get(key), str):
            choice.content.append(words)
            choice.spoken[key].append(words)
    if others := DELTA.others(delta):
        choice.told.grow_all(strings(others, "", ROLE, tool_members))
        if delta.get("executed_tools") is not None:
            _add_whole(choice, {"executed_tools": delta["executed_tools"]}, index)
    for key in CALLS:
        if delta.get(key) is not None:
            _read_calls(choice, key, delta[key])


def _read_calls(choice: _Choice, key: str, deltas: Json) -> None:
    has_finished = bool(choice.finish_reasons) and not choice.has_calls

    def tell(rest: dict[str, Json], pointer: str) -> None:
        """Take in what a provider adds to a call, which somebody may read."""
        choice.told.grow_all(strings(rest, pointer, ROLE))

    if not choice.growing[key].read(deltas, tell):
        return
    if has_finished:
        raise schema_violation("a tool call begins after its choice has finished")
    choice.is_open = choice.waits = True


def _add_whole(choice: _Choice, message: dict[str, Json], index: int) -> None:
    found = whole_calls(message, _at(index), index)
    choice.whole += found
    choice.waits = choice.waits or bool(found)


def _at(index: int) -> str:
    return f"/choices/{index}/message"


def _key(call: ToolCall) -> CallKey:
    return call.pointer, call.name, call.arguments_text


def _calls(index: int, choice: _Choice) -> list[ToolCall]:
    finish = choice.finish_reasons[-1] if choice.finish_reasons else ""
    grown = [
        call
        for calls in choice.growing.values()
        if calls.fragments
        for call in calls.calls(index, _at(index), finish)
    ]
    return [*grown, *beyond(map(_key, grown), choice.whole, _key)]


def _texts(index: int, choice: _Choice) -> tuple[Text, ...]:
    found = [replace(text, pointer=_at(index) + text.pointer) for text in choice.told.texts()]
    for call in _calls(index, choice):
        found += spoken(call.arguments_text, call.pointer + "/function/arguments", ROLE)
    return each_once(found)


def _message(index: int, choice: _Choice) -> Message:
    return Message(ROLE, "".join(choice.content), _at(index))
