"""Amounts: what a call takes of a budget, in every kind that a budget may limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, Self

KINDS: Final = ("calls", "tokens", "output_tokens", "nanodollars")
"""The kinds of amounts. Money is in integers of 10^-9 dollars."""

NAMES: Final = ("calls", "tokens", "outputTokens", "nanodollars")
"""The same, as receipts name them."""

NANO: Final = 1_000_000_000
"""Nanodollars in a dollar."""


class Amounts(NamedTuple):
    """Calls, tokens (input and output), output tokens and nanodollars."""

    calls: int = 0
    tokens: int = 0
    output_tokens: int = 0
    nanodollars: int = 0

    def plus(self, other: Amounts) -> Amounts:
        """Add another amount, kind by kind."""
        a, b, c, d = self
        e, f, g, h = other
        return Amounts(a + e, b + f, c + g, d + h)

    def minus(self, other: Amounts) -> Amounts:
        """Take another amount off, kind by kind."""
        a, b, c, d = self
        e, f, g, h = other
        return Amounts(a - e, b - f, c - g, d - h)

    def named(self) -> dict[str, int]:
        """Return the amounts as receipts have them."""
        calls, tokens, output_tokens, nanodollars = self
        return {
            "calls": calls,
            "tokens": tokens,
            "outputTokens": output_tokens,
            "nanodollars": nanodollars,
        }

    @classmethod
    def of_names(cls, named: Mapping[str, int]) -> Self:
        """Read amounts as receipts have them; what isn't named is nothing."""
        return cls(*(named.get(name, 0) for name in NAMES))


NOTHING: Final = Amounts()

type Limits = tuple[int | None, int | None, int | None, int | None]
"""The most of each kind, None where there is no limit."""

NO_LIMITS: Final[Limits] = (None, None, None, None)


def first_over(limits: Limits, used: Amounts) -> str | None:
    """Name the first kind of which more is used than its limit; None where there is none."""
    for kind, limit, amount in zip(KINDS, limits, used, strict=True):
        if limit is not None and amount > limit:
            return kind
    return None


def dollars(nanodollars: int) -> float:
    """Return an amount of money in dollars, for people and for policy; never to reckon with."""
    return nanodollars / NANO
