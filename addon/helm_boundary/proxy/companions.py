"""Processes beside a running boundary: the page, metrics. None of them costs a call anything."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from helm_boundary.runtime.options import Config
from helm_receipts.storage import isolated

logger = logging.getLogger(__name__)

_KEPT = ("HELM_PINS", "HELM_PAGE_TOKEN", "USER", "LOGNAME", "XDG_CONFIG_HOME", "TZ")


@dataclass(frozen=True, slots=True)
class Companion:
    """A command of ours that runs beside the boundary, by its name, with these arguments."""

    name: str
    arguments: tuple[str, ...]

    def command(self, config: Config) -> list[str]:
        """Return its command line; it ends when its standard input does."""
        state = ("--state", str(config.state), "--with-parent")
        return isolated.run_module("helm_boundary", self.name, *state, *self.arguments)


def wanted(config: Config) -> Iterator[Companion]:
    """Yield what the options ask for; nothing by default."""
    if config.page:
        yield Companion("page", ("--listen", config.page))
    if config.metrics:
        yield Companion("metrics", ("--listen", config.metrics))


class Companions:
    """The part of the addon that starts those processes, and ends them with the boundary."""

    name = "helmboundarycompanions"

    def __init__(self, config: Callable[[], Config | None]) -> None:
        self._config = config
        self._following: list[asyncio.Task[None]] = []
        self._processes: list[asyncio.subprocess.Process] = []

    def running(self) -> None:
        """Start them."""
        config = self._config()
        if config is not None and not self._following:
            loop = asyncio.get_running_loop()
            self._following = [loop.create_task(self._follow(c, config)) for c in wanted(config)]

    def done(self) -> None:
        """End them: each ends with its standard input, also where nobody could say so."""
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.close()
        for task in self._following:
            task.cancel()

    async def _follow(self, companion: Companion, config: Config) -> None:
        process = await asyncio.create_subprocess_exec(
            *companion.command(config),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(),
            start_new_session=True,  # a Ctrl-C ends the boundary, which ends these
        )
        self._processes.append(process)
        assert process.stdout is not None  # noqa: S101 - asked for above
        assert process.stderr is not None  # noqa: S101 - asked for above
        said = asyncio.get_running_loop().create_task(_last_line(process.stderr))
        while line := await process.stdout.readline():
            print(f"  {companion.name:<9} {line.decode().split()[-1]}", flush=True)
        last = await said
        logger.error("helm-boundary: the process for %s has ended: %s", companion.name, last)


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return isolated.bare_environment() | kept


async def _last_line(stream: asyncio.StreamReader) -> str:
    last = b""
    with contextlib.suppress(ValueError):  # a line longer than is read at once
        while line := await stream.readline():
            last = line
    return last.decode(errors="replace").strip()
