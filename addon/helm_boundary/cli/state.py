"""`helm-boundary state migrate | status`: the database that holds a fleet's state.

Exit codes: 0 yes, 1 no (it can't be used as it is), 2 usage or I/O.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from helm_receipts.database.address import Address, is_address, missing_library
from helm_receipts.errors import ReceiptError, StateRefused

from .exits import NO, YES, CommandError, ending_on
from .state_options import json_option

if TYPE_CHECKING:
    from helm_boundary.fleet.boundary_rows import Seen
    from helm_receipts.database.connections import Connection
    from helm_receipts.database.overview import Overview

type Command = Callable[..., Any]


class DatabaseAddress(click.ParamType[Address]):
    """A database's address."""

    name = "postgresql://…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the address."""
        if isinstance(value, Address):
            return value
        if not is_address(value):
            self.fail("expected postgresql://HOST/DATABASE; a folder needs no such command")
        if (why := missing_library()) is not None:
            self.fail(why)
        try:
            return Address(value)
        except StateRefused as error:
            self.fail(str(error))


def database_option[C: Command](command: C) -> C:
    """Add `--state postgresql://…`, also from HELM_STATE."""
    option = click.option(
        "--state",
        "address",
        envvar="HELM_STATE",
        type=DatabaseAddress(),
        required=True,
        help="The database, as postgresql://HOST/DATABASE; libpq's PG* variables count too.",
    )
    return option(command)


@contextmanager
def connected(address: Address) -> Iterator[Connection]:
    """Connect for a command, and end it where the database refuses."""
    from helm_receipts.database.connections import connect, unavailable

    with ending_on(ReceiptError), unavailable(address), connect(address) as connection:
        yield connection


@click.group()
def state() -> None:
    """Prepare a database for a fleet's state, and look at it.

    A state folder needs neither.
    """


@state.command()
@database_option
def migrate(address: Address) -> None:
    """Create or upgrade the tables.

    Run it once before the first boundary, and before a new version's. Two at a time do no harm.
    Needs a user who may create tables; boundaries themselves don't.
    """
    from helm_receipts.database.migrations import migrate as apply
    from helm_receipts.database.server import look_at, require_durable

    with connected(address) as connection:
        try:
            require_durable(look_at(connection))
            count = apply(connection, lambda each: click.echo(f"applied {each.name}"))
        except StateRefused as error:
            raise CommandError(str(error), NO) from error
    click.echo(f"{count} migrations applied" if count else "nothing to apply")


@state.command()
@database_option
@json_option
def status(address: Address, as_json: bool) -> None:
    """Show the server, the schema, who writes, and who runs what.

    Exit code 1 where boundaries couldn't use the database as it is.
    """
    from helm_receipts.database.overview import look_over

    with connected(address) as connection:
        found = look_over(connection)
    known = [] if found.refusal else _known(address)
    if as_json:
        told = [{"boundary": each.name, **_told(each)} for each in known]
        click.echo(json.dumps(found.as_value() | {"boundaries": told}))
    else:
        rows = [(f"boundary {each.name}", _line(each)) for each in known]
        rows += _different_authorities(known)
        _print(address, found, rows)
    raise SystemExit(NO if found.refusal else YES)


def _known(address: Address) -> list[Seen]:
    from helm_boundary.fleet.boundary_rows import BoundaryRows

    with ending_on(ReceiptError):
        return BoundaryRows(address).known()


def _told(seen: Seen) -> dict[str, Any]:
    names = ("policy_digest", "policy_uri", "mode", "version", "writer", "ca_digest", "open_calls")
    return {name: seen.health[name] for name in names} | {"seen_seconds_ago": round(seen.age, 1)}


def _line(seen: Seen) -> str:
    told = _told(seen)
    return (
        f"policy {told['policy_digest'][:12]} of {told['policy_uri']}, {told['mode']}, version "
        f"{told['version']}, authority {told['ca_digest'][:12]}, writer {told['writer']}, seen "
        f"{told['seen_seconds_ago']} s ago"
    )


def _different_authorities(known: list[Seen]) -> Iterator[tuple[str, str]]:
    """Say that boundaries which run have different authorities: clients trust one."""
    from helm_boundary.fleet.boundary_rows import SEEN_SECONDS

    found = {each.health["ca_digest"] for each in known if each.age < SEEN_SECONDS} - {""}
    if len(found) > 1:
        yield (
            "authorities",
            (
                f"{len(found)} different ones: clients trust one; give all boundaries the same "
                "with --set confdir, from one secret"
            ),
        )


def _print(address: Address, found: Overview, running: list[tuple[str, str]]) -> None:
    rows = [("database", str(address)), ("server", found.server), *found.figures.items(), *running]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        click.echo(f"{name:<{width}}  {value}")
    if found.refusal:
        click.echo(f"{'REFUSED':<{width}}  {found.refusal}")
