"""The decision on one claim, the same for every engine of the store."""

from __future__ import annotations

from .amounts import KINDS, Amounts
from .store import Claim


def find_short(claim: Claim, used: Amounts) -> str | None:
    """Name the first kind that a claim asks more of than is left; None where it can be met.

    A kind of which it asks nothing isn't missing, whatever is owed.
    """
    for kind, limit, amount, before in zip(KINDS, claim.limits, claim.amounts, used, strict=True):
        if limit is not None and amount and before + amount > limit:
            return kind
    return None


def next_time(claim: Claim, arrival: int, now: int) -> tuple[int, int]:
    """Return when a call may come at the soonest, and the arrival time that is noted if it does.

    The generic cell rate algorithm (ITU-T I.371): `arrival` is the theoretical one, 0 at first.
    A clock that was set back must not keep everybody waiting, so what is too far ahead is cut.
    """
    rate = claim.rate
    if rate is None:
        return now, now
    allowance = rate.interval * (rate.burst - 1)
    expected = min(max(arrival, now), now + allowance + rate.interval)
    return expected - allowance, expected + rate.interval
