"""The decision on claims, the same for every engine of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .amounts import KINDS, NOTHING, Amounts
from .store import Claim, Place, Reserved, Short


def meet(
    claims: Sequence[Claim], found: Mapping[Place, tuple[Amounts, int]], now: int
) -> tuple[Reserved, ...] | Short:
    """Return what was used of the balances of claims, or the first claim that can't be met.

    `found` has what is used of each balance that is there, and when its first call came.
    """
    met = []
    for claim in claims:
        before, began = found.get(claim.place, (NOTHING, now))
        if claim.enforced:
            if (kind := find_short(claim, before)) is not None:
                return Short(claim, kind, claim.span.end)
            if claim.lasts is not None and now - began > claim.lasts:
                return Short(claim, "minutes", None)
        met.append(Reserved(claim, before))
    return tuple(met)


def pace(
    claims: Sequence[Claim], arrivals: Mapping[str, int], now: int
) -> list[tuple[str, int]] | Short:
    """Return when the next call of each rate may be expected, if this one may come now.

    `arrivals` are those that were noted, by scope.
    """
    paces = []
    for claim in claims:
        soonest, arrival = next_time(claim, arrivals.get(claim.scope, 0), now)
        if soonest > now and claim.enforced:
            return Short(claim, "rate", soonest)
        paces.append((claim.scope, arrival))
    return paces


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
