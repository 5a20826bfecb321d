"""Several workers of one policy, where there are cores for them."""

from __future__ import annotations

import asyncio

from helm_boundary.policy.decision import Decision
from helm_boundary.policy.sources.policy import Policy

from .cores import cores
from .embedded import EmbeddedEngine, start_embedded
from .engine import NO_TURN, Engine, Turn
from .frames import HUGE

MOST = 8


def start_engine(policy: Policy, *, deadline_ms: int, workers: int | None = None) -> Engine:
    """Start an embedded engine with as many workers as this machine has cores for.

    One core is the proxy's own; ``workers`` overrides. A spare worker comes on top, but for a
    single one that was asked for. Raises PolicyError as start_embedded does: the first worker
    tries the policy, the others start on what it has shown to work.
    """
    count = workers or max(1, min(MOST, cores() - 1))
    first = start_embedded(policy, deadline_ms=deadline_ms)
    if workers == 1:
        return first
    return Pool([first, *(first.another() for _ in range(count - 1))], spare=first.another())


class Pool:
    """Engines of one policy; each call goes to the one with the fewest in flight.

    One that has been at a call for long is asked last: what comes now would wait behind it, and
    what waits there already goes to another. Where all are slow, that is the spare one, for which
    there is no core of its own, but never about a huge document: what is small must not wait
    behind two of those.
    """

    def __init__(self, engines: list[EmbeddedEngine], *, spare: EmbeddedEngine) -> None:
        self._engines = engines
        self._spare = spare
        self._loop: asyncio.AbstractEventLoop | None = None
        self.name = engines[0].name
        self.policy = engines[0].policy

    async def decide(self, document: bytes, turn: Turn = NO_TURN) -> Decision:
        """Judge the document (UTF-8 JSON text); raise EngineError when that can't be done."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # so that those who aren't asked yet are known to be there
            self._loop = loop
            for engine in (*self._engines, self._spare):
                engine.attach(loop, self._relieve)
        return await self._idlest(document).decide(document, turn)

    def decide_now(self, document: bytes) -> Decision:
        """Judge like ``decide``, blocking this thread."""
        return self._idlest(document).decide_now(document)

    def close(self) -> None:
        """End every worker; idempotent."""
        for engine in (*self._engines, self._spare):
            engine.close()

    def _idlest(self, document: bytes) -> EmbeddedEngine:
        found = min(self._engines, key=lambda engine: (engine.is_slow, engine.in_flight))
        spares = found.is_slow and not self._spare.is_slow and len(document) <= HUGE
        return self._spare if spares else found

    def _relieve(self, slow: EmbeddedEngine) -> None:
        other = self._idlest(b"")
        if other is not slow and not other.is_slow:
            slow.hand_over(other)
