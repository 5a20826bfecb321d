"""A state wherever it is kept, for tests that every engine must pass: a folder, or PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest

from helm_boundary.runtime.shared_state import SharedState
from helm_receipts.audit.fsck import FsckReport, fsck
from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect
from helm_receipts.database.errors import StateUnavailable
from helm_receipts.envelope.dsse import parse_line
from helm_receipts.envelope.record import parse_statement
from helm_receipts.export.select import Follower
from helm_receipts.layout import Layout
from helm_receipts.log.published_keys import read_published
from helm_receipts.recording.database_place import Database
from helm_receipts.recording.keyset import open_log_key
from helm_receipts.recording.recorder import Recorder
from helm_receipts.tables.pull import pull
from helm_receipts.tables.table_log import TableLog
from support.postgresql import migrated
from support.receipts import CONFIGURATION


class State(Protocol):
    """Where receipts are kept in a test."""

    @property
    def arguments(self) -> list[str]:
        """What a recording process is told: its own folder, and the database if there is one."""
        ...

    @property
    def options(self) -> dict[str, Any]:
        """What a boundary is told."""
        ...

    @property
    def shared(self) -> SharedState:
        """The state as people's commands see it."""
        ...

    @property
    def named(self) -> list[str]:
        """The options of commands that name it."""
        ...

    @property
    def registrations(self) -> int:
        """How many receipts of its own the first session writes: a database learns of a key."""
        ...

    @property
    def recorded(self) -> dict[str, Any]:
        """What `support.receipts` is told, so that it records there."""
        ...

    def open(self) -> Recorder:
        """Open a recorder there."""
        ...

    def new_predicates(self) -> list[dict[str, Any]]:
        """Return what each receipt says that came since the last call."""
        ...

    def folder(self) -> Path:
        """Return a folder with all receipts and the log, brought up to date."""
        ...


class FolderState:
    """A state folder."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._follower = Follower(state / "journal")
        self.arguments = [str(state)]
        self.options: dict[str, Any] = {"helm_state": state}
        self.shared = SharedState(Layout(state))
        self.recorded: dict[str, Any] = {"state": state}
        self.registrations = 0
        self.named = ["--state", str(state)]

    def open(self) -> Recorder:
        """Open a recorder on the folder."""
        return Recorder.open(self._state, version="0.1.0", configuration=CONFIGURATION)

    def new_predicates(self) -> list[dict[str, Any]]:
        """Follow the journal, if there is one yet."""
        if not (self._state / "journal").is_dir():
            return []
        return [record.predicate for record in self._follower.poll()]

    def folder(self) -> Path:
        """Return the folder."""
        return self._state


class TableState:
    """A database; `address` may lead through something in between."""

    def __init__(self, state: Path, database: Address, address: Address | None = None) -> None:
        self._state = state
        self._database = database
        self._used = address or database
        self._seen = dict[str, int]()
        self.arguments = [str(state), self._used.text]
        self.options: dict[str, Any] = {"helm_state": self._used.text, "helm_folder": state}
        self.shared = SharedState(Layout(state), self._used)
        self.recorded: dict[str, Any] = {"state": state, "database": Database(self._used, 10.0)}
        self.registrations = 1
        self.named = ["--state", self._used.text, "--folder", str(state)]

    def open(self) -> Recorder:
        """Open a recorder on the database."""
        database = Database(self._database, 10.0)
        return Recorder.open(
            self._state, version="0.1.0", configuration=CONFIGURATION, database=database
        )

    def new_predicates(self) -> list[dict[str, Any]]:
        """Read what is new of each writer, with patience for a server that has just started."""
        return _patiently(self._read_new)

    def folder(self) -> Path:
        """Catch up the log, and pull all of it into a folder."""
        log = TableLog(self._database, *open_log_key(Layout(self._state.parent / "log")))
        try:
            _patiently(lambda: _held(log))  # whoever was killed holds it for ten seconds
            while log.step():
                pass
            time.sleep(1.05)
            log.step()
        finally:
            log.close()
        out = Layout(self._state.parent / "pulled")
        with connect(self._database) as connection:
            pull(connection, out)
        return out.state

    def _read_new(self) -> list[dict[str, Any]]:
        found = []
        with connect(self._database) as connection:
            writers = connection.execute("SELECT writer FROM helm_boundary.writers").fetchall()
            for (writer,) in writers:
                rows = connection.execute(
                    "SELECT number, line FROM helm_boundary.receipts "
                    "WHERE writer = %s AND number > %s ORDER BY number",
                    (writer, self._seen.get(writer, 0)),
                ).fetchall()
                for number, line in rows:
                    found.append(parse_statement(parse_line(bytes(line)).payload)["predicate"])
                    self._seen[writer] = number
        return found


def check(state: Path) -> FsckReport:
    """Run fsck with the published keys."""
    known = read_published(Layout(state))
    return fsck(state, [k.key for k in known.receipt], [known.log[-1].key])


ENGINES = ("folder", "postgresql")


@pytest.fixture(params=ENGINES)
def any_state(request: pytest.FixtureRequest, tmp_path: Path) -> State:
    """Return a state of each kind."""
    return state_in(request, tmp_path)


def state_in(request: pytest.FixtureRequest, folder: Path) -> State:
    """Return a state of the kind that a fixture is asked for, for fixtures of any scope."""
    if request.param == "folder":
        return FolderState(folder / "state")
    return TableState(folder / "state", migrated(request.getfixturevalue("postgresql")))


def _held(log: TableLog) -> None:
    log.step()
    if not log.is_ours:
        raise StateUnavailable("another process keeps the log up")


def _patiently[T](do: Callable[[], T]) -> T:
    until = time.monotonic() + 30
    while True:
        try:
            return do()
        except (psycopg.Error, StateUnavailable):
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
