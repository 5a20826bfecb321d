"""Checks of a fleet by what its boundaries tell the database: seen lately, and all alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from helm_boundary.fleet.boundary_rows import SEEN_SECONDS, BoundaryRows, Seen
from helm_boundary.runtime.health import Health
from helm_receipts.database.address import Address
from helm_receipts.errors import ReceiptError

from .boundary_checks import look_at_policy
from .finding import NO, UNKNOWN, Finding, judged

_SHOWN = 12
_NAMED = 8


def look_at_fleet(address: Address, policies: Sequence[Path]) -> Iterator[Finding]:
    """Check that boundaries run on a database, enforce, and have one policy and one authority."""
    looked_at = "boundaries were seen lately"
    try:
        known = BoundaryRows(address).known()
    except ReceiptError as error:
        found, _, remedy = str(error).partition("; ")
        yield Finding(looked_at, UNKNOWN, found, remedy or "look at the server's log")
        return
    running = [each for each in known if each.age < SEEN_SECONDS]
    gone = [each for each in known if each.age >= SEEN_SECONDS]
    told = f"{len(running)}: {_ages(running)}" if running else "none"
    if gone:  # whoever took their place is among those that run
        told += f"; not lately: {_ages(gone)}"
    remedy = "start boundaries, or see why they don't reach the database"
    yield judged(bool(running), looked_at, told, remedy)
    if running:
        yield _alike(
            "they run the same policy",
            running,
            lambda one: f"{one.policy_digest[:_SHOWN]}… of {one.policy_uri}",
            "give all boundaries the same policy, and reload or restart those that have another",
        )
        if policies:
            yield look_at_policy(Health.from_json(running[0].health), policies)
        yield _enforcing(running)
        yield _alike(
            "all boundaries have one authority",
            running,
            lambda one: f"{one.ca_digest[:_SHOWN]}…",
            "give all the same with --set confdir, from one secret; clients trust one authority",
        )


def _alike(
    looked_at: str, running: Sequence[Seen], tell: Callable[[Health], str], remedy: str
) -> Finding:
    groups = defaultdict[str, list[str]](list)
    for each in running:
        groups[tell(Health.from_json(each.health))].append(each.name)
    if len(groups) == 1:
        return judged(True, looked_at, next(iter(groups)), "")
    told = "; ".join(f"{what} on {_few(names)}" for what, names in groups.items())
    return Finding(looked_at, NO, told, remedy)


def _enforcing(running: Sequence[Seen]) -> Finding:
    idle = [each.name for each in running if each.health["mode"] != "enforce"]
    return judged(
        not idle,
        "their verdicts take effect",
        f"not on {_few(idle)}" if idle else "helm_mode is enforce",
        "end what was ordered with `helm-boundary observe --end`, or restart them with "
        "--set helm_mode=enforce",
    )


def _ages(seen: Sequence[Seen]) -> str:
    return _few([f"{each.name} {each.age:.0f} s ago" for each in seen])


def _few(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
