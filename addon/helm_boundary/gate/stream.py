"""What the gate asks of a dialect's stream, and the books that most streams keep."""

from __future__ import annotations

from typing import Protocol

from ..call import Answer, ToolCall
from ..refusal import schema_violation
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


class Ledger:
    """The tool calls of one stream: begun, complete, judged. A place is where a call stands."""

    def __init__(self) -> None:
        self._begun: set[int] = set()
        self._waiting: list[ToolCall] = []
        self._judged: list[ToolCall] = []

    @property
    def holds(self) -> bool:
        """Whether a tool call has begun that hasn't been judged."""
        return bool(self._begun or self._waiting)

    @property
    def ready(self) -> bool:
        """Whether all begun are complete, and at least one waits."""
        return bool(self._waiting) and not self._begun

    def begin(self, place: int) -> None:
        """A tool call's first byte.

        Raises:
            Refusal: another has begun there.
        """
        if place in self._begun:
            raise schema_violation("the stream begins a tool call twice")
        self._begun.add(place)

    def complete(self, place: int, call: ToolCall) -> None:
        """A tool call's last byte; one that never began is taken whole."""
        self._begun.discard(place)
        if not self.knows(call):
            self._waiting.append(call)

    def knows(self, call: ToolCall) -> bool:
        """Whether the same call, word for word, has been judged or waits for it."""
        return any(_same(call, other) for other in (*self._judged, *self._waiting))

    def is_open(self, place: int) -> bool:
        """Whether a tool call has begun there and isn't complete."""
        return place in self._begun

    def mark_judged(self) -> None:
        """What was waiting has been judged."""
        self._judged += self._waiting
        self._waiting = []

    def calls(self, *, waiting_only: bool) -> tuple[ToolCall, ...]:
        """The complete calls."""
        return tuple(self._waiting if waiting_only else (*self._judged, *self._waiting))


def _same(one: ToolCall, other: ToolCall) -> bool:
    return (one.name, one.arguments_text) == (other.name, other.arguments_text)
