"""Changing the policy while the boundary runs, without a call noticing.

A change is read, compiled and tried aside, its receipt with both digests is durable, and then new
calls are judged by it. Calls in flight end under the policy that judged their requests. What
can't be used is refused with one line, and the policy in force stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from mitmproxy import exceptions

from helm_boundary.policy.engines.candidate import WithCandidate
from helm_boundary.policy.engines.engine import Engine
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.reload.watch import Change, PolicyWatch
from helm_receipts.envelope.statement import Draft, PolicyRef
from helm_receipts.errors import ReceiptError

from .current_boundary import CurrentBoundary
from .kept_policies import fetch, keep
from .rollback import Rollback
from .startup import Running

logger = logging.getLogger(__name__)

_POLL = 1.0


class Reloader:
    """Watches a running boundary's policy, and puts another boundary in its place.

    `in_use` tells whether any call or session still belongs to a boundary that was replaced.
    """

    def __init__(self, current: CurrentBoundary, in_use: Callable[[Running], bool]) -> None:
        self._current = current
        self._in_use = in_use
        self._watch: PolicyWatch | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, deadline_ms: int) -> None:
        """Begin to watch, where the policy lies in files."""
        running = self._current.running
        if running is None or not running.judging.can_change:
            return
        self._watch = PolicyWatch(
            running.judging.folders,
            digest=running.engine.policy.digest,
            deadline_ms=deadline_ms,
            key=running.policy_key,
            refresh=running.judging.refresh,
            start=running.judging.start,
        )
        self._spawn(self._follow(self._watch))
        self._spawn(self._follow_rollbacks(self._watch))

    def stop(self) -> None:
        """Watch no more."""
        for task in self._tasks:
            task.cancel()

    def reload(self) -> str:
        """Read the policy now; what comes of it is in the log."""
        if self._watch is None:
            raise exceptions.CommandError(
                "the policy isn't read from a folder of yours (helm_policy), so it can't change"
            )
        self._spawn(self._load(self._watch))
        return "the policy is read and tried; the log says what came of it"

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, watch: PolicyWatch) -> None:
        async for change in watch.changes():
            await self._take(change)

    async def _follow_rollbacks(self, watch: PolicyWatch) -> None:
        """Go back to an earlier policy when a person says so, and from it when it is ended."""
        tried: Rollback | None = None
        while (running := self._current.running) is not None:
            try:
                said = await asyncio.to_thread(Rollback.read, running.orders)
            except ReceiptError:  # nobody knows whether there is one: it stays as it is
                await asyncio.sleep(_POLL)
                continue
            digest = running.engine.policy.digest
            if said is not None and said != tried and digest == said.refused:
                if await self._go_back(watch, running, said.instead):
                    tried = said
            elif said is None and tried is not None:
                tried = None
                await self._load(watch)
            elif said is not None and digest == said.instead:
                tried = said
            await asyncio.sleep(_POLL)

    async def _go_back(self, watch: PolicyWatch, running: Running, digest: str) -> bool:
        """Try an earlier policy; False where it can't be had at the moment."""
        try:
            kept = await asyncio.to_thread(fetch, running.state, digest, running.database)
        except (OSError, ReceiptError) as error:
            logger.warning("helm-boundary: the earlier policy can't be had: %s", error)
            return False
        change = await watch.load(kept)
        if change is not None:
            await self._take(change)
        return True

    async def _load(self, watch: PolicyWatch) -> None:
        change = await watch.load()
        if change is None:
            logger.info("helm-boundary: the policy is the one in force")
        else:
            await self._take(change)

    async def _take(self, change: Change | PolicyError) -> None:
        old = self._current.running
        if old is None:
            return
        if isinstance(change, PolicyError):
            logger.error("helm-boundary: the policy in force stays: %s", change)
            return
        try:
            said = await asyncio.to_thread(Rollback.read, old.orders)
        except ReceiptError as error:
            self._refuse(change, old, str(error))
            return
        if (now := self._current.running) is None:
            change.engine.close()
            return
        old = now  # in another mode, perhaps
        if said is not None and change.engine.policy.digest == said.refused:
            change.engine.close()
            if self._watch is not None:
                self._watch.stay(old.engine.policy.digest)
            logger.warning("helm-boundary: the policy in force stays: %s went back to it", said.by)
            return
        try:
            new = old.under(_beside(old.engine, change.engine), change.detectors)
        except PolicyError as error:
            change.engine.close()
            logger.error("helm-boundary: the policy in force stays: %s", error)
            return
        try:
            await old.recorder.record(_receipt(old, new))
        except ReceiptError as error:
            self._refuse(change, old, f"no receipt: {error}")
            return
        self._current.replace(new)
        policy = new.engine.policy
        await asyncio.to_thread(keep, new.state, policy, new.database)
        logger.info(
            "helm-boundary: policy %s, %d rules, %d detectors, sha256 %s",
            policy.uri,
            policy.rules,
            len(change.detectors.names),
            policy.digest,
        )
        self._spawn(self._retire(old))

    def _refuse(self, change: Change, old: Running, why: str) -> None:
        """Leave the policy in force, and look at the changed one again later."""
        change.engine.close()
        logger.error("helm-boundary: the policy in force stays, %s", why)
        if self._watch is not None:
            self._watch.take_back(old.engine.policy.digest)

    async def _retire(self, old: Running) -> None:
        while self._in_use(old):
            await asyncio.sleep(_POLL)
        _enforced(old.engine).close()


def _beside(old: Engine, new: Engine) -> Engine:
    """Return the new policy's engine, with the candidate that the old one was judged beside."""
    return old.succeeded_by(new) if isinstance(old, WithCandidate) else new


def _enforced(engine: Engine) -> Engine:
    return engine.enforced if isinstance(engine, WithCandidate) else engine


def _receipt(old: Running, new: Running) -> Draft:
    policy = new.engine.policy
    digests = {"oldDigest": old.engine.policy.digest, "newDigest": policy.digest}
    reference = PolicyRef(policy.uri, policy.digest, new.engine.name)
    detectors = len(new.boundary.judge.detectors.names)
    event: dict[str, str | int] = {"kind": "changed", **digests, "detectors": detectors}
    return Draft.of_recorder("policy", event, reference)
