"""The prices of one model, and what a call costs by them.

Whatever is a price here is an integer of 10^-9 dollars for a million tokens, so that no float ever
counts money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from .amounts import NANO
from .usage import Used

MILLION: Final = 1_000_000
MOST: Final = 100_000 * NANO
"""Nanodollars that one call may cost: no sum of them is ever more than receipts can say."""


class Rate(NamedTuple):
    """A price that may be another above some number of input tokens; nanodollars a million."""

    base: int
    tiers: tuple[tuple[int, int], ...] = ()

    def at(self, input_tokens: int) -> int:
        """Return the price where a call has so many input tokens, which holds for all of them."""
        found = self.base
        for start, price in self.tiers:
            if input_tokens > start:
                found = price
        return found


FREE: Final = Rate(0)


@dataclass(frozen=True, slots=True)
class Rates:
    """The prices of one model; what has none of its own costs as much as what it is a part of."""

    input: Rate
    output: Rate
    cached: Rate | None = None
    cache_write: Rate | None = None
    input_audio: Rate | None = None
    output_audio: Rate | None = None
    cache_write_1h: Rate | None = None
    input_image: Rate | None = None
    output_image: Rate | None = None
    call: int = 0
    """Nanodollars a call, whatever it uses."""
    search: int = 0
    """Nanodollars a search of the web."""
    tiers: Mapping[str, Rates] = field(default_factory=dict)
    """Prices on other terms, where data has them."""

    def cost(self, used: Used) -> int:
        """Return what tokens cost, in nanodollars, rounded up."""
        if used.is_plain:  # nearly always
            price, of_output = self.input.at(used.input), self.output.at(used.input)
            whole = used.input * price + used.output * of_output
            return min(-(-whole // MILLION) + self.call, MOST)
        apart = used.cached + used.cache_write + used.input_audio + used.input_image
        written = self.cache_write or self.input
        parts = (
            (max(0, used.input - apart), self.input),
            (used.cached, self.cached or self.input),
            (used.cache_write - used.cache_write_1h, written),
            (used.cache_write_1h, self.cache_write_1h or written),
            (used.input_audio, self.input_audio or self.input),
            (used.input_image, self.input_image or self.input),
            (max(0, used.output - used.output_audio - used.output_image), self.output),
            (used.output_audio, self.output_audio or self.output),
            (used.output_image, self.output_image or self.output),
        )
        whole = sum(count * rate.at(used.input) for count, rate in parts)
        return min(-(-whole // MILLION) + self.call + used.searches * self.search, MOST)
