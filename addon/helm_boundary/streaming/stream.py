"""What the gate asks of a dialect's stream."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, runtime_checkable

from helm_boundary.calls.call import Answer, Json

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
        """Note that what was waiting has been judged."""
        ...

    def answer(self, *, waiting_only: bool = False) -> Answer:
        """Say what has come so far; with `waiting_only`, only unjudged tool calls."""
        ...


@runtime_checkable
class MessageStream(Stream, Protocol):
    """A stream of messages that are whole: each can be judged, and rewritten, before it leaves.

    So it is never judged as a whole, which some have no end to become.
    """

    def hold_all(self) -> None:
        """Hold what would flow, too: policy wants nothing to leave unjudged."""
        ...

    @property
    def waiting_value(self) -> Json:
        """The JSON value of the one event that waits; None for none, or several."""
        ...

    def read_rewritten(self, value: Json) -> Answer:
        """Read what policy made of the event that waits; Refusal where it isn't in the dialect."""
        ...

    def write_event(self, value: bytes) -> bytes:
        """Write the event that waits anew, with another JSON text in it."""
        ...


class UnheldStream:
    """The part of a stream's interface that says: no tool call is ever held."""

    @property
    def holds(self) -> bool:
        """Never: there are no tool calls."""
        return False

    @property
    def ready(self) -> bool:
        """Never."""
        return False

    def mark_judged(self) -> None:
        """Nothing waits."""


def released(stream: Stream) -> Answer:
    """Return what of a gated stream has left: its answer without the tool calls that wait.

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
