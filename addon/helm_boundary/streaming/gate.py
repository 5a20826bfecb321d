"""The gate itself: what leaves, what waits, what never leaves. See the package for the theory."""

from __future__ import annotations

from collections.abc import Callable

from helm_boundary.calls.call import Answer
from helm_boundary.calls.refusal import Refusal, schema_violation
from helm_boundary.policy.decision import Decision
from helm_receipts.envelope.statement import Covered

from .sse import Event, EventCutter
from .stream import Stream, released

MAX_EVENT = 4 << 20
MAX_HELD = 16 << 20


type Judge = Callable[[Answer], Decision]
"""Judges tool calls that are complete, durably: when it returns ALLOW, its receipt is on disk."""

type Deny = Callable[[Decision | Refusal], bytes]
"""The dialect's error event for a verdict."""


class Gate:
    """One stream's gate. `judge` and `deny` are called on the thread that feeds it."""

    covers: Covered = "toolCalls"

    def __init__(
        self,
        stream: Stream,
        judge: Judge,
        deny: Deny,
        *,
        max_event: int = MAX_EVENT,
        max_held: int = MAX_HELD,
    ) -> None:
        self.stream = stream
        self.seen = 0
        self.stopped: Decision | Refusal | None = None
        self._judge = judge
        self._deny = deny
        self._cutter = EventCutter(max_event)
        self._max_held = max_held
        self._held: list[bytes] = []
        self._held_bytes = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take a chunk of the upstream's bytes; returns what may leave now."""
        if self.stopped is not None:
            return []
        self.seen += len(chunk)
        out: list[bytes] = []
        try:
            for event in self._cutter.feed(chunk):
                self._pass(event, out)
                if self.stopped is not None:
                    break
        except Refusal as refusal:
            self._shut(refusal, out)
        return out

    def finish(self) -> list[bytes]:
        """The upstream's stream has ended; returns the last that may leave."""
        if self.stopped is not None:
            return []
        out: list[bytes] = []
        try:
            rest = self._cutter.finish()
            if rest is not None:
                self._pass(rest, out)
            if self._held and self.stopped is None:
                raise schema_violation("the stream ended inside a tool call")
        except Refusal as refusal:
            self._shut(refusal, out)
        return out

    def _pass(self, event: Event, out: list[bytes]) -> None:
        self.stream.read(event)
        if not self._held and not self.stream.holds:
            out.append(event.raw)
            return
        self._hold(event.raw)
        if self.stream.ready:
            self._settle(out)

    def left(self) -> Answer:
        """What has left for the client, as an answer."""
        return released(self.stream)

    def _hold(self, raw: bytes) -> None:
        self._held.append(raw)
        self._held_bytes += len(raw)
        if self._held_bytes > self._max_held:
            raise schema_violation(f"a tool call of the stream exceeds {self._max_held} bytes")

    def _settle(self, out: list[bytes]) -> None:
        decision = self._judge(self.stream.answer(waiting_only=True))
        if decision.verdict != "ALLOW":
            self._shut(decision, out)
            return
        self.stream.mark_judged()
        out += self._held
        self._held, self._held_bytes = [], 0

    def _shut(self, why: Decision | Refusal, out: list[bytes]) -> None:
        self.stopped = why
        self._held, self._held_bytes = [], 0
        out.append(self._deny(why))
