"""Migrations: numbered SQL files, each applied once and whole, by one process at a time.

0001-0009 receipts and the log   0010-0019 approvals   0020-0029 budgets   0030-0039 the fleet
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import psycopg
from psycopg import errors

from helm_receipts.errors import StateRefused

from .leases import Lease, give_back, require, take_lease

_LEASE = "migrations"
_LEASE_SECONDS = 60.0
_RETRY_SECONDS = 0.2
_TRIES = 5

_BOOTSTRAP = """
CREATE SCHEMA IF NOT EXISTS helm_boundary;
CREATE TABLE IF NOT EXISTS helm_boundary.leases (
    name text PRIMARY KEY,
    holder text NOT NULL,
    fence bigint NOT NULL,
    held_until timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS helm_boundary.migrations (
    number int PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""
_RACES = (errors.UniqueViolation, errors.DuplicateSchema, errors.DuplicateTable)


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema: its number, its file's name and what it does."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """The digest by which a changed file is noticed."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def all_migrations() -> list[Migration]:
    """List the migrations that this version knows, in order."""
    return sorted(_read(), key=lambda each: each.number)


def applied(connection: psycopg.Connection[Any]) -> dict[int, tuple[str, str]]:
    """Return the name and digest of each migration that was applied, by number."""
    if not _exists(connection):
        return {}
    rows = connection.execute("SELECT number, name, sha256 FROM helm_boundary.migrations")
    return {number: (name, digest) for number, name, digest in rows}


def pending(connection: psycopg.Connection[Any]) -> list[Migration]:
    """List what has yet to be applied; `StateRefused` for a schema that isn't this version's."""
    known = applied(connection)
    ours = all_migrations()
    for each in ours:
        if each.number in known and known[each.number][1] != each.sha256:
            raise StateRefused(
                f"expected migration {each.name} as this version has it, found that another text "
                "of it was applied; use the version that the database was migrated with"
            )
    if newer := sorted(set(known) - {each.number for each in ours}):
        raise StateRefused(
            f"expected a schema of this version, found migration {known[newer[-1]][0]} of a newer "
            "one; install that version here too"
        )
    return [each for each in ours if each.number not in known]


def require_current(connection: psycopg.Connection[Any]) -> None:
    """Require every migration; `StateRefused` names the command that applies them."""
    if missing := pending(connection):
        raise StateRefused(
            f"expected a migrated database, found that {missing[0].name} "
            f"{'and others have' if missing[1:] else 'has'} yet to be applied; run "
            "`helm-boundary state migrate --state ADDRESS` once, as a user who may create tables"
        )


def migrate(
    connection: psycopg.Connection[Any], tell: Callable[[Migration], None] = lambda _each: None
) -> int:
    """Apply what is pending; returns how many migrations that was. Safe to run twice at once."""
    _bootstrap(connection)
    while (lease := take_lease(connection, _LEASE, _LEASE_SECONDS)) is None:
        if not pending(connection):
            return 0
        time.sleep(_RETRY_SECONDS)
    try:
        waiting = pending(connection)
        for each in waiting:
            _apply(connection, lease, each)
            tell(each)
        return len(waiting)
    finally:
        if not connection.closed:
            give_back(connection, lease)


def _apply(connection: psycopg.Connection[Any], lease: Lease, migration: Migration) -> None:
    with connection.transaction():
        require(connection, lease)
        connection.execute(migration.sql.encode())
        connection.execute(
            "INSERT INTO helm_boundary.migrations (number, name, sha256) VALUES (%s, %s, %s)",
            (migration.number, migration.name, migration.sha256),
        )


def _bootstrap(connection: psycopg.Connection[Any]) -> None:
    """Make what migrations are kept in. Two that do so at once get in each other's way once."""
    for left in reversed(range(_TRIES)):
        try:
            if not _exists(connection):
                with connection.transaction():
                    connection.execute(_BOOTSTRAP.encode())
            return
        except _RACES:
            if not left:
                raise
            time.sleep(_RETRY_SECONDS)


def _exists(connection: psycopg.Connection[Any]) -> bool:
    found = connection.execute("SELECT to_regclass('helm_boundary.migrations') IS NOT NULL")
    return found.fetchone() == (True,)


def _read() -> Iterator[Migration]:
    for file in files(__package__).joinpath("schema").iterdir():
        number, _, _ = file.name.partition("_")
        if file.name.endswith(".sql") and number.isdecimal():
            yield Migration(int(number), file.name.removesuffix(".sql"), file.read_text("utf-8"))
