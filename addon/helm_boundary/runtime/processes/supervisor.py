"""The process that starts several boundaries, replaces those that die, and ends them together.

They listen on the same port, so the system spreads connections over them, and keep their receipts
in one state folder, each as a writer of its own. The first one is started alone: it makes the
authority and the keys, and what can't work is said once.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace

from helm_boundary.runtime.health import ask, socket_of
from helm_boundary.runtime.health_endpoint import HealthEndpoint, Standing, standing_of
from helm_boundary.runtime.process_place import Place
from helm_boundary.runtime.start_order import Order, run_arguments
from helm_boundary.runtime.systemd import notify_systemd, reloading

from .backoff import Backoff
from .order import health_address, state_of
from .process import Process
from .signals import handed_on

STOP_SECONDS = 35.0
"""Longest that processes may take to end; a stop of one waits 20 seconds for open calls."""

FAILED_STARTS = 5
"""So many starts in a row may fail while no process is up; then all ends."""


class Supervisor:
    """Looks after `count` boundaries, all started by the same order."""

    def __init__(self, order: Order, count: int) -> None:
        self._arguments = run_arguments(order)
        self._state = state_of(order)
        self._count = count
        self._processes: dict[int, Process] = {}
        self._stopping = asyncio.Event()
        self._code = 0
        self._address = health_address(order)
        self._endpoint: HealthEndpoint | None = None

    @property
    def processes(self) -> Sequence[Process]:
        """Those that are there now."""
        return tuple(self._processes.values())

    async def run(self) -> int:
        """Start them, keep them up until a signal ends them; returns the exit code."""
        with handed_on(self.stop, self.reload):
            started = await self._open() and await self._start_all()
            if not started:
                self.stop(signal.SIGTERM)
            keepers = [asyncio.create_task(self._keep(place)) for place in self._places()]
            await self._stopping.wait()
            await self._end(keepers)
            if self._endpoint is not None:
                self._endpoint.close()
        return self._code

    def stop(self, number: signal.Signals) -> None:
        """End all of them, as that signal ends one."""
        if not self._stopping.is_set():
            notify_systemd("STOPPING=1")
        self._stopping.set()
        self._send(number)

    def reload(self) -> None:
        """Have all of them read the policy again."""
        notify_systemd(reloading())
        self._send(signal.SIGHUP)
        notify_systemd("READY=1")

    def _places(self) -> Iterator[Place]:
        for number in range(1, self._count + 1):
            yield Place(number, self._count)

    async def _open(self) -> bool:
        """Tell over HTTP how things stand, where that is asked for; False where it can't be."""
        if self._address is None:
            return True
        self._endpoint = HealthEndpoint(self._address, self._stands)
        try:
            await self._endpoint.open()
        except OSError as error:
            say(f"helm_health: can't listen there: {error}")
            self._code = 1
        return self._code == 0

    async def _stands(self) -> Standing:
        """Ask all that are up; one that doesn't answer keeps its share of the connections."""
        asked = [each for each in self.processes if each.is_up]
        paths = [socket_of(self._state, each.pid) for each in asked]
        told = await asyncio.gather(*(asyncio.to_thread(ask, path) for path in paths))
        found = [health for health in told if health is not None]
        return standing_of(found, self._count, silent=len(found) < len(asked))

    async def _start_all(self) -> bool:
        """Start the first one, then the others; False, with a code, where one can't start."""
        first, *others = self._places()
        if not await self._begin(replace(first, is_first=True)):
            return False
        began = await asyncio.gather(*map(self._begin, others))
        if self._stopping.is_set() or not all(began):
            return False
        notify_systemd("READY=1")
        pids = ", ".join(str(process.pid) for process in self.processes)
        say(f"{self._count} processes are ready: {pids}")
        return True

    async def _begin(self, place: Place) -> bool:
        """Start a process and wait until it is ready."""
        if self._stopping.is_set():
            return False
        process = await self._start(place)
        if await process.wait_until_ready():
            return True
        code = await self._ended(process)
        if not self._stopping.is_set():
            say(f"process {place.number} can't start (exit code {code}), so all end")
            self._code = code if code > 0 else 1
        return False

    async def _ended(self, process: Process) -> int:
        code = await process.wait()
        self._processes.pop(process.place.number, None)
        return code

    async def _keep(self, place: Place) -> None:
        """Replace the process at a place whenever it dies, until all are stopped."""
        backoff, failed = Backoff(), 0
        while process := self._processes.get(place.number):
            was_ready = await process.wait_until_ready()
            code = await self._ended(process)
            if self._stopping.is_set():
                self._code = self._code or max(code, 0)
                return
            failed = 0 if was_ready else failed + 1
            if failed >= FAILED_STARTS and not any(each.is_ready for each in self.processes):
                say(f"process {place.number} can't start, and no other is up, so all end")
                self._code = code if code > 0 else 1
                self.stop(signal.SIGTERM)
                return
            pause = backoff.after(asyncio.get_running_loop().time() - process.began)
            say(
                f"process {place.number} (pid {process.pid}) {_how(code)}; started again in "
                f"{pause:g} s"
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
                return
            await self._start_again(place)

    async def _start(self, place: Place) -> Process:
        process = await Process.start(place, self._arguments)
        self._processes[place.number] = process
        if self._stopping.is_set():  # it was said meanwhile
            process.send(signal.SIGTERM)
        return process

    async def _start_again(self, place: Place) -> None:
        while not self._stopping.is_set():
            try:
                await self._start(place)
                return
            except OSError as error:  # no more processes or files for now
                say(f"process {place.number} can't be started yet: {error}")
                await asyncio.sleep(1)

    async def _end(self, keepers: Sequence[asyncio.Task[None]]) -> None:
        """Wait for the end of all; those that take too long are killed."""
        _, late = await asyncio.wait(keepers, timeout=STOP_SECONDS)
        if late:
            self._send(signal.SIGKILL)
            await asyncio.wait(late)

    def _send(self, number: signal.Signals) -> None:
        for process in self.processes:
            process.send(number)


def supervise(order: Order, count: int) -> int:
    """Run `count` boundaries until a signal ends them; returns the exit code."""

    async def run() -> int:
        return await Supervisor(order, count).run()

    return asyncio.run(run())


def say(line: str) -> None:
    """Print a line of our own, between those of the processes."""
    with contextlib.suppress(BrokenPipeError):
        print(f"helm-boundary: {line}", flush=True)


def _how(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
