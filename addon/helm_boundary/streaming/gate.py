"""The gate itself: what leaves, what waits, what never leaves. See the package for the theory.

Sans-IO: the gate never calls policy, disk or clock. It says what may leave and what it needs to
know; whoever drives it asks, and tells it the decision with `resume`.
"""

from __future__ import annotations

import enum
import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from helm_boundary.calls.call import Answer
from helm_boundary.calls.refusal import Refusal, schema_violation
from helm_boundary.policy.decision import ALLOW, Decision
from helm_receipts.envelope.statement import Covered

from .sse import Event
from .stream import Stream, released

MAX_HELD = 16 << 20
"""Bytes that may wait at a gate, held or not yet read."""

MAX_JUDGED = 64 << 20
"""Bytes that are judged in one stream's tool calls, each with all that was said before it.

Beyond, tool calls are held to the stream's end and judged together: a thousand behind a megabyte
of text would otherwise be a gigabyte.
"""


class State(enum.Enum):
    """Where a gate is in its life."""

    OPEN = "open"
    HOLDING = "holding"
    ASKING = "asking"
    SHUT = "shut"
    ENDED = "ended"


class Signal(enum.Enum):
    """What can happen to a gate."""

    HOLDS = "an event while a tool call is incomplete"
    COMPLETES = "the event that completes every tool call begun"
    ALLOWED = "the decision ALLOW"
    REFUSED = "another decision, or an event that can't be read"
    ENDS = "the end of the stream"


NEXT: dict[tuple[State, Signal], State] = {
    (State.OPEN, Signal.HOLDS): State.HOLDING,
    (State.OPEN, Signal.COMPLETES): State.ASKING,
    (State.OPEN, Signal.REFUSED): State.SHUT,
    (State.OPEN, Signal.ENDS): State.ENDED,
    (State.HOLDING, Signal.HOLDS): State.HOLDING,
    (State.HOLDING, Signal.COMPLETES): State.ASKING,
    (State.HOLDING, Signal.REFUSED): State.SHUT,
    (State.ASKING, Signal.ALLOWED): State.OPEN,
    (State.ASKING, Signal.REFUSED): State.SHUT,
}
"""Every move there is; events of no tool call move nothing.

HOLDING has no ENDS: a stream that ends inside a tool call is REFUSED.
"""


class GateError(RuntimeError):
    """The gate was driven wrongly: bytes after the end, or a decision that it didn't ask for."""


class Release(NamedTuple):
    """Events that may leave now, each as it came, in their order."""

    events: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class NeedsVerdict:
    """Tool calls are complete: nothing more leaves until `resume` is told what policy decides.

    `tell` puts them together, which takes as long as they are; Refusal where they can't be told.
    """

    tell: Callable[[], Answer]


@dataclass(frozen=True, slots=True)
class Stop:
    """The gate is shut for good; the client is to be told why, and nothing else leaves."""

    why: Decision | Refusal


type Question = NeedsVerdict | Stop
"""What the driver has to do something about."""

type Step = Release | Question


class Cutter(Protocol):
    """Cuts what arrives into events: chunks of a stream, or messages of a WebSocket."""

    @property
    def waiting(self) -> int:
        """The bytes of an event that isn't complete."""
        ...

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Cut the events that this chunk completes; Refusal where it can't be read."""
        ...

    def finish(self) -> Event | None:
        """Return what is left at the end, as an event; None if nothing is."""
        ...


class Gate:
    """One stream's gate; `max_held` bounds in bytes what waits at it, `sent` hashes what has left.

    `context` are the bytes that are judged beside each of its answers; None where a stream has no
    end to which tool calls could be held.
    """

    covers: Covered = "toolCalls"

    def __init__(
        self,
        stream: Stream,
        cutter: Cutter,
        *,
        max_held: int = MAX_HELD,
        context: int | None = None,
    ) -> None:
        self.stream = stream
        self.seen = 0
        self.sent = hashlib.sha256()
        self.state = State.OPEN
        self.stopped: Decision | Refusal | None = None
        self._cutter = cutter
        self._max_held = max_held
        self._arrived: deque[bytes] = deque()
        self._cutting: Iterator[Event] = iter(())
        self._has_ended = False
        self._held: list[bytes] = []
        self._held_bytes = self._arrived_bytes = 0
        self._context = context
        self._judged_bytes = 0

    @property
    def is_complete(self) -> bool:
        """Whether the stream has said its end, and all of it has left."""
        return self.stream.done and self.state in (State.OPEN, State.ENDED)

    @property
    def waiting(self) -> int:
        """The bytes of an event that isn't complete, and will be read at once."""
        return self._cutter.waiting

    @property
    def unread(self) -> int:
        """The bytes of an event that isn't complete, and of what is held."""
        return self._cutter.waiting + self._held_bytes

    def feed(self, chunk: bytes) -> list[Step]:
        """Take a chunk of the upstream's bytes; while a verdict is due, it waits.

        Raises:
            GateError: the stream has ended.
        """
        if self.state is State.SHUT:
            return []
        if self._has_ended:
            raise GateError("bytes after the end of the stream")
        self.seen += len(chunk)
        if self.state is not State.ASKING:
            self._cutting = self._cutter.feed(chunk)
            return self._read_on([])
        self._arrived.append(chunk)
        self._arrived_bytes += len(chunk)
        if self._arrived_bytes > self._max_held:
            return self.refuse(_too_much(self._max_held))
        return []

    def finish(self) -> list[Step]:
        """Take the end of the upstream's stream; as `feed`."""
        if self.state is State.SHUT or self._has_ended:
            return []
        self._has_ended = True
        return [] if self.state is State.ASKING else self._read_on([])

    def resume(self, decision: Decision, rewritten: bytes | None = None) -> list[Step]:
        """Go on with the decision on what was asked; ALLOW must be durable.

        `rewritten` leaves in place of what is held.

        Raises:
            GateError: nothing was asked.
        """
        if self.state is State.SHUT:  # refused meanwhile, for something else
            return []
        if self.state is not State.ASKING:
            raise GateError("a decision that the gate didn't ask for")
        if decision.verdict != ALLOW:
            return self.refuse(decision)
        self._move(Signal.ALLOWED)
        self.stream.mark_judged()
        out, self._held = self._held if rewritten is None else [rewritten], []
        self._held_bytes = self._arrived_bytes = 0
        return self._read_on(out)

    def refuse(self, why: Decision | Refusal) -> list[Step]:
        """Shut the gate for good, unless it is; what is held never leaves."""
        return [] if self.state is State.SHUT else self._shut(why, [])

    def left(self) -> Answer:
        """Return what has left for the client, as an answer."""
        return released(self.stream)

    def _read_on(self, out: list[bytes]) -> list[Step]:
        try:
            events: Iterator[Event] | None = self._cutting
            while events is not None:
                for event in events:  # where this stops, the next `resume` goes on
                    self._take(event, out)
                    if self.state is State.ASKING:
                        return [*self._let_out(out), NeedsVerdict(self._tell)]
                if not (self._arrived or self._has_ended):  # nearly always
                    return self._let_out(out)
                events = self._turn_to_next()
            if self.state is State.HOLDING and self.stream.ready:
                self._move(Signal.COMPLETES)
                return [*self._let_out(out), NeedsVerdict(self._tell)]
            self._end()
            return self._let_out(out)
        except Refusal as refusal:
            return self._shut(refusal, out)

    def _tell(self) -> Answer:
        answer = self.stream.answer(waiting_only=True)
        if self._context is not None:
            self._judged_bytes += self._context + sum(len(text.text) for text in answer.texts)
        return answer

    def _turn_to_next(self) -> Iterator[Event] | None:
        """Cut the next chunk that has arrived; at the end, what is left; None for nothing more."""
        if self._arrived:
            self._cutting = self._cutter.feed(self._arrived.popleft())
        elif self._has_ended and (rest := self._cutter.finish()) is not None:
            self._cutting = iter((rest,))
        else:
            return None
        return self._cutting

    def _take(self, event: Event, out: list[bytes]) -> None:
        self.stream.read(event)
        if not self._held and not self.stream.holds:
            if event.raw:  # else it is one that we asked for, and not the client
                out.append(event.raw)
            return
        if event.raw:
            self._held.append(event.raw)
        self._held_bytes += len(event.raw)
        if self._held_bytes > self._max_held:
            raise _too_much(self._max_held)
        asks = self.stream.ready and self._judged_bytes <= MAX_JUDGED
        self._move(Signal.COMPLETES if asks else Signal.HOLDS)

    def _end(self) -> None:
        if self.state is State.HOLDING:
            raise schema_violation("the stream ended inside a tool call")
        self._move(Signal.ENDS)

    def _shut(self, why: Decision | Refusal, out: list[bytes]) -> list[Step]:
        self._move(Signal.REFUSED)
        self.stopped = why
        self._held, self._held_bytes = [], 0
        self._arrived.clear()
        return [*self._let_out(out), Stop(why)]

    def _let_out(self, out: list[bytes]) -> list[Step]:
        for event in out:
            self.sent.update(event)
        return [Release(tuple(out))] if out else []

    def _move(self, signal: Signal) -> None:
        try:
            self.state = NEXT[self.state, signal]
        except KeyError:
            raise GateError(f"{signal.value} when the gate is {self.state.value}") from None


def _too_much(most: int) -> Refusal:
    return schema_violation(f"more than {most} bytes wait for the verdict on a tool call")
