"""A chat completion's stream, put together from its deltas.

Source: `CreateChatCompletionStreamResponse` in OpenAI's description; `clients.md` for the odd
forms that providers really send.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..calls import strict_json
from ..calls.call import Answer, Json, Message, Text, ToolCall, Usage
from ..calls.refusal import schema_violation
from ..calls.texts import spoken, strings
from ..gate.sse import Event
from .call_signs import signs_of_calls
from .shape import as_object, index_of

DONE = b"[DONE]"
OWN_MEMBERS = frozenset(
    {
        "choices", "created", "id", "model", "object", "obfuscation", "service_tier",
        "system_fingerprint", "usage",
    }
)  # fmt: skip
"""The members of a completion that say nothing beside its choices; some providers add what does."""
CALLS = ("tool_calls", "function_call")
"""Where a message's tool calls are."""

_SUSPICIOUS = (b"tool", b"function", b"arguments", b"\\u")
_OWN_TEXT = frozenset({"role", "content", "refusal", "tool_calls", "function_call"})


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
    other: list[Text] = field(default_factory=list)
    calls: dict[int, _Piece] = field(default_factory=dict)
    whole: dict[str, Json] = field(default_factory=dict)
    """What Perplexity repeats beside each delta: all that was said. No call may be in it."""
    old_call: _Piece | None = None
    finish_reason: str = ""
    judged: bool = False

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
        self._beside: dict[str, Json] = {}
        self.done = False
        self.failed = False

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
        if not isinstance(chunk, dict):
            raise schema_violation("an event of the stream isn't a JSON object")
        self._read_chunk(chunk, event.data)

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
                *strings(self._beside, "", "assistant"),
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
        self._beside.update({key: chunk[key] for key in chunk if key not in OWN_MEMBERS})
        if "error" in chunk:
            self.failed = True
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

    def _texts(self, index: int, choice: _Choice) -> list[Text]:
        base = f"/choices/{index}/message"
        found = [*spoken("".join(choice.content), base + "/content", "assistant")]
        joined: dict[str, list[str]] = {}
        for text in choice.other:
            joined.setdefault(text.pointer, []).append(text.text)
        found += [Text(base + pointer, "assistant", "".join(p)) for pointer, p in joined.items()]
        found += [text for text in strings(choice.whole, base, "assistant") if text not in found]
        for call in self._calls(index, choice):
            pointer = call.pointer + "/function/arguments"
            found += spoken(call.arguments_text, pointer, "assistant")
        return [text for text in found if text.text]

    def choice(self, index: int) -> _Choice:
        """The choice of that index, new if it hasn't spoken yet."""
        return self._choices.setdefault(index, _Choice())


def _read_choices(stream: ChatStream, choices: Json) -> int:
    """Take the choices of a chunk in; returns how many tool-call fields were read."""
    if choices is None:
        return 0
    if not isinstance(choices, list):
        raise schema_violation("an event's `choices` isn't a list")
    known = 0
    for found in choices:
        index = found.get("index", 0) if isinstance(found, dict) else None
        index = index_of(index, "a choice of the stream", 128)
        known += _read_choice(stream.choice(index), found)
    return known


def _read_choice(choice: _Choice, found: dict[str, Json]) -> int:
    delta = found.get("delta")
    if delta is not None and not isinstance(delta, dict):
        raise schema_violation("a choice's `delta` isn't an object")
    if "message" in found:
        choice.whole = as_object(found["message"], "a choice's `message`")
    known = _read_delta(choice, delta or {})
    reason = found.get("finish_reason")
    if isinstance(reason, str) and reason:
        choice.finish_reason = reason
    return known


def _read_delta(choice: _Choice, delta: dict[str, Json]) -> int:
    for key in ("content", "refusal"):
        if isinstance(delta.get(key), str):
            choice.content.append(delta[key])
        elif delta.get(key) is not None:
            choice.other.extend(strings(delta[key], "/" + key, "assistant"))
    rest = {key: value for key, value in delta.items() if key not in _OWN_TEXT}
    choice.other.extend(strings(rest, "", "assistant"))
    known = 0
    if delta.get("tool_calls") is not None:
        _begin(choice)
        _read_tool_calls(choice, delta["tool_calls"])
    if delta.get("function_call") is not None:
        _begin(choice)
        choice.old_call = choice.old_call or _Piece()
        _extend(choice.old_call, delta["function_call"])
    known += ("tool_calls" in delta) + ("function_call" in delta)
    return known


def _begin(choice: _Choice) -> None:
    if choice.judged or choice.finish_reason:
        raise schema_violation("a tool call goes on after its choice has finished")


def _read_tool_calls(choice: _Choice, deltas: Json) -> None:
    if not isinstance(deltas, list):
        raise schema_violation("`tool_calls` of the stream isn't a list")
    for at, delta in enumerate(deltas):
        index = delta.get("index", at) if isinstance(delta, dict) else None
        index = index_of(index, "a tool call of the stream", 1024)
        piece = choice.calls.setdefault(index, _Piece())
        piece.id = _once(piece.id, delta.get("id"), "id")
        for key in ("function", "custom"):
            if delta.get(key) is not None:
                _extend(piece, delta[key])


def _extend(piece: _Piece, inner: Json) -> None:
    if not isinstance(inner, dict):
        raise schema_violation("a tool call of the stream isn't an object")
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
