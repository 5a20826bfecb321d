"""An OPA of ours as the engine (``helm_engine=opa``): one that runs beside, and is kept running.

It is looked after from a thread: one that has ended or doesn't answer any more is replaced. One
that was late with a decision is replaced too, since nothing else surely ends what it is doing; the
other calls in flight have their whole deadline to be answered by the old one.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

from helm_boundary.policy.decision import Decision
from helm_boundary.policy.errors import EngineError, PolicyError
from helm_boundary.policy.sources.dormant_topics import awake
from helm_boundary.policy.sources.policy import Policy

from .engine import NO_TURN, Engine, Turn
from .opa_client import OpaClient, OpaGone, OpaLate
from .opa_process import OpaProcess
from .opa_program import OpaProgram, find_opa
from .smoke_test import self_test

LOOK_SECONDS = 1.0
HEALTH_SECONDS = 5.0  # for a sign of life, on a machine that is busy
SAMPLE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Sources:
    """What OPA is given: modules by path, those that the data switch off left out, and the data.

    So a topic that says what it is `off_unless` means the same in both engines. The data are JSON
    text.
    """

    modules: Mapping[str, str]
    data: str

    @classmethod
    def of(cls, policy: Policy) -> Sources:
        """Take a policy's own."""
        modules = awake(policy.modules, policy.data)
        return cls(modules, json.dumps(policy.data, allow_nan=False))

    @classmethod
    def planned(cls, plan: IO[bytes]) -> Sources:
        """Take those of a plan that was written for workers, and close it."""
        with plan:
            whole = json.loads(os.pread(plan.fileno(), os.fstat(plan.fileno()).st_size, 0))
        modules = {file: whole["modules"][file] for file in whole["awake"]}
        return cls(modules, whole["data"])


def start_opa(policy: Policy, *, deadline_ms: int, plan: IO[bytes] | None = None) -> Engine:
    """Start the `opa` on PATH with a policy, test it, and return it as an engine.

    ``plan`` is the policy's, where it has been written already; the engine closes it. Raises
    PolicyError where there is no OPA, with what OPA says where it refuses the policy, and with
    the kind of call when it has no decision on one.
    """
    opa = find_opa()
    if opa is None:
        raise PolicyError("helm_engine=opa: there is no `opa` on PATH: install OPA 1.0 or later")
    sources = Sources.planned(plan) if plan else Sources.of(policy)
    engine = OpaEngine(opa, policy, sources, deadline_ms / 1_000)
    try:
        engine.test()
    except BaseException:
        engine.close()
        raise
    return engine


class _Running:
    """One OPA and the connections to it."""

    def __init__(self, opa: OpaProgram, sources: Sources, deadline: float) -> None:
        self.process = OpaProcess(opa, sources.modules, sources.data)
        self.client = OpaClient(self.process, deadline)
        self._health = OpaClient(self.process, HEALTH_SECONDS)
        try:
            self.process.wait_until_ready()
        except BaseException:
            self.close()
            raise

    @property
    def is_well(self) -> bool:
        return self.process.is_well(self._health)

    def close(self) -> None:
        self.client.close()
        self._health.close()
        self.process.kill()


class OpaEngine:
    """Rego evaluated by an OPA of ours.

    Raises PolicyError, with file and line where OPA names them, for a policy that it refuses.
    """

    def __init__(self, opa: OpaProgram, policy: Policy, sources: Sources, deadline: float) -> None:
        self.name = f"opa {opa.version}"
        self.policy = policy
        self._opa = opa
        self._sources = sources
        self._deadline = deadline
        self._lock = threading.Lock()  # held while another OPA starts
        self._closed = threading.Event()
        self._doubted = threading.Event()  # it was late, or looks ended
        self._running = _Running(opa, sources, deadline)
        self._retired: list[_Running] = []
        self._keeper = threading.Thread(target=self._keep, name="helm-opa-keeper", daemon=True)
        self._keeper.start()

    async def decide(self, document: bytes, turn: Turn = NO_TURN) -> Decision:
        """Judge the document (UTF-8 JSON text); raise EngineError when that can't be done."""
        running = self._running
        try:
            return await running.client.decide(document)
        except EngineError as error:
            if not self._is_worth_another(error):
                raise
        await asyncio.to_thread(self._replace, running)
        return await self._running.client.decide(document)

    def decide_now(self, document: bytes) -> Decision:
        """Judge like ``decide``, blocking this thread."""
        running = self._running
        try:
            return running.client.decide_now(document)
        except EngineError as error:
            if not self._is_worth_another(error):
                raise
        self._replace(running)
        return self._running.client.decide_now(document)

    def test(self) -> None:
        """Ask it about each sample; PolicyError where it has no decision."""
        client = self._running.client
        client.deadline = max(self._deadline, SAMPLE_SECONDS)
        self_test(self)
        client.deadline = self._deadline

    def close(self) -> None:
        """End it; idempotent."""
        self._closed.set()
        self._doubted.set()
        with self._lock:
            for running in (*self._retired, self._running):
                running.close()

    def _is_worth_another(self, error: EngineError) -> bool:
        """Tell whether another OPA may answer what this one didn't; one that was late goes."""
        if isinstance(error, OpaLate):
            self._doubted.set()
        return isinstance(error, OpaGone) and not self._closed.is_set()

    def _keep(self) -> None:
        while not self._closed.is_set():
            late = self._doubted.wait(LOOK_SECONDS)
            running = self._running
            if not self._closed.is_set() and (late or not running.is_well):
                self._doubted.clear()
                self._replace(running)

    def _replace(self, old: _Running) -> None:
        """Put another OPA in the place of one that doesn't answer, unless that is done."""
        with self._lock:
            if self._running is not old or self._closed.is_set():
                return
            try:
                self._running = _Running(self._opa, self._sources, self._deadline)
            except (PolicyError, OSError):
                self._closed.wait(LOOK_SECONDS)  # calls fail; the keeper tries again
                return
            self._retired.append(old)
        timer = threading.Timer(self._deadline, self._retire, [old])
        timer.daemon = True
        timer.start()

    def _retire(self, old: _Running) -> None:
        """End one whose last calls have had their time."""
        with self._lock:
            if old in self._retired:
                self._retired.remove(old)
        old.close()
