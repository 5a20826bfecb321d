"""Connections to the database, on which no statement takes longer than its deadline.

The deadline is this side's: the server's own `statement_timeout` ends the wait for a replica with
a success, and is a setting of a session, which a pooler may hand to somebody else. A connection
whose deadline has passed is closed, and whoever used it doesn't know what became of the statement.

Nothing here is of a session: no settings, no prepared statements, no advisory locks, no NOTIFY. So
a pooler in between may hand out its connections for each transaction.
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from psycopg import errors
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from .address import Address
from .errors import StateUnavailable

DEADLINE_SECONDS = 5.0
"""How long a statement may take where nobody says otherwise."""
_CONNECT_SECONDS = 5
_LOOK_SECONDS = 0.05
_GRANT = "grant the role what docs/operations.md lists under Rights, or name another one"
_NOT_REPLICATED = ("synchronous replication", "might not have been replicated")

type Row = tuple[Any, ...]


class DeadlinePassed(psycopg.OperationalError):
    """A statement took longer than it may; what became of it isn't known."""


class NotReplicated(psycopg.OperationalError):
    """A transaction was committed here, but the server gave up waiting for its replica."""


class Connection(psycopg.Connection[TupleRow]):
    """A connection whose every statement has a deadline, in autocommit mode."""

    deadline_seconds: float = DEADLINE_SECONDS

    def wait(self, gen: Any, interval: float = _LOOK_SECONDS, *_timeout: Any) -> Any:
        """Do what psycopg does, for so long."""
        try:
            return super().wait(_until(gen, self.deadline_seconds), interval)
        except DeadlinePassed:
            self.pgconn.finish()
            raise


def connect(address: Address, deadline_seconds: float = DEADLINE_SECONDS) -> Connection:
    """Connect, for one thread; `StateUnavailable` where that can't be done.

    The connection is in autocommit mode; `with connection.transaction():` makes a transaction.
    """
    with unavailable(address):
        connection = Connection.connect(address.text, **settings(address, deadline_seconds))
    connection.deadline_seconds = deadline_seconds
    return connection


def open_pool(
    address: Address, most: int = 4, deadline_seconds: float = DEADLINE_SECONDS
) -> ConnectionPool[Connection]:
    """Open a pool of connections for threads; it connects when one is first asked for."""

    def configure(connection: Connection) -> None:
        connection.deadline_seconds = deadline_seconds

    return ConnectionPool(
        address.text,
        connection_class=Connection,
        kwargs=settings(address, deadline_seconds),
        min_size=0,
        max_size=most,
        timeout=deadline_seconds,
        configure=configure,
        check=_require_open,
        open=True,
    )


def has_ended(connection: Connection) -> bool:
    """Tell whether the server has ended a connection on which nothing is under way.

    It asks nobody: what has come is looked at, as by a server that was stopped and started again.
    Without that the first statement for each idle connection would fail.
    """
    try:
        connection.pgconn.consume_input()  # its last words
        connection.pgconn.consume_input()  # and its end
    except psycopg.Error:
        connection.close()
    return connection.closed


@contextmanager
def unavailable(address: Address) -> Iterator[None]:
    """Raise what the database or the way to it refuses as `StateUnavailable`."""
    try:
        yield
    except psycopg.Error as error:
        raise StateUnavailable(f"{address}: {said(error)}") from error


def said(error: BaseException) -> str:
    """Return what an error says, in one line."""
    first, *rest = str(error).strip().splitlines() or [type(error).__name__]
    text = " ".join([first, *(line.strip() for line in rest if "Is the server" not in line)])
    return f"{text}; {_GRANT}" if isinstance(error, errors.InsufficientPrivilege) else text


def settings(address: Address, seconds: float) -> dict[str, Any]:
    """Return what every connection is made with, but for what the address sets itself.

    `seconds` is how long it may take to reach one of the hosts, within what libpq allows.
    """
    ours: dict[str, Any] = {
        "application_name": "helm-boundary",
        "connect_timeout": max(2, min(_CONNECT_SECONDS, round(seconds))),
        # Of several hosts the one that takes writes; after a failover that is another one.
        "target_session_attrs": "read-write",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    }
    kept = {name: value for name, value in ours.items() if name not in address.settings}
    return kept | {"autocommit": True, "prepare_threshold": None}


@contextmanager
def replicated(
    connection: psycopg.Connection[Any],
) -> Iterator[None]:
    """Raise `NotReplicated` where a commit in the block succeeded before its replica had it.

    The server says that in a warning only (`SyncRepWaitForLSN` in its source), when somebody
    cancels the wait.
    """
    found: list[str] = []

    def note(diagnostic: errors.Diagnostic) -> None:
        text = f"{diagnostic.message_primary} {diagnostic.message_detail}"
        if any(words in text for words in _NOT_REPLICATED):
            found.append(str(diagnostic.message_primary))

    connection.add_notice_handler(note)
    try:
        yield
    finally:
        connection.remove_notice_handler(note)
    if found:
        raise NotReplicated(found[0])


def _require_open(connection: Connection) -> None:
    if has_ended(connection):
        raise psycopg.OperationalError("the server has ended the connection")


def _until(gen: Any, seconds: float) -> Generator[Any, Any, Any]:
    """Pass a generator of psycopg's on until it is done, or its time is over."""
    end = time.monotonic() + seconds
    send = cast(Callable[[Any], Any], gen.send)
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > end:
                raise DeadlinePassed(f"the database didn't answer within {seconds:g} s")
            wanted = send(ready)
    except StopIteration as done:
        return done.value
