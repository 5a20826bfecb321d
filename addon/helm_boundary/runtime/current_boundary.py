"""The boundary that runs now, held in one place for everything that asks for it again each time."""

from __future__ import annotations

from .observation import Observation
from .options import Config
from .startup import Running, start


class CurrentBoundary:
    """Holds the boundary that new calls are judged by.

    There is none before the start and after the end; a changed policy puts another in its place.
    """

    def __init__(self) -> None:
        self._running: Running | None = None
        self._other_modes: list[Running] = []
        """Those whose calls may still wait for a person, of before the mode was changed."""

        self.observation: Observation | None = None
        """Why verdicts are only written down for a time, where somebody has said so."""

    @property
    def running(self) -> Running | None:
        """The boundary that runs now, or None."""
        return self._running

    def start(self, config: Config) -> None:
        """Start a boundary, the first; raises as `start` does."""
        self._running = start(config)

    def replace(self, running: Running) -> None:
        """Judge new calls by another boundary; what waits for a person asks about the old one."""
        for each in (*self._other_modes, self._running):
            if each is not None:
                each.boundary.desk.supersede()
        self._other_modes.clear()
        self._running = running

    def swap(self, running: Running) -> None:
        """Judge new calls by the same policy with other settings; what waits goes on waiting."""
        if self._running is not None:
            self._other_modes.append(self._running)
        self._running = running

    def stop_waiting(self) -> None:
        """End every wait for a person."""
        for running in (*self._other_modes, self._running):
            if running is not None:
                running.boundary.desk.stop()

    def close(self) -> None:
        """Judge nothing more, and end the boundary with a receipt that says so."""
        running, self._running = self._running, None
        if running is not None:
            running.close()
