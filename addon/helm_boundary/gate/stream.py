"""What the gate asks of a dialect's stream, and the books that most streams keep."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from ..calls.call import Answer, ToolCall
from ..calls.refusal import schema_violation
from .sse import Event


class Stream(Protocol):
    """One dialect's stream: reads events, knows which tool calls have begun and are complete."""

    done: bool

    def read(self, event: Event) -> None:
        """Take one event in; Refusal where it isn't in the dialect."""
        ...

    @property
    def holds(self) -> bool:
        """Whether a tool call has begun that hasn't been judged."""
        ...

    @property
    def ready(self) -> bool:
        """Whether every tool call begun is complete, and at least one waits for its verdict."""
        ...

    def mark_judged(self) -> None:
        """What was waiting has been judged."""
        ...

    def answer(self, *, waiting_only: bool = False) -> Answer:
        """What the stream has said so far; with `waiting_only`, only unjudged tool calls."""
        ...


def released(stream: Stream) -> Answer:
    """What of a gated stream has left: its answer without the tool calls that wait.

    Text that came after a tool call began, and so waits with it, counts as left.
    """
    answer = stream.answer()
    waiting = [call.pointer for call in stream.answer(waiting_only=True).tool_calls]
    if not waiting:
        return answer
    below = tuple(f"{pointer}/" for pointer in waiting)
    return replace(
        answer,
        texts=tuple(text for text in answer.texts if not text.pointer.startswith(below)),
        tool_calls=tuple(call for call in answer.tool_calls if call.pointer not in waiting),
    )


type Place = int | str
"""Where a tool call stands in its stream: an index, or its item's id."""


class Ledger:
    """The tool calls of one stream: begun, complete, judged."""

    def __init__(self) -> None:
        self._begun: set[Place] = set()
        self._complete: dict[Place, ToolCall] = {}
        self._waiting: list[ToolCall] = []

    @property
    def holds(self) -> bool:
        """Whether a tool call has begun that hasn't been judged."""
        return bool(self._begun or self._waiting)

    @property
    def ready(self) -> bool:
        """Whether all begun are complete, and at least one waits."""
        return bool(self._waiting) and not self._begun

    def begin(self, place: Place) -> None:
        """A tool call's first byte.

        Raises:
            Refusal: another has begun there.
        """
        if place in self._begun:
            raise schema_violation("the stream begins a tool call twice")
        self._begun.add(place)

    def complete(self, place: Place, call: ToolCall) -> None:
        """A tool call's last byte; what is only told again, word for word, isn't judged again."""
        begun = place in self._begun
        self._begun.discard(place)
        if begun or not _same(self._complete.get(place), call):
            self._complete[place] = call
            self._waiting.append(call)

    def is_open(self, place: Place) -> bool:
        """Whether a tool call has begun there and isn't complete."""
        return place in self._begun

    def mark_judged(self) -> None:
        """What was waiting has been judged."""
        self._waiting = []

    def calls(self, *, waiting_only: bool) -> tuple[ToolCall, ...]:
        """The complete calls."""
        return tuple(self._waiting if waiting_only else self._complete.values())


def _same(one: ToolCall | None, other: ToolCall) -> bool:
    if one is None:
        return False
    return (one.id, one.name, one.arguments_text) == (other.id, other.name, other.arguments_text)
