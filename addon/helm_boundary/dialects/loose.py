"""A dialect whose answers may come in another shape: then they are judged generically.

What only a body's shape has told is a request that many servers take and that each answers as it
likes (Ollama's, Cohere's, a company's own). What is in the dialect's shape is read by the dialect
and refused where it is wrong; everything else gives its texts, and whatever looks like a tool call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from helm_boundary.calls.call import UNREAD, Answer, Call, Json
from helm_boundary.streaming.sse import Event
from helm_boundary.streaming.stream import Stream

from . import cohere, event_data, generic, interactions, ollama
from .generic_stream import GenericStream, value_of
from .usage import updated

_EVENTS_OF_MESSAGES = ("content_block_", "message_")


class _Strict(Protocol):
    """The dialect that is loosened."""

    def read_request(self, body: Json) -> Call: ...
    def read_response(self, status: int, body: Json) -> Answer: ...
    def open_stream(self, status: int, asked: Call) -> Stream | None: ...
    def error_event(self, told: dict[str, Any]) -> bytes: ...


type IsInShape = Callable[[dict[str, Json]], bool]
"""Tells whether an answer or an event, its members' names in lower case, is the dialect's."""


def _has_choices(told: dict[str, Json]) -> bool:
    return "choices" in told


def _has_completions(told: dict[str, Json]) -> bool:
    """Tell whether the choices are completions: what completes code is told in a chat's deltas."""
    choices = told.get("choices")
    items = choices if isinstance(choices, list) else []
    return "choices" in told and not any(
        isinstance(each, dict) and "delta" in each for each in items
    )


def _is_response(told: dict[str, Json]) -> bool:
    kind = told.get("type")
    return (
        told.get("object") == "response"
        or isinstance(told.get("output"), list)
        or (isinstance(kind, str) and kind.startswith("response."))
    )


def _is_message(told: dict[str, Json]) -> bool:
    kind = told.get("type")
    if isinstance(kind, str) and kind.startswith(_EVENTS_OF_MESSAGES):
        return True
    return kind == "message" or isinstance(told.get("content"), list)


SHAPES: dict[str, IsInShape] = {
    "chat": _has_choices,
    "cohere": cohere.is_answer,
    "completions": _has_completions,
    "interactions": interactions.is_answer,
    "messages": _is_message,
    "ollama": ollama.is_answer,
    "responses": _is_response,
    "watsonx": _has_choices,
}
"""How an answer is known to be in a dialect, by the dialect's name."""


@dataclass(frozen=True, slots=True)
class Loose:
    """A dialect for requests, and for those answers that are in it."""

    strict: _Strict
    is_in_shape: IsInShape

    def read_request(self, body: Json) -> Call:
        """Return the call that a request's body asks for; Refusal where it isn't in the dialect."""
        return self.strict.read_request(body)

    def read_response(self, status: int, body: Json) -> Answer:
        """Return what a response says, in whatever shape."""
        reader = self.strict if _shows(self.is_in_shape, body) else generic
        return reader.read_response(status, body)

    def open_stream(self, status: int, asked: Call = UNREAD) -> Stream | None:
        """Return a reader of events in either shape, None where the dialect has no stream."""
        inner = self.strict.open_stream(status, asked)
        return None if inner is None else LooseStream(status, inner, self.is_in_shape)

    def error_event(self, told: dict[str, Any]) -> bytes:
        """Return the event that ends a denied stream, as the dialect has it."""
        return self.strict.error_event(told)


class LooseStream:
    """Events of a dialect's stream among others, which are read in whatever shape they have."""

    def __init__(self, status: int, inner: Stream, is_in_shape: IsInShape) -> None:
        self.done = False
        self._status = status
        self._inner = inner
        self._is_in_shape = is_in_shape
        self._uses_inner = False
        self._others = GenericStream(status)

    def read(self, event: Event) -> None:
        """Take one event in.

        Raises:
            Refusal: it is wrong in the dialect, or isn't read alike by all.
        """
        if event.data is None or not event.data.strip():
            return
        if event_data.is_end(event) and not self._uses_inner:
            self._others.read(event)
            self.done = True
            return
        value = None if event_data.is_end(event) else value_of(event.data)
        if value is None or _shows(self._is_in_shape, value):
            self._uses_inner = True
            self._inner.read(event)
            self.done = self._inner.done
            return
        self._others.take(value)
        if not self._uses_inner:
            self.done = self._others.done

    @property
    def holds(self) -> bool:
        """Whether a tool call has begun that hasn't been judged."""
        return self._inner.holds or self._others.holds

    @property
    def ready(self) -> bool:
        """Whether every tool call begun is complete, and at least one waits for its verdict."""
        both = (self._inner, self._others)
        return self.holds and all(each.ready or not each.holds for each in both)

    def mark_judged(self) -> None:
        """Note that what was waiting has been judged."""
        self._inner.mark_judged()
        self._others.mark_judged()

    def answer(self, *, waiting_only: bool = False) -> Answer:
        """Return what the stream has said so far; with `waiting_only`, only unjudged calls."""
        told = self._inner.answer(waiting_only=waiting_only)
        others = self._others.answer(waiting_only=waiting_only)
        return replace(
            told,
            model=told.model or others.model,
            texts=(*told.texts, *others.texts),
            tool_calls=(*told.tool_calls, *others.tool_calls),
            usage=updated(others.usage, told.usage),
            complete=self.done,
        )


def _shows(is_in_shape: IsInShape, value: Json) -> bool:
    if not isinstance(value, dict):
        return False
    return is_in_shape({key.casefold(): item for key, item in value.items()})
