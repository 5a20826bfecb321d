"""The calls that a worker hasn't answered, oldest first, and how long the oldest may still take."""

from __future__ import annotations

import time
from collections.abc import Iterator

from .waiting_call import WaitingCall, moved

SLOW_SECONDS = 0.005  # many times what an evaluation usually takes


class CallQueue:
    """Calls by their number in the pipe; `deadline` is in seconds, for one evaluation.

    The worker answers in order, so the oldest call is the one being evaluated.
    """

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self._calls: dict[int, WaitingCall] = {}
        self._number = 0
        self._head_since = 0.0
        self._head_until = 0.0

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[WaitingCall]:
        return iter(list(self._calls.values()))

    def number(self, call: WaitingCall) -> None:
        """Give a call the next number, of four bytes and not 0."""
        self._number = call.number = self._number % 0xFFFF_FFFF + 1

    def add(self, call: WaitingCall) -> None:
        """Put a call, which has its number, behind the others."""
        self._calls[call.number] = call

    def find(self, number: int) -> WaitingCall | None:
        """Return the call of that number, None where it isn't waiting."""
        return self._calls.get(number)

    def drop(self, call: WaitingCall) -> None:
        """Take a call out of the queue."""
        self._calls.pop(call.number, None)

    def finish(
        self, call: WaitingCall, *, answer: bytes | None = None, failure: str | None = None
    ) -> None:
        """Take a call out of the queue, with what became of it."""
        self.drop(call)
        call.finish(answer=answer, failure=failure)

    def leave_behind_head(self) -> Iterator[WaitingCall]:
        """Yield the calls behind the oldest, but for huge ones, for another worker.

        They are in this one's pipe already, whose answers to them are dropped.
        """
        for call in list(self._calls.values())[1:]:
            if not call.done and not call.is_huge:
                self._calls[call.number] = moved(call.number)
                yield call

    # -- the oldest call's time ----------------------------------------------------------

    def begin_head(self) -> None:
        """Begin the time of the oldest call: the policy's, and what its document takes."""
        head = next(iter(self._calls.values()), None)
        self.allow((0.0 if head is None else head.seconds_to_read) + self.deadline)

    def allow(self, seconds: float) -> None:
        """Give whatever is next so many seconds from now."""
        self._head_since = time.monotonic()
        self._head_until = self._head_since + seconds

    @property
    def remaining(self) -> float:
        """The seconds left of the oldest call's time; 0 or less where it is late."""
        return self._head_until - time.monotonic()

    @property
    def is_slow(self) -> bool:
        """Whether a call would wait: behind one that takes long, or a huge one."""
        if not self._calls:
            return False
        if any(call.is_huge for call in self._calls.values()):
            return True
        return time.monotonic() > self._head_since + SLOW_SECONDS
