"""How long the events of a stream took to come, each after the one before, counted up by length.

A stream may have any number of them, and whoever is told of a call gets no more for that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

SHORTEST: Final = 10_000_000
"""Nanoseconds that the first bucket goes up to; each of the others goes up to twice as many."""
BUCKETS: Final = 15
"""The last one has no bound."""


@dataclass(slots=True)
class ChunkTimes:
    """Counts and sums (nanoseconds) of the times between events, by bucket."""

    last: int
    counts: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    sums: list[int] = field(default_factory=lambda: [0] * BUCKETS)

    def add(self, now: int) -> None:
        """Add an event that comes now (nanoseconds since 1970)."""
        took, self.last = max(0, now - self.last), now
        at = min((max(0, took - 1) // SHORTEST).bit_length(), BUCKETS - 1)
        self.counts[at] += 1
        self.sums[at] += took

    def told(self) -> list[tuple[int, int]]:
        """Return how many fell into each bucket that has any, and how long they took together."""
        return [pair for pair in zip(self.counts, self.sums, strict=True) if pair[0]]
