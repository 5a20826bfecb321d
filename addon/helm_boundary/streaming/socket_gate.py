"""The gate for messages of a WebSocket: as for a stream, but it can wait for its judge.

After a DENY the rest of that response never comes; the session goes on with the next.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from helm_boundary.calls.call import Answer
from helm_boundary.calls.refusal import Refusal, schema_violation
from helm_boundary.policy.decision import ALLOW, Decision
from helm_receipts.envelope.statement import Covered

from .gate import MAX_EVENT, MAX_HELD
from .sse import Event
from .stream import Stream, released

type Judge = Callable[[Answer], Awaitable[Decision]]
"""Judges tool calls that are complete, durably."""

ENDS = frozenset({"response.done", "response.completed", "response.incomplete", "response.failed"})
"""The messages that end a response."""


class SocketGate:
    """One session's gate, towards the client."""

    covers: Covered = "toolCalls"

    def __init__(self, stream: Stream, judge: Judge, *, max_held: int = MAX_HELD) -> None:
        self.stream = stream
        self.seen = 0
        self.stopped: Decision | Refusal | None = None
        self._judge = judge
        self._max_held = max_held
        self._held: list[bytes] = []
        self._held_bytes = 0

    async def feed(self, kind: str, message: bytes) -> list[bytes]:
        """Take a server's message of that type; returns what may go to the client now.

        `stopped` tells afterwards that the gate has shut: then an error event is due.
        """
        self.seen += len(message)
        try:
            if len(message) > MAX_EVENT:
                raise schema_violation(f"the session has an event of more than {MAX_EVENT} bytes")
            self.stream.read(Event(message, "", message))
            if not self._held and not self.stream.holds:
                return [message]
            self._hold(message)
            return await self._settle() if self.stream.ready else []
        except Refusal as refusal:
            return self._shut(refusal)

    def left(self) -> Answer:
        """What has left for the client, as an answer."""
        return released(self.stream)

    def _hold(self, message: bytes) -> None:
        self._held.append(message)
        self._held_bytes += len(message)
        if self._held_bytes > self._max_held:
            raise schema_violation(f"a tool call of the session exceeds {self._max_held} bytes")

    async def _settle(self) -> list[bytes]:
        decision = await self._judge(self.stream.answer(waiting_only=True))
        if decision.verdict != ALLOW:
            return self._shut(decision)
        self.stream.mark_judged()
        released, self._held, self._held_bytes = self._held, [], 0
        return released

    def _shut(self, why: Decision | Refusal) -> list[bytes]:
        self.stopped = why
        self._held, self._held_bytes = [], 0
        return []
