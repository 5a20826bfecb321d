"""The interface of an engine, whichever evaluates the Rego."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from helm_boundary.policy.decision import Decision
from helm_boundary.policy.sources.policy import Policy

type Meanwhile = Callable[[], None]
"""What can be done on this thread while a document is evaluated."""


def nothing() -> None:
    """Do nothing meanwhile."""


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

    async def decide(
        self, document: bytes, patience: float = 0.0, meanwhile: Meanwhile = nothing
    ) -> Decision:
        """Judge the document (UTF-8 JSON text); raise EngineError when that can't be done.

        ``patience`` is how long the engine may block the event loop, in seconds, which is cheaper
        than a turn of the loop; it is 0 while others need the loop. An engine that blocks calls
        ``meanwhile`` before, while the policy is being evaluated.
        """
        ...

    def decide_now(self, document: bytes) -> Decision:
        """Judge like ``decide``, blocking the loop's thread; others may be in flight."""
        ...

    def close(self) -> None:
        """Stop judging and free everything; idempotent."""
        ...
