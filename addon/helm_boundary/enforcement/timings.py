"""How long the boundary's own steps took, counted up for whoever measures it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

BOUNDS = (
    50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3,
)  # fmt: skip
"""Upper bounds of the buckets, in seconds; what took longer is in one more bucket."""

WHOLE = {"request receipt": "request", "response receipt": "response"}
"""The last step of a request and of an answer: all of its steps together are counted then."""


class Timings:
    """Counts of steps by how long they took, a histogram for each step."""

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def note(self, step: str, seconds: float, all_seconds: Mapping[str, float]) -> None:
        """Count a step; `all_seconds` are those of the call so far, by step."""
        self._count(step, seconds)
        if (whole := WHOLE.get(step)) is not None:
            took = (each for name, each in all_seconds.items() if name.startswith(whole))
            self._count(whole, sum(took))

    def told(self) -> dict[str, list[float]]:
        """Return each step's counts by bucket, and behind them the sum of its seconds."""
        return {step: [*counts, self._sums[step]] for step, counts in self._counts.items()}

    def _count(self, step: str, seconds: float) -> None:
        counts = self._counts.get(step)
        if counts is None:
            counts = self._counts[step] = [0] * (len(BOUNDS) + 1)
            self._sums[step] = 0.0
        counts[bisect_left(BOUNDS, seconds)] += 1
        self._sums[step] += seconds
