"""The interface of an engine, whichever evaluates the Rego."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from helm_boundary.policy.decision import Decision
from helm_boundary.policy.sources.policy import Policy

type Meanwhile = Callable[[], None]
"""What can be done on this thread while a document is evaluated."""


def nothing() -> None:
    """Do nothing meanwhile."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How long a call may keep the event loop's thread, and what is done on it meanwhile.

    ``seconds`` are 0 while other calls are in flight. For so long the engine may wait on the
    thread, which is cheaper than a turn of the loop; if it does, it calls ``meanwhile`` before.
    """

    seconds: float = 0.0
    meanwhile: Meanwhile = nothing

    def doing(self, meanwhile: Meanwhile) -> Turn:
        """Return the same turn with that to do."""
        return Turn(self.seconds, meanwhile)


NO_TURN = Turn()
"""The turn of a call that has others beside it: it waits without keeping anybody."""


class Engine(Protocol):
    """A judge of documents under one policy, which never changes during the engine's life."""

    @property
    def name(self) -> str:
        """The name of the evaluator with its version, as receipts record it."""
        ...

    @property
    def policy(self) -> Policy:
        """The policy that this engine judges by."""
        ...

    async def decide(self, document: bytes, turn: Turn = NO_TURN) -> Decision:
        """Judge the document (UTF-8 JSON text); raise EngineError when that can't be done."""
        ...

    def decide_now(self, document: bytes) -> Decision:
        """Judge like ``decide``, blocking the loop's thread; others may be in flight."""
        ...

    def close(self) -> None:
        """Stop judging and free everything; idempotent."""
        ...
