"""Checks of a fleet's database: it answers, keeps what it is given, and its log keeps up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg

from helm_boundary.fleet.roles import BOUNDARY, KINDS, Rights
from helm_receipts.database.address import Address
from helm_receipts.database.connections import Connection, connect, said
from helm_receipts.database.migrations import applied, require_current
from helm_receipts.database.overview import progress
from helm_receipts.database.rights import granting, lacking, role, tables
from helm_receipts.database.server import look_at, require_durable
from helm_receipts.errors import ReceiptError, StateRefused

from .finding import NO, UNKNOWN, YES, Finding, judged
from .fleet_checks import look_at_fleet

_CLOCK_SECONDS = 5.0
"""How far two clocks may be apart; approvals and grants end by the clock of whoever looks."""
_CATCH_UP_SECONDS = 5.0
"""How long a log may take for what was recorded before: it is extended every second."""
_ASKED = 3

type Check = Callable[[Connection], Iterator[Finding]]


def look_at_database(
    address: Address, policies: Sequence[Path], *, is_boundarys: bool
) -> Iterator[Finding]:
    """Check a fleet's database, and what boundaries tell it, as far as it can be used.

    With `is_boundarys` the address is a boundary's own, whose role needs a boundary's rights.
    """
    looked_at, began = "the database answers", time.perf_counter()
    try:
        connection = connect(address)
    except ReceiptError as error:
        remedy = "look at the server and the way to it, or mend the address"
        yield Finding(looked_at, NO, str(error), remedy)
        return
    with connection:
        took = (time.perf_counter() - began) * 1000
        yield Finding(looked_at, YES, f"{address}, in {took:.0f} ms")
        server = list(_seen("it keeps what it commits", _look_at_server, connection))
        schema = list(_seen("its tables are this version's", _look_at_schema, connection))
        yield from server + schema
        yield from _seen("its clock is this machine's", _look_at_clock, connection)
        if all(each.answer == YES for each in server + schema):
            needed = _look_at_boundarys_rights if is_boundarys else _look_at_rights
            yield from _seen("the role may do its work", needed, connection)
            yield from _seen("the log has what was recorded", _look_at_log, connection)
            yield from look_at_fleet(address, policies)


def _seen(looked_at: str, check: Check, connection: Connection) -> Iterator[Finding]:
    """Run a check; what it can't see for a lack of rights, or of an answer, isn't known."""
    try:
        yield from check(connection)
    except StateRefused as error:
        yield Finding(looked_at, NO, *_halves(str(error)))
    except (psycopg.Error, ReceiptError) as error:
        yield Finding(looked_at, UNKNOWN, *_halves(said(error)))


def _halves(text: str) -> tuple[str, str]:
    """Split what was found from what to do, as messages have them."""
    found, _, remedy = text.partition("; ")
    return found, remedy or "look at the server's log"


def _look_at_server(connection: Connection) -> Iterator[Finding]:
    server = look_at(connection)
    require_durable(server)
    waits = server.settings["synchronous_standby_names"]
    told = f"each commit waits for {waits}" if waits else "no commit waits for another server"
    name = server.described.partition(" on ")[0]
    yield Finding("it keeps what it commits", YES, f"{name}, {told}")


def _look_at_schema(connection: Connection) -> Iterator[Finding]:
    require_current(connection)
    known = applied(connection)
    told = f"{len(known)} migrations, the last {known[max(known)][0]}"
    yield Finding("its tables are this version's", YES, told)


def _look_at_clock(connection: Connection) -> Iterator[Finding]:
    ahead, doubt = min((_ahead(connection) for _ in range(_ASKED)), key=lambda each: each[1])
    yield judged(
        abs(ahead) - doubt <= _CLOCK_SECONDS,
        "its clock is this machine's",
        f"this one is {abs(ahead):.1f} s {'ahead' if ahead >= 0 else 'behind'}",
        "set the clocks, and see that they are kept (timedatectl, chrony)",
    )


def _ahead(connection: Connection) -> tuple[float, float]:
    """Return by how many seconds this clock is ahead of the server's, and the doubt of that."""
    before = time.time()
    there = _one(connection, "SELECT extract(epoch FROM clock_timestamp())::float")
    after = time.time()
    return (before + after) / 2 - float(there), (after - before) / 2


def _look_at_boundarys_rights(connection: Connection) -> Iterator[Finding]:
    yield _rights(connection, {"a boundary": BOUNDARY})


def _look_at_rights(connection: Connection) -> Iterator[Finding]:
    """Tell what a role is for by what it may change; of that it must have all."""
    yield _rights(connection, {k: v for k, v in KINDS.items() if _may_change(connection, k)})


def _rights(connection: Connection, kinds: dict[str, Rights]) -> Finding:
    reading = dict.fromkeys(tables(connection), ("SELECT",))
    for who, needed in {"whoever reads": reading, **kinds}.items():
        for name, kind in lacking(connection, needed):
            return Finding(
                "the role may do its work",
                NO,
                f"{role(connection)} can't {kind} on {name}, which {who} needs",
                f"run as the owner: {granting(role(connection), name, kind)}",
            )
    told = f"{role(connection)} has all that is needed by {', '.join(kinds) or 'whoever reads'}"
    return Finding("the role may do its work", YES, told)


def _may_change(connection: Connection, who: str) -> bool:
    """Tell whether a role may change anything that only those of one kind change."""
    others = {name for kind, needed in KINDS.items() if kind != who for name in needed}
    changes = {
        name: tuple(kind for kind in kinds if kind != "SELECT")
        for name, kinds in KINDS[who].items()
        if name not in others
    }
    return len(lacking(connection, changes)) < sum(map(len, changes.values()))


def _look_at_log(connection: Connection) -> Iterator[Finding]:
    began, until = progress(connection), time.monotonic() + _CATCH_UP_SECONDS
    recorded, found = began["receipts"], began
    while found["published"] < recorded and time.monotonic() < until:
        time.sleep(0.25)
        found = progress(connection)
    behind = max(0, recorded - found["published"])
    ago = found["published_seconds_ago"]
    when = "never yet" if ago is None else f"{ago} s ago"
    yield judged(
        not behind or found["published"] > began["published"],
        "the log has what was recorded",
        f"{behind} of {recorded} receipts are to come, its last checkpoint was signed {when}; "
        f"{found.get('lease log', 'nobody')} keeps it up",
        "see that a log service runs (helm-boundary log serve), and what it says",
    )


def _one(connection: Connection, question: str) -> Any:
    row = connection.execute(question.encode()).fetchone()
    return row[0] if row else None
