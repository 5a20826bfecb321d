"""A chat completion's stream, put together from its deltas.

Source: `CreateChatCompletionStreamResponse` in OpenAI's description. The tests have the odd forms
that providers really send.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from helm_boundary.calls.call import Answer, Json, Message, Text, ToolCall, Usage
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.calls.texts import is_tag, spoken, strings
from helm_boundary.streaming.sse import Event
from helm_boundary.wire import strict_json

from .chat_call_signs import signs_of_calls
from .json_shape import as_object, index_of
from .told_texts import ToldTexts, each_once

DONE = b"[DONE]"
OWN_MEMBERS = frozenset(
    {
        "choices", "created", "id", "model", "object", "obfuscation", "service_tier",
        "system_fingerprint", "usage",
    }
)  # fmt: skip
"""The members of a completion that say nothing beside its choices; some providers add what does."""
ROLE = "assistant"
CALLS = ("tool_calls", "function_call")
"""Where a message's tool calls are."""

_SUSPICIOUS = (b"tool", b"function", b"arguments", b"\\u")
_SPOKEN = ("content", "refusal")
_NO_TEXT = frozenset({"role", "content", "refusal", "tool_calls", "function_call"})
_BESIDE_DELTA = frozenset({"index", "delta", "message", "finish_reason", "logprobs", "text"})
_OF_CALL = frozenset({"id", "index", "type", "function", "custom"})
_OF_FUNCTION = frozenset({"name", "arguments", "input"})


@dataclass(slots=True)
class _Piece:
    """A tool call whose deltas are still coming."""

    id: str = ""
    name: str = ""
    takes: str = ""
    arguments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Choice:
    """One choice of the completion so far."""

    role: str = "assistant"
    content: list[str] = field(default_factory=list)
    told: ToldTexts = field(default_factory=ToldTexts)
    """Its texts, by pointers below its message; also what Perplexity repeats beside each delta."""
    spoken: dict[str, list[str]] = field(init=False)
    calls: dict[int, _Piece] = field(default_factory=dict)
    old_call: _Piece | None = None
    finish_reason: str = ""
    judged: bool = False

    def __post_init__(self) -> None:
        self.spoken = {key: self.told.growing("/" + key, ROLE) for key in _SPOKEN}

    @property
    def has_calls(self) -> bool:
        return bool(self.calls) or self.old_call is not None


type ReadCall = Callable[[Json, int, str, str | None], ToolCall]
type ReadUsage = Callable[[Json], Usage]


class ChatStream:
    """Reads events; knows which tool calls have begun and which are complete."""

    def __init__(self, status: int, read_call: ReadCall, read_usage: ReadUsage) -> None:
        self._status = status
        self._read_call = read_call
        self._read_usage = read_usage
        self._choices: dict[int, _Choice] = {}
        self._model: str | None = None
        self._usage = Usage()
        self._beside = ToldTexts()
        self.done = False

    def read(self, event: Event) -> None:
        """Take one event in.

        Raises:
            Refusal: not JSON, not a chunk of a chat completion, or a tool call out of its place.
        """
        if event.data is None:
            return
        if event.data.strip() == DONE:
            self._finish_all()
            return
        if self.done:
            raise schema_violation("the stream goes on after its end")
        chunk = strict_json.parse(event.data, "an event of the stream")
        self._read_chunk(as_object(chunk, "an event of the stream"), event.data)

    @property
    def holds(self) -> bool:
        """Whether a tool call has begun that hasn't been judged."""
        return any(choice.has_calls and not choice.judged for choice in self._choices.values())

    @property
    def ready(self) -> bool:
        """Whether every tool call begun is complete, and at least one waits for its verdict."""
        waiting = [c for c in self._choices.values() if c.has_calls and not c.judged]
        return bool(waiting) and all(choice.finish_reason for choice in waiting)

    def mark_judged(self) -> None:
        """What was waiting has been judged."""
        for choice in self._choices.values():
            if choice.has_calls:
                choice.judged = True

    def answer(self, *, waiting_only: bool = False) -> Answer:
        """What the stream has said so far; with `waiting_only`, only unjudged tool calls."""
        calls = [
            call
            for index, choice in sorted(self._choices.items())
            if not (waiting_only and choice.judged)
            for call in self._calls(index, choice)
        ]
        return Answer(
            self._status,
            model=self._model,
            finish_reasons=tuple(c.finish_reason for c in self._choices.values()),
            messages=tuple(_message(i, c) for i, c in sorted(self._choices.items())),
            texts=(
                *(t for i, c in sorted(self._choices.items()) for t in self._texts(i, c)),
                *self._beside.texts(),
            ),
            tool_calls=tuple(calls),
            usage=self._usage,
            complete=self.done,
        )

    def _finish_all(self) -> None:
        self.done = True
        for choice in self._choices.values():
            choice.finish_reason = choice.finish_reason or "stop"

    def _read_chunk(self, chunk: dict[str, Json], data: bytes) -> None:
        if isinstance(chunk.get("model"), str):
            self._model = chunk["model"]
        if chunk.get("usage") is not None:
            self._usage = self._read_usage(chunk["usage"])
        if not chunk.keys() <= OWN_MEMBERS:
            beside = {key: chunk[key] for key in chunk if key not in OWN_MEMBERS}
            self._beside.tell(strings(beside, "", "assistant"))
        known = _read_choices(self, chunk.get("choices"))
        # Most chunks have no tool call anywhere; only a suspicion is worth a walk.
        lower = data.lower()
        if not any(word in lower for word in _SUSPICIOUS):
            return
        if signs_of_calls(chunk) != (known, _known_calls(chunk)):
            raise schema_violation("the stream carries a tool call where none belongs")

    def _calls(self, index: int, choice: _Choice) -> list[ToolCall]:
        base = f"/choices/{index}/message"
        found = [
            self._read_call(_function(piece), index, f"{base}/tool_calls/{at}", piece.id or None)
            for at, piece in sorted(choice.calls.items())
        ]
        if choice.old_call is not None:
            old = _function(choice.old_call)
            found.append(self._read_call(old, index, f"{base}/function_call", None))
        return found

    def _texts(self, index: int, choice: _Choice) -> tuple[Text, ...]:
        base = f"/choices/{index}/message"
        found = [replace(text, pointer=base + text.pointer) for text in choice.told.texts()]
        for call in self._calls(index, choice):
            pointer = call.pointer + "/function/arguments"
            found += spoken(call.arguments_text, pointer, "assistant")
        return each_once(found)

    def choice(self, index: int) -> _Choice:
        """The choice of that index, new if it hasn't spoken yet."""
        found = self._choices.get(index)
        if found is None:
            found = self._choices[index] = _Choice()
        return found


def _read_choices(stream: ChatStream, choices: Json) -> int:
    """Take the choices of a chunk in; returns how many tool-call fields were read."""
    if choices is None:
        return 0
    if not isinstance(choices, list):
        raise schema_violation("an event's `choices` isn't a list")
    known = 0
    for at, found in enumerate(choices):
        found = as_object(found, "a choice of the stream")
        index = index_of(found.get("index", at), "a choice of the stream", 128)
        known += _read_choice(stream.choice(index), found)
    return known


def _read_choice(choice: _Choice, found: dict[str, Json]) -> int:
    delta = as_object(found.get("delta") or {}, "a choice's `delta`")
    if "message" in found:
        choice.told.tell(strings(as_object(found["message"], "a choice's `message`"), "", ROLE))
    if isinstance(found.get("text"), str):  # Together's, and those of old
        choice.told.grow("/text", ROLE, found["text"])
    if not found.keys() <= _BESIDE_DELTA:
        beside = {key: found[key] for key in found if key not in _BESIDE_DELTA}
        choice.told.tell(strings(beside, "", ROLE))
    known = _read_delta(choice, delta)
    reason = found.get("finish_reason")
    if isinstance(reason, str) and reason:
        choice.finish_reason = reason
        _tell_unless_tag(choice, "/finish_reason", reason)
    return known


def _read_delta(choice: _Choice, delta: dict[str, Json]) -> int:
    if delta.get("role") is not None:
        _tell_unless_tag(choice, "/role", delta["role"])
    for key in _SPOKEN:
        if isinstance(delta.get(key), str):
            choice.content.append(delta[key])
            choice.spoken[key].append(delta[key])
        elif delta.get(key) is not None:
            choice.told.grow_all(strings(delta[key], "/" + key, ROLE))
    if not delta.keys() <= _NO_TEXT:
        rest = {key: value for key, value in delta.items() if key not in _NO_TEXT}
        choice.told.grow_all(strings(rest, "", ROLE))
    if delta.get("tool_calls") is not None:
        _begin(choice)
        _read_tool_calls(choice, delta["tool_calls"])
    if delta.get("function_call") is not None:
        _begin(choice)
        choice.old_call = choice.old_call or _Piece()
        _extend(choice, choice.old_call, delta["function_call"])
    return ("tool_calls" in delta) + ("function_call" in delta)


def _tell_unless_tag(choice: _Choice, pointer: str, value: Json) -> None:
    """A machine's word is none of the model's; a sentence in its place is."""
    if not isinstance(value, str) or not is_tag(value):
        choice.told.tell(strings(value, pointer, ROLE))


def _begin(choice: _Choice) -> None:
    if choice.judged or choice.finish_reason:
        raise schema_violation("a tool call goes on after its choice has finished")


def _read_tool_calls(choice: _Choice, deltas: Json) -> None:
    if not isinstance(deltas, list):
        raise schema_violation("`tool_calls` of the stream isn't a list")
    for at, delta in enumerate(deltas):
        delta = as_object(delta, "a tool call of the stream")
        if "index" not in delta and len(choice.calls) > 1 and not delta.get("id"):
            raise schema_violation("the stream goes on with a tool call and doesn't say which")
        index = index_of(delta.get("index", at), "a tool call of the stream", 1024)
        piece = choice.calls.setdefault(index, _Piece())
        piece.id = _once(piece.id, delta.get("id"), "id")
        for key in ("function", "custom"):
            if delta.get(key) is not None:
                _extend(choice, piece, delta[key])
        _tell_rest(choice, delta, _OF_CALL, f"/tool_calls/{index}")


def _extend(choice: _Choice, piece: _Piece, inner: Json) -> None:
    inner = as_object(inner, "a tool call of the stream")
    for key, value in inner.items():
        if value is not None and not isinstance(value, str):
            raise schema_violation("a tool call's name or arguments aren't strings")
        if key == "name":
            piece.name = _once(piece.name, value, "name")
        elif key in ("arguments", "input") and value:
            if piece.takes not in ("", key):
                raise schema_violation("a tool call of the stream has both arguments and input")
            piece.takes = key
            piece.arguments.append(value)
    _tell_rest(choice, inner, _OF_FUNCTION, "/tool_calls")


def _tell_rest(choice: _Choice, value: dict[str, Json], own: frozenset[str], pointer: str) -> None:
    """What a provider adds to a call is text, which somebody may read."""
    if not value.keys() <= own:
        rest = {key: value[key] for key in value if key not in own}
        choice.told.grow_all(strings(rest, pointer, ROLE))


def _once(known: str, value: Json, what: str) -> str:
    # Providers send these once, or whole every time. Two values would be joined by one reader
    # and replaced by the next.
    if not isinstance(value, str) or not value:
        return known
    if known not in ("", value):
        raise schema_violation(f"a tool call of the stream has two values of `{what}`")
    return value


def _known_calls(chunk: dict[str, Json]) -> int:
    """How many of a chunk's calls are where calls belong; its shape has been read."""
    deltas = [choice.get("delta") or {} for choice in chunk.get("choices") or ()]
    return sum(signs_of_calls(delta.get(key)).calls for delta in deltas for key in CALLS)


def _function(piece: _Piece) -> dict[str, Any]:
    return {"name": piece.name, "arguments": "".join(piece.arguments)}


def _message(index: int, choice: _Choice) -> Message:
    return Message(choice.role, "".join(choice.content), f"/choices/{index}/message")
