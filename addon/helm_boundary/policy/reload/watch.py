"""Changes of the policy while the boundary runs.

The folders are watched; what changed is read in a process of its own, compiled, linted and
self-tested in its worker's, and only then handed over. A change that can't be used is handed over
as the error, and the policy in force stays in force.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from helm_boundary.calls.volatile import read_volatile
from helm_boundary.policy.detectors.detectors import Detectors, compile_detectors
from helm_boundary.policy.engines.embedded import start_embedded
from helm_boundary.policy.engines.engine import Engine
from helm_boundary.policy.engines.plan import empty_plan
from helm_boundary.policy.engines.worker_process import worker_environment
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.policy import Policy
from helm_receipts.storage import isolated

READ_SECONDS = 60.0

type Start = Callable[..., Engine]
"""Starts an engine as start_embedded does."""

type Stamps = frozenset[tuple[str, int, int, int]]


@dataclass(frozen=True, slots=True)
class Change:
    """A policy that is ready to take over: its engine, already tried, and its detectors."""

    engine: Engine
    detectors: Detectors


class PolicyWatch:
    """A watch over policy folders, which brings up what changes in them.

    ``digest`` is the policy in force's, so that touching a file without changing what decides
    is no change. ``seconds`` is how often to look; a change counts once it has stood that long.
    ``refresh`` (a Download's fetch) is called every ``refresh_seconds``, off the loop. ``start``
    starts the kind of engine that is in force.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        digest: str,
        deadline_ms: int,
        key: Path | None = None,
        seconds: float = 1.0,
        refresh: Callable[[], object] | None = None,
        refresh_seconds: float = 60.0,
        start: Start = start_embedded,
    ) -> None:
        self._folders = tuple(folders)
        self._digest = digest
        self._deadline_ms = deadline_ms
        self._key = key
        self._seconds = seconds
        self._refresh = refresh
        self._refresh_seconds = refresh_seconds
        self._start = start
        self._again = False

    def take_back(self, digest: str) -> None:
        """Hand the last change over again: it wasn't taken, and ``digest`` is in force."""
        self._digest = digest
        self._again = True

    async def changes(self) -> AsyncIterator[Change | PolicyError]:
        """Yield each change as it comes, for ever.

        The caller puts it in force, and closes the old engine.
        """
        seen = await asyncio.to_thread(stamps, self._folders)
        refreshed = time.monotonic()
        while True:
            await asyncio.sleep(self._seconds)
            if self._refresh and time.monotonic() >= refreshed + self._refresh_seconds:
                refreshed = time.monotonic()
                try:
                    await asyncio.to_thread(self._refresh)
                except PolicyError as error:
                    yield error
            now = await asyncio.to_thread(stamps, self._folders)
            if now == seen and not self._again:
                continue
            self._again = False
            while now != seen:  # somebody is still writing
                seen = now
                await asyncio.sleep(self._seconds)
                now = await asyncio.to_thread(stamps, self._folders)
            change = await self.load()
            if change is not None:
                yield change

    def stay(self, digest: str) -> None:
        """Note that the last change wasn't taken and isn't to be handed over again."""
        self._digest = digest

    async def load(self, instead: Path | None = None) -> Change | PolicyError | None:
        """Read and try the folders as they are now, or what is named instead of them.

        None when what decides is the same.
        """
        try:
            change = await asyncio.to_thread(
                load_aside,
                self._folders if instead is None else (instead,),
                self._deadline_ms,
                key=self._key,
                unless=self._digest,
                start=self._start,
            )
        except PolicyError as error:
            return error
        if change is not None:
            self._digest = change.engine.policy.digest
        return change


def stamps(folders: Sequence[Path]) -> Stamps:
    """Return what tells whether a file in the folders has changed."""
    found = set()
    for folder in folders:
        for path in [folder, *folder.rglob("*")]:
            try:
                status = path.stat()
            except OSError:
                found.add((str(path), 0, 0, 0))
            else:
                found.add((str(path), status.st_mtime_ns, status.st_size, status.st_ino))
    return frozenset(found)


def load_aside(
    folders: Sequence[Path],
    deadline_ms: int,
    *,
    key: Path | None = None,
    unless: str = "",
    start: Start = start_embedded,
) -> Change | None:
    """Read, compile and try a policy without holding up this process.

    Returns None when its digest is ``unless``. Raises PolicyError when it can't be used. The
    policy of the engine that comes back has its digest and modules, but of its data only what the
    boundary itself reads; its worker holds the rest.
    """
    plan = empty_plan()
    try:
        summary = _read(folders, key, plan.fileno())
        if summary["digest"] == unless:
            plan.close()
            return None
        text = summary["detectors"].encode()
        policy = Policy(
            uri=summary["uri"],
            digest=summary["digest"],
            modules=summary["modules"],
            # The workers have all data from the plan; the boundary needs its own part alone.
            data=MappingProxyType(summary["data"]),
            detectors_text=text,
            rules=summary["rules"],
            volatile=tuple(read_volatile(*each) for each in summary["volatile"]),
            stated=summary["stated"],
            named_modules=summary["named_modules"],
            unread=frozenset(summary["unread"]),
        )
        engine = start(policy, deadline_ms=deadline_ms, plan=plan)
    except BaseException:
        plan.close()
        raise
    return Change(engine, compile_detectors(text))


def _read(folders: Sequence[Path], key: Path | None, plan_fd: int) -> Any:
    module = "helm_boundary.policy.reload.read_aside"
    arguments = [str(plan_fd), str(key or ""), *map(str, folders)]
    try:
        done = subprocess.run(
            isolated.run_module(module, *arguments),
            pass_fds=(plan_fd,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=worker_environment(),
            timeout=READ_SECONDS,
            check=False,
        )
        summary = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError, OSError) as error:
        raise PolicyError(f"the policy could not be read aside: {type(error).__name__}") from None
    if "problems" in summary:
        raise PolicyError(*summary["problems"])
    return summary
