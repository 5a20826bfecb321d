"""All checks, in the order in which a person would look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from helm_boundary.runtime.health import Health, running_boundaries
from helm_receipts.database.address import Address
from helm_receipts.errors import StateRefused
from helm_receipts.storage.ownership import keepers_of

from .boundary_checks import (
    look_at_authorities,
    look_at_boundary,
    look_at_hosts,
    look_at_policy,
    look_at_room,
)
from .environment_checks import (
    look_at_company_roots,
    look_at_exceptions,
    look_at_trust,
    proxy_for,
)
from .finding import NO, UNKNOWN, Finding
from .key_checks import look_at_keys
from .route_checks import look_at_routes, targets
from .state_checks import look_at_clock, look_at_journal, look_at_lifetime, look_at_ownership


def diagnose(
    state: Path | None,
    policies: Sequence[Path],
    environment: Mapping[str, str],
    peers: Sequence[str] = (),
    database: Address | None = None,
) -> Iterator[Finding]:
    """Run every check; those that need a boundary are left out where none runs.

    With a fleet's `database` that is looked at first; and then this machine, if there is a `state`,
    the folder of its boundary.
    """
    if database is not None:
        from .database_checks import look_at_database  # nothing of it is imported otherwise

        yield from look_at_database(database, policies, is_boundarys=state is not None)
    if state is not None:
        yield from _diagnose_machine(state, policies, environment, peers, database)


def _diagnose_machine(
    state: Path,
    policies: Sequence[Path],
    environment: Mapping[str, str],
    peers: Sequence[str],
    database: Address | None,
) -> Iterator[Finding]:
    health = None
    try:
        health = best(state)
        yield from look_at_boundary(state, health)
    except StateRefused as error:
        yield Finding("a boundary is up", NO, str(error), "remove it, and start one")
    if health is not None:
        yield look_at_policy(health, policies)
        yield look_at_hosts(health)
        yield look_at_room(health)
        fleet = list(running_boundaries(state, keepers_of(state)))
        if len(fleet) + len(peers) > 1:
            yield look_at_authorities(fleet, peers)
    yield from look_at_ownership(state, health)
    yield look_at_journal(state)
    yield from look_at_keys(state)
    if database is None:  # else the receipts, and the clock that counts, are there
        yield from look_at_clock(state, health)
    elif health is not None:
        yield look_at_lifetime(health)
    if health is not None:
        yield from look_at_trust(health, environment)
        yield look_at_company_roots(health, environment)
        governed = targets(health.hosts, environment)
        yield look_at_exceptions(governed, environment)
        ways = {target: proxy_for(target, environment) for target in governed}
        yield from look_at_routes(health, ways)


def best(state: Path) -> Health | None:
    """Return the boundary that runs on a state folder: a ready one, if there is any.

    Raises:
        StateRefused: a process of somebody else's answers there.
    """
    found = sorted(running_boundaries(state, keepers_of(state)), key=lambda one: not one.ready)
    return found[0] if found else None


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 1 when anything is NO, else 3 when anything is UNKNOWN, else 0."""
    answers = {finding.answer for finding in findings}
    return 1 if NO in answers else 3 if UNKNOWN in answers else 0
