"""Errors of a policy, and of asking it."""

from __future__ import annotations

from collections.abc import Sequence


class PolicyError(Exception):
    """A policy that can't be used: unreadable, refused by the lint, failing its trial.

    The message names the file and, where there is one, the line, and says what to do.
    ``problems`` has all that was found, each as ``file:line: what``.
    """

    def __init__(self, first: str, *more: str) -> None:
        others = f" (and {len(more)} more: helm-boundary policy check)" if more else ""
        super().__init__(first + others)
        self.problems: Sequence[str] = (first, *more)


class EngineError(Exception):
    """A judgement that could not be made: undefined, malformed, late, crashed.

    Whoever asked must treat it as DENY with PDP_ERROR.
    """


class MalformedDecision(EngineError):
    """An answer of the engine that isn't a decision as the contract describes it."""
