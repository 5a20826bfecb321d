"""A document that waits for its decision in a worker's queue."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from functools import lru_cache

from helm_boundary.policy.decision import Decision, parse_decision
from helm_boundary.policy.errors import EngineError

from . import frames

SHORT = 4_096  # bytes of an answer worth remembering


@dataclass(slots=True)
class WaitingCall:
    """A document under its number in the queue; at its end it has an answer or a failure."""

    number: int
    document: bytes
    future: asyncio.Future[None] | None = None
    answer: bytes | None = None
    failure: str | None = None
    retried: bool = False
    begun: bool = False
    """Whether the worker has read the document, so that policy judges it now."""

    @property
    def is_huge(self) -> bool:
        """Whether nobody should wait behind the document."""
        return len(self.document) > frames.HUGE

    @property
    def seconds_to_read(self) -> float:
        """How long the document may be on its way, before the policy's own time begins."""
        return 0.0 if self.begun else frames.seconds_to_read(len(self.document))

    @property
    def done(self) -> bool:
        """Whether nobody waits for the worker's answer any more."""
        return self.answer is not None or self.failure is not None

    def finish(self, *, answer: bytes | None = None, failure: str | None = None) -> None:
        """Set what became of the call and wake who waits for it."""
        self.answer, self.failure = answer, failure
        if self.future is not None and not self.future.done():
            self.future.set_result(None)

    def decision(self) -> Decision:
        """Read the answer; EngineError where there is none."""
        if self.answer is None:
            raise EngineError(self.failure or "no answer")
        return _known(self.answer) if len(self.answer) <= SHORT else _read(self.answer)


def moved(number: int) -> WaitingCall:
    """Stand in for a call that another worker has taken: this one's answer is dropped."""
    return WaitingCall(number, b"", failure="another worker was asked")


def _read(answer: bytes) -> Decision:
    return parse_decision(json.loads(answer))


# Most calls get the same short answer, so it is read once.
_known = lru_cache(maxsize=64)(_read)
