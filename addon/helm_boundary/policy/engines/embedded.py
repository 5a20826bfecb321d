"""The embedded engine: policy evaluated in a worker process, asked from the boundary's loop.

Calls go down the pipe in order and are answered in order, so the oldest unanswered call is
the one being evaluated. When its time is up, or the worker dies under it, that call alone
fails; those behind it go to the next worker, each at most once.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import IO

from helm_boundary.policy.decision import Decision
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.policy import Policy

from . import frames as pipe
from .call_queue import SLOW_SECONDS, CallQueue
from .engine import NO_TURN, Turn
from .plan import write_plan
from .smoke_test import self_test
from .waiting_call import WaitingCall
from .worker_process import WorkerProcess

TRIAL_SECONDS = 30.0  # to start Python, and compile and lint a policy for the first time
RESTART_SECONDS = 5.0  # to start Python and compile a policy again
SAMPLE_SECONDS = 2.0  # for a sample of the self-test, on a machine that is busy starting things
RESTART_PAUSE = 1.0  # seconds before a worker that never got ready is tried again
# The worker's own alarm, for when nobody is there to kill it: later than any kill of ours.
ALARM_FACTOR, ALARM_SECONDS = 2, 1.0


def start_embedded(
    policy: Policy, *, deadline_ms: int, plan: IO[bytes] | None = None
) -> EmbeddedEngine:
    """Compile the policy in a process of its own, test it there, and return it as an engine.

    ``plan`` is the policy's, where it has been written already; the engine closes it.

    Raises PolicyError with file and line when it doesn't compile, and with the kind of call
    when it has no decision on one.
    """
    try:
        engine = EmbeddedEngine(policy, deadline_ms / 1_000, plan or write_plan(policy))
    except OSError as error:
        raise PolicyError(f"a policy worker can't be started: {error.strerror}") from None
    try:
        engine.wait_until_ready()
        engine.queue.deadline = max(deadline_ms / 1_000, SAMPLE_SECONDS)
        self_test(engine)
        engine.queue.deadline = deadline_ms / 1_000
    except BaseException:
        engine.close()
        raise
    return engine


type Relieve = Callable[[EmbeddedEngine], None]
"""Finds another engine for the calls that wait behind one that takes long."""


class EmbeddedEngine:
    """Rego evaluated by the engine that comes with the boundary."""

    def __init__(
        self, policy: Policy, deadline: float, plan: IO[bytes], *, trial: str = "trial"
    ) -> None:
        self.name = f"regorus {version('gordon-to-regorus')}"
        self.policy = policy
        self.queue = CallQueue(deadline)
        self._plan = plan
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._relieve: Relieve | None = None
        self._closed = False
        self._worker: WorkerProcess | None = None
        self._ready = False  # the worker has compiled the policy
        self._refusal: list[str] = []  # why it couldn't
        self._ended = ""  # how the last worker ended
        self._restart_at = 0.0
        self._start(trial)

    async def decide(self, document: bytes, turn: Turn = NO_TURN) -> Decision:
        """Judge the document (UTF-8 JSON text); raise EngineError when that can't be done.

        For the turn's seconds the answer is waited for on this thread, which nobody else needs.
        """
        loop = asyncio.get_running_loop()
        self.attach(loop)
        call = self._submit(document)
        if turn.seconds and not call.done:
            turn.meanwhile()
            self._await_here(turn.seconds)
        if not call.done:
            call.future = loop.create_future()
            if self._timer is None:
                self._watch()
            await call.future
        return call.decision()

    def _await_here(self, seconds: float) -> None:
        if self._worker is not None and self._worker.wait_awake(seconds):
            self._worker.flush()
            self._on_readable()

    def decide_now(self, document: bytes) -> Decision:
        """Judge like ``decide``, blocking this thread; calls in flight are served meanwhile."""
        call = self._submit(document)
        while not call.done:
            self._step()
        return call.decision()

    def close(self) -> None:
        """End the worker; calls in flight fail. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._detach()
        if self._timer is not None:
            self._timer.cancel()
        if self._worker is not None:
            self._worker.kill()
            self._worker = None
        for call in self.queue:
            self.queue.finish(call, failure="the policy engine was closed")
        self._plan.close()

    @property
    def in_flight(self) -> int:
        """The number of calls that wait for their answer."""
        return len(self.queue)

    @property
    def is_slow(self) -> bool:
        """Whether a call would wait: behind one that takes long, or for the worker to start."""
        return not self._ready or self.queue.is_slow

    def another(self) -> EmbeddedEngine:
        """Start a further engine of the same policy, which this one has tried."""
        plan = os.fdopen(os.dup(self._plan.fileno()), "rb")
        return EmbeddedEngine(self.policy, self.queue.deadline, plan, trial="live")

    def wait_until_ready(self) -> None:
        """Block until the worker has compiled the policy; PolicyError if it can't."""
        while not self._ready:
            worker = self._worker
            if worker is None:
                ended = f"the policy can't be compiled: its worker ended with {self._ended}"
                raise PolicyError(*(self._refusal or [ended]))
            if not worker.wait(self.queue.remaining):
                raise PolicyError(f"the policy did not compile within {TRIAL_SECONDS:.0f} seconds")
            self._on_readable()

    # -- calls ---------------------------------------------------------------------------

    def _submit(self, document: bytes) -> WaitingCall:
        call = WaitingCall(0, document)
        self._enqueue(call)
        return call

    def _enqueue(self, call: WaitingCall) -> None:
        self.queue.number(call)
        if self._closed:
            call.finish(failure="the policy engine was closed")
            return
        if self._worker is None and time.monotonic() >= self._restart_at:
            self._restart()
        if self._worker is None:
            call.finish(failure=f"the policy worker doesn't start: {self._ended}")
            return
        self.queue.add(call)
        if len(self.queue) == 1 and self._ready:
            self.queue.begin_head()
        self._send(call)

    def hand_over(self, other: EmbeddedEngine) -> None:
        """Give another engine the calls that wait behind the oldest one, but for huge ones."""
        for call in self.queue.leave_behind_head():
            other.take_over(call)

    def take_over(self, call: WaitingCall) -> None:
        """Judge a call that waited in another engine of the same policy."""
        call.begun = False
        self._enqueue(call)
        if self._timer is None:
            self._watch()

    def _send(self, call: WaitingCall) -> None:
        if self._worker is not None:
            self._worker.send(*pipe.parts(call.number, pipe.JUDGE, call.document))
            if self._worker.unsent and (loop := self._running_loop()):
                loop.add_writer(self._worker.fileno(), self._on_writable)

    # -- the pipe ------------------------------------------------------------------------

    def _step(self) -> None:
        """Serve the pipe once, blocking until something comes or the oldest call is late."""
        worker = self._worker
        if worker is None:
            self._lost(self._ended)
        elif worker.wait(self.queue.remaining):
            worker.flush()
            self._on_readable()
        elif self.queue.remaining <= 0:
            self._late()

    def _on_readable(self) -> None:
        worker = self._worker
        if worker is None:
            return
        frames = worker.receive()
        if frames is None:
            self._detach()
            self._ended = worker.reap()
            self._lost(f"the policy worker ended with {self._ended}")
        else:
            self._take(frames)

    def _on_writable(self) -> None:
        if self._worker is not None:
            self._worker.flush()
            if not self._worker.unsent and (loop := self._running_loop()):
                loop.remove_writer(self._worker.fileno())

    def _take(self, frames: Iterator[pipe.Frame]) -> None:
        for number, kind, body in frames:
            if kind == pipe.READY:
                self._ready = True
            elif kind == pipe.REFUSED:
                self._refusal = json.loads(body)
            elif (call := self.queue.find(number)) is not None:
                if kind == pipe.ANSWER:
                    self.queue.finish(call, answer=body)
                elif kind == pipe.BEGUN:
                    call.begun = True
                else:
                    self.queue.finish(call, failure=body.decode())
            self.queue.begin_head()

    # -- the worker ----------------------------------------------------------------------

    def _start(self, trial: str) -> None:
        self._ready = False
        seconds = TRIAL_SECONDS if trial == "trial" else RESTART_SECONDS
        self.queue.allow(seconds)
        self._restart_at = time.monotonic() + RESTART_PAUSE
        alarm = max(self.queue.deadline, SAMPLE_SECONDS) * ALARM_FACTOR + ALARM_SECONDS
        self._worker = WorkerProcess(self._plan, alarm, trial)
        if loop := self._running_loop():
            loop.add_reader(self._worker.fileno(), self._on_readable)

    def _judge_late(self) -> None:
        """Give the oldest call up, unless its answer waits for this busy loop."""
        if self._worker is not None and self._worker.wait(0):
            self._on_readable()
        if self.queue and self.queue.remaining <= 0:
            self._late()

    def _late(self) -> None:
        """End the worker, which nothing else can stop: the oldest call has had its time."""
        if self._worker is not None:
            self._detach()
            self._worker.kill()
        if self._ready:
            self._lost(f"the policy did not decide within {self.queue.deadline * 1_000:.0f} ms")
        else:
            self._lost("the policy worker did not start in time")

    def _lost(self, why: str) -> None:
        """Fail the oldest call, as the worker is gone; the others go to the next worker."""
        self._worker = None
        waiting = list(self.queue)
        if self._ready:
            self._restart()
        for position, call in enumerate(waiting):
            if call.done:  # elsewhere
                self.queue.drop(call)
            elif self._worker is None or position == 0 or call.retried:
                self.queue.finish(call, failure=why)
            else:
                call.retried, call.begun = True, False
                self._send(call)

    def _restart(self) -> None:
        try:
            self._start("live")
        except OSError as error:
            self._ended = f"a new worker can't be started: {error.strerror}"

    # -- the event loop ------------------------------------------------------------------

    def attach(self, loop: asyncio.AbstractEventLoop, relieve: Relieve | None = None) -> None:
        """Read on that loop what the worker says, also before it is asked anything.

        `relieve` is called every few milliseconds while calls wait behind one that takes long.
        """
        self._relieve = relieve or self._relieve
        if loop is self._loop:
            return
        self._detach()
        self._loop, self._timer = loop, None
        if self._worker is not None:
            loop.add_reader(self._worker.fileno(), self._on_readable)

    def _detach(self) -> None:
        if self._worker is not None and (loop := self._running_loop()):
            loop.remove_reader(self._worker.fileno())
            loop.remove_writer(self._worker.fileno())

    def _running_loop(self) -> asyncio.AbstractEventLoop | None:
        return None if self._loop is None or self._loop.is_closed() else self._loop

    def _watch(self) -> None:
        """Look at the oldest call, and again as long as there are calls: one timer for all."""
        self._timer = None
        if not self.queue or self._loop is None or self._closed:
            return
        remaining = self.queue.remaining
        if remaining <= 0:
            self._judge_late()
            remaining = self.queue.deadline
        elif self._relieve is not None:
            remaining = min(remaining, SLOW_SECONDS)
            if self.is_slow and len(self.queue) > 1:
                self._relieve(self)
        self._timer = self._loop.call_later(max(remaining, 0.001), self._watch)
