"""Processes beside a running boundary: the page, metrics, traces. None costs a call anything."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from helm_boundary.runtime.current_boundary import CurrentBoundary
from helm_boundary.runtime.extras import Extras
from helm_boundary.runtime.options import Config
from helm_boundary.runtime.priority import lower_priority
from helm_boundary.runtime.process_place import Place
from helm_boundary.telemetry.feed import Feed
from helm_receipts.storage import isolated

logger = logging.getLogger(__name__)

_QUIET_SECONDS = 10.0

_KEPT = (
    "HELM_PINS", "HELM_PAGE_TOKEN", "HELM_DECISION_LOGS_TOKEN", "USER", "LOGNAME",
    "XDG_CONFIG_HOME", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
_KEPT_BEGINNINGS = ("OTEL_", "PG")


@dataclass(frozen=True, slots=True)
class Companion:
    """A command of ours that runs beside the boundary, by its name, with these arguments."""

    name: str
    arguments: tuple[str, ...] = ()
    feed: Feed | None = None
    """Where it is told of calls; else it is told nothing."""

    def start(self, config: Config) -> subprocess.Popen[bytes]:
        """Start it; it ends when its standard input does. Raises OSError."""
        process = subprocess.Popen(
            isolated.run_module("helm_boundary", self.name, "--with-parent", *self.arguments),
            stdin=self.feed.theirs.fileno() if self.feed else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(config),
            start_new_session=True,  # a Ctrl-C ends the boundary, which ends these
        )
        lower_priority(process.pid)
        return process


def wanted(extras: Extras, place: Place | None = None) -> Iterator[Companion]:
    """Yield what the options ask for; nothing by default.

    Of several processes the first one has what follows the state folder, for all of them.
    """
    if extras.telemetry:
        yield Companion("telemetry", feed=Feed())
    if place is not None and place.number != 1:
        return
    if extras.page:
        yield Companion("page", ("--listen", extras.page))
    if extras.metrics:
        yield Companion("metrics", ("--listen", extras.metrics))
    if extras.decision_logs:
        yield Companion("decision-logs", ("--to", extras.decision_logs))


class Companions:
    """The part of the addon that starts those processes, and ends them with the boundary."""

    name = "helmboundarycompanions"

    def __init__(self, config: Callable[[], Config | None], current: CurrentBoundary) -> None:
        self._config = config
        self._current = current
        self._running: list[tuple[Companion, subprocess.Popen[bytes]]] = []
        self._ending = False

    def running(self) -> None:
        """Start them."""
        config = self._config()
        if config is None or self._running:
            return
        for companion in wanted(config.extras, Place.own()):
            try:
                process = companion.start(config)
            except OSError as error:
                logger.error("helm-boundary: %s can't be started: %s", companion.name, error)
                continue
            self._running.append((companion, process))
            self._listen(companion)
            threading.Thread(target=self._follow, args=(companion, process), daemon=True).start()

    def done(self) -> None:
        """End them: each ends with its standard input, also where nobody could say so."""
        self._ending = True
        for companion, process in self._running:
            if companion.feed is not None:
                companion.feed.close()
            if process.stdin is not None:
                process.stdin.close()

    def _listen(self, companion: Companion) -> None:
        """Have calls told to one that wants to be."""
        if companion.feed is not None:
            companion.feed.theirs.close()  # it is the process's now, which would never see its end
            if self._current.running is not None:
                self._current.running.boundary.observer = companion.feed

    def _follow(self, companion: Companion, process: subprocess.Popen[bytes]) -> None:
        """Pass on where it listens, and say when it has ended."""
        assert process.stdout is not None  # noqa: S101 - asked for in `start`
        assert process.stderr is not None  # noqa: S101 - asked for in `start`
        listener = threading.Thread(
            target=_pass_on, args=(companion.name, process.stderr), daemon=True
        )
        listener.start()
        with contextlib.suppress(ValueError, OSError):  # closed under our hands
            for line in process.stdout:
                print(f"  {companion.name:<9} {line.decode().split()[-1]}", flush=True)
        listener.join()
        process.wait()
        if not self._ending:
            logger.error("helm-boundary: %s has ended", companion.name)


def _pass_on(name: str, stream: IO[bytes]) -> None:
    """Log what a process complains of, but not again and again."""
    said_at = -_QUIET_SECONDS
    with contextlib.suppress(ValueError, OSError):
        for line in stream:
            text = line.decode(errors="replace").strip().removeprefix("helm-boundary: ")
            if text and time.monotonic() - said_at >= _QUIET_SECONDS:
                said_at = time.monotonic()
                logger.warning("helm-boundary: %s: %s", name, text)


def _environment(config: Config) -> dict[str, str]:
    """Return what it needs; a database's address may have a password, so it is no argument."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.startswith(_KEPT_BEGINNINGS)
    }
    state = str(config.state) if config.database is None else config.database.text
    own = {"HELM_STATE": state, "HELM_FOLDER": str(config.state)}
    return isolated.bare_environment() | kept | own
