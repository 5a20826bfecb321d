"""Driving a stream gate as the proxy does, but with no wire: it asks, and is told."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from helm_boundary.calls.call import UNREAD, Answer, Call
from helm_boundary.calls.refusal import Refusal
from helm_boundary.dialects import SOCKETS, dialect
from helm_boundary.policy.decision import Decision
from helm_boundary.streaming.gate import MAX_HELD, Gate, NeedsVerdict, Release, Step, Stop
from helm_boundary.streaming.message_cutter import MessageCutter
from helm_boundary.streaming.sse import MAX_EVENT, EventCutter

END = b"<the error event>"

type Judge = Callable[[Answer], Decision]
type Deny = Callable[[Decision | Refusal], bytes]


def open_gate(
    name: str, *, asked: Call = UNREAD, max_event: int = MAX_EVENT, max_held: int = MAX_HELD
) -> Gate:
    """Open a gate for a stream of that dialect, or for a WebSocket's where it is spoken there."""
    is_socket = name in SOCKETS
    stream = dialect(name).open_stream(101 if is_socket else 200, asked)
    assert stream is not None
    cutter = MessageCutter(max_event) if is_socket else EventCutter(max_event)
    return Gate(stream, cutter, max_held=max_held)


@dataclass
class Drive:
    """Drives a gate; each question is answered `patience` chunks after it was asked."""

    gate: Gate
    judge: Judge
    deny: Deny = lambda _: END
    patience: int = 0

    def run(self, chunks: Iterable[bytes]) -> bytes:
        """Push a whole stream through; returns what left, the error event included."""
        return b"".join(self.pieces(chunks))

    def pieces(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Push a whole stream through, yielding each event that leaves."""
        asked: deque[tuple[int, Answer]] = deque()
        for turn, chunk in enumerate([*chunks, None]):
            steps = self.gate.finish() if chunk is None else self.gate.feed(chunk)
            yield from self._act(steps, turn, asked)
            while asked and (chunk is None or asked[0][0] + self.patience <= turn):
                _, answer = asked.popleft()
                yield from self._act(self.gate.resume(self.judge(answer)), turn, asked)

    def _act(
        self, steps: list[Step], turn: int, asked: deque[tuple[int, Answer]]
    ) -> Iterator[bytes]:
        for step in steps:
            match step:
                case Release(events):
                    yield from events
                case NeedsVerdict(tell):
                    try:
                        asked.append((turn, tell()))
                    except Refusal as refusal:
                        yield from self._act(self.gate.refuse(refusal), turn, asked)
                case Stop(why):
                    yield self.deny(why)
