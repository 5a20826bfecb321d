"""Leases: rows that say which process may do something now, and until when by the server's clock.

Each new holder gets a higher fencing number. Whoever writes under a lease says its number within
the same transaction (`require`): one that has lost the lease without noticing can't write any more.
"""

import os
import socket
from dataclasses import dataclass
from typing import Any

import psycopg

from .errors import LeaseLost

_TAKE = """
INSERT INTO helm_boundary.leases AS lease (name, holder, fence, held_until)
VALUES (%(name)s, %(holder)s, 1, now() + make_interval(secs => %(seconds)s))
ON CONFLICT (name) DO UPDATE
SET holder = excluded.holder, fence = lease.fence + 1, held_until = excluded.held_until
WHERE lease.held_until < now()
RETURNING fence
"""
_RENEW = """
UPDATE helm_boundary.leases SET held_until = now() + make_interval(secs => %(seconds)s)
WHERE name = %(name)s AND fence = %(fence)s
"""
_GIVE_BACK = """
UPDATE helm_boundary.leases SET held_until = to_timestamp(0)
WHERE name = %(name)s AND fence = %(fence)s
"""
_REQUIRE = """
SELECT 1 FROM helm_boundary.leases WHERE name = %(name)s AND fence = %(fence)s FOR UPDATE
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that this process has taken; `fence` is its number."""

    name: str
    fence: int


def take_lease(connection: psycopg.Connection[Any], name: str, seconds: float) -> Lease | None:
    """Take a lease that nobody holds, for so long; None where somebody holds it."""
    values = {"name": name, "holder": holder(), "seconds": seconds}
    found = connection.execute(_TAKE, values).fetchone()
    return Lease(name, found[0]) if found else None


def renew_lease(connection: psycopg.Connection[Any], lease: Lease, seconds: float) -> None:
    """Hold a lease for so long from now on; `LeaseLost` where somebody else has it."""
    values = {"name": lease.name, "fence": lease.fence, "seconds": seconds}
    if not connection.execute(_RENEW, values).rowcount:
        raise _lost(lease)


def give_back(connection: psycopg.Connection[Any], lease: Lease) -> None:
    """Let somebody else take a lease at once."""
    connection.execute(_GIVE_BACK, {"name": lease.name, "fence": lease.fence})


def require(connection: psycopg.Connection[Any], lease: Lease) -> None:
    """Require a lease for the rest of a transaction; `LeaseLost` where somebody else has it."""
    values = {"name": lease.name, "fence": lease.fence}
    if connection.execute(_REQUIRE, values).fetchone() is None:
        raise _lost(lease)


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(
        f"expected to hold the lease {lease.name!r} with number {lease.fence}, found that another "
        "process has taken it"
    )


def holder() -> str:
    """Name this process, for people who look at the table."""
    return f"{socket.gethostname()}:{os.getpid()}"
