"""Streams whose every event is an object that tells what comes next, with calls that are whole."""

from __future__ import annotations

from collections.abc import Iterable

from helm_boundary.calls.call import Answer, Json, Message, Text, ToolCall, Usage
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.calls.texts import spoken
from helm_boundary.streaming.sse import Event

from . import event_data
from .told_texts import ToldTexts, each_once


class PlainStream:
    """What such streams share; each dialect reads its own events."""

    def __init__(self, status: int) -> None:
        self.done = False
        self._status = status
        self._model: str | None = None
        self._id: str | None = None
        self._usage = Usage()
        self._reasons: dict[int, str] = {}
        self._told = ToldTexts()
        self._said: list[str] = []
        self._calls: list[ToolCall] = []
        self._judged = 0
        self._ended = self._failed = False

    def read(self, event: Event) -> None:
        """Take one event in; Refusal where it isn't in the dialect."""
        value = event_data.value(event)
        if value is not None:
            self._read_object(value)
            self.done = self._ended and not self._failed

    @property
    def holds(self) -> bool:
        """Whether a tool call has begun that hasn't been judged."""
        return self._has_open() or len(self._calls) > self._judged

    @property
    def ready(self) -> bool:
        """Whether every tool call begun is complete, and at least one waits for its verdict."""
        return not self._has_open() and len(self._calls) > self._judged

    def mark_judged(self) -> None:
        """Note that what was waiting has been judged."""
        self._judged = len(self._calls)

    def answer(self, *, waiting_only: bool = False) -> Answer:
        """Say what has come so far; with `waiting_only`, only unjudged tool calls."""
        calls = self._calls[self._judged :] if waiting_only else self._calls
        texts = [*self._told.texts()]
        for call in calls:
            texts += spoken(call.arguments_text, call.pointer + "/arguments", "assistant")
        return Answer(
            self._status,
            model=self._model,
            id=self._id,
            finish_reasons=tuple(self._reasons.values()),
            messages=(Message("assistant", "".join(self._said), ""),),
            texts=each_once(texts),
            tool_calls=tuple(calls),
            usage=self._usage,
            complete=self._ended,
        )

    def _has_open(self) -> bool:
        """Tell whether a call has begun whose end is still to come."""
        return False

    def _read_object(self, value: dict[str, Json]) -> None:
        raise NotImplementedError

    def _grow(self, texts: Iterable[Text]) -> None:
        """Take in the next words of texts, some of which the answer is made of."""
        self._told.grow_all(texts)

    def _refuse_more(self) -> None:
        """Refuse what goes on with an answer that has ended."""
        if self._ended:
            raise schema_violation("the stream goes on after its end")
