"""The page beside a running boundary: a process of its own, so that it costs no call anything."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable

from helm_boundary.runtime.options import Config
from helm_receipts.storage import isolated

logger = logging.getLogger(__name__)

_KEPT = ("HELM_PINS", "HELM_PAGE_TOKEN", "USER", "LOGNAME", "XDG_CONFIG_HOME", "TZ")


class PageProcess:
    """The part of the addon that starts the page where `helm_page` says so, and ends it."""

    name = "helmboundarypage"

    def __init__(self, config: Callable[[], Config | None]) -> None:
        self._config = config
        self._following: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None

    def running(self) -> None:
        """Start it."""
        config = self._config()
        if config is not None and config.page and self._following is None:
            self._following = asyncio.get_running_loop().create_task(self._follow(config))

    def done(self) -> None:
        """End it: it ends with its standard input, also where nobody could say so."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        if self._following is not None:
            self._following.cancel()

    async def _follow(self, config: Config) -> None:
        command = isolated.run_module(
            "helm_boundary", "page", "--state", str(config.state), "--listen", config.page,
            "--with-parent",
        )  # fmt: skip
        self._process = process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=isolated.bare_environment()
            | {name: os.environ[name] for name in _KEPT if name in os.environ},
            start_new_session=True,  # a Ctrl-C ends the boundary, which ends the page
        )
        assert process.stdout is not None  # noqa: S101 - asked for above
        assert process.stderr is not None  # noqa: S101 - asked for above
        first = await process.stdout.readline()
        if first:
            print(f"  page      {first.decode().split()[-1]}", flush=True)
        said = b""
        with contextlib.suppress(ValueError):  # a line longer than is read at once
            while line := await process.stderr.readline():
                said = line
        logger.error("helm-boundary: the page has ended: %s", said.decode(errors="replace").strip())
