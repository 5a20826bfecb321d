"""A candidate policy, judged beside the enforced one and never in effect (``helm_candidate``).

Each decision is the enforced policy's; what the candidate would have said is noted on it. The
candidate has an engine of its own, so it can be late, crash or loop without anyone waiting
longer than its deadline, and a failing candidate is a note as well.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

from helm_boundary.policy.decision import Decision, Opinion
from helm_boundary.policy.errors import EngineError
from helm_boundary.policy.sources.policy import Policy

from .engine import NO_TURN, Engine, Turn

FAILED: Final = "ERROR"  # the candidate's note when it has no decision


class WithCandidate:
    """An engine that answers with one policy and asks another for its opinion."""

    def __init__(self, enforced: Engine, candidate: Engine) -> None:
        self._enforced = enforced
        self._candidate = candidate
        both = enforced.policy.unread & candidate.policy.unread  # they judge the same document
        self._policy = replace(enforced.policy, unread=both)

    @property
    def name(self) -> str:
        """The enforced policy's engine."""
        return self._enforced.name

    @property
    def policy(self) -> Policy:
        """The enforced policy."""
        return self._policy

    @property
    def candidate(self) -> Policy:
        """The policy that is only asked for its opinion."""
        return self._candidate.policy

    @property
    def enforced(self) -> Engine:
        """The engine whose decisions count."""
        return self._enforced

    def succeeded_by(self, enforced: Engine) -> WithCandidate:
        """Return the same candidate beside another enforced policy."""
        return WithCandidate(enforced, self._candidate)

    async def decide(self, document: bytes, turn: Turn = NO_TURN) -> Decision:
        """Return the enforced decision; both policies judge at the same time."""
        opinion = asyncio.ensure_future(self._opinion(document))
        try:
            decision = await self._enforced.decide(document)
        except BaseException:
            opinion.cancel()
            raise
        return replace(decision, candidate=await opinion)

    def decide_now(self, document: bytes) -> Decision:
        """Return the enforced decision; one policy judges after the other."""
        decision = self._enforced.decide_now(document)
        try:
            return replace(decision, candidate=self._candidate.decide_now(document).verdict)
        except EngineError:
            return replace(decision, candidate=FAILED)

    def close(self) -> None:
        """Close both engines."""
        self._enforced.close()
        self._candidate.close()

    async def _opinion(self, document: bytes) -> Opinion:
        try:
            return (await self._candidate.decide(document)).verdict
        except EngineError:
            return FAILED
