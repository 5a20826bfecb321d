"""One choice of a chat completion's stream, put together from its deltas."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from helm_boundary.calls.call import Json, Message, Text, ToolCall
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.calls.texts import spoken, strings

from .answer_members import CHOICE, DELTA
from .chat_call_signs import tool_members
from .chat_calls import CallKey, ChatCalls, beyond
from .chat_fragments import Placed, placed_by
from .chat_whole_calls import CALLS, whole_calls
from .json_shape import as_object
from .told_texts import ToldTexts, each_once

ROLE = "assistant"

_SPOKEN = ("content", "refusal")


@dataclass(slots=True)
class Choice:
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
    placed: Placed | None = None
    """How its first tool call's part said where it belongs: by an index, by null, or not at all."""

    def __post_init__(self) -> None:
        self.spoken = {key: self.told.growing("/" + key, ROLE) for key in _SPOKEN}
        self.growing = {key: ChatCalls("/" + key) for key in CALLS}

    @property
    def has_calls(self) -> bool:
        """Whether part of any call has come."""
        return bool(self.whole) or any(calls.fragments for calls in self.growing.values())

    def check_placed(self, found: dict[str, Json], place: int) -> None:
        """Refuse part of a call whose choice clients find by its index, and by its place otherwise.

        Raises:
            Refusal: it has an index only at times, or none where another choice stands before it.
        """
        placed = placed_by(found)
        self.placed = self.placed or placed
        if placed != self.placed or (place and placed != "index"):
            raise schema_violation("a choice with a tool call has its index only at times")

    def finish(self, reason: str) -> None:
        """Take in why it has ended, if that is said."""
        if reason:
            self.finish_reasons.append(reason)
        self.is_open = False


def read_choice(choice: Choice, found: dict[str, Json], index: int) -> list[dict[str, Json]]:
    """Take in a choice of a chunk; return where tool calls of it may stand.

    Raises:
        Refusal: a tool call out of its place.
    """
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
        choice.check_placed(found, index)
    reason = found.get("finish_reason")
    if isinstance(reason, str) and reason:
        choice.finish(reason)
    return known


def _read_delta(choice: Choice, delta: dict[str, Json], index: int) -> None:
    for key, said in delta.items():
        if key in choice.spoken:
            if isinstance(said, str):
                choice.content.append(said)
                choice.spoken[key].append(said)
        elif key in CALLS and said is not None:
            _read_calls(choice, key, said)
    if others := DELTA.others(delta):
        choice.told.grow_all(strings(others, "", ROLE, tool_members))
        if delta.get("executed_tools") is not None:
            _add_whole(choice, {"executed_tools": delta["executed_tools"]}, index)


def _read_calls(choice: Choice, key: str, deltas: Json) -> None:
    has_finished = bool(choice.finish_reasons) and not choice.has_calls

    def tell(rest: dict[str, Json], pointer: str) -> None:
        """Take in what a provider adds to a call, which somebody may read."""
        choice.told.grow_all(strings(rest, pointer, ROLE))

    if not choice.growing[key].read(deltas, tell):
        return
    if has_finished:
        raise schema_violation("a tool call begins after its choice has finished")
    choice.is_open = choice.waits = True


def _add_whole(choice: Choice, message: dict[str, Json], index: int) -> None:
    found = whole_calls(message, _at(index), index)
    choice.whole += found
    choice.waits = choice.waits or bool(found)


def _at(index: int) -> str:
    return f"/choices/{index}/message"


def key_of(call: ToolCall) -> CallKey:
    """Return what tells a call of one choice from others."""
    return call.pointer, call.name, call.arguments_text


def calls_of(index: int, choice: Choice) -> list[ToolCall]:
    """Put together the calls that have come of a choice."""
    finish = choice.finish_reasons[-1] if choice.finish_reasons else ""
    grown = [
        call
        for calls in choice.growing.values()
        if calls.fragments
        for call in calls.calls(index, _at(index), finish)
    ]
    return [*grown, *beyond(map(key_of, grown), choice.whole, key_of)]


def texts_of(index: int, choice: Choice) -> tuple[Text, ...]:
    """List every text of a choice, its calls' arguments among them."""
    found = [replace(text, pointer=_at(index) + text.pointer) for text in choice.told.texts()]
    for call in calls_of(index, choice):
        found += spoken(call.arguments_text, call.pointer + "/function/arguments", ROLE)
    return each_once(found)


def message_of(index: int, choice: Choice) -> Message:
    """Return the message that a choice has become so far."""
    return Message(ROLE, "".join(choice.content), _at(index))
