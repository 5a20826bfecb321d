"""A state in PostgreSQL, for tests that every engine must pass."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from click.testing import CliRunner, Result

from helm_boundary.cli.keys import keys
from helm_boundary.log_service.service import keep_up
from helm_boundary.runtime.shared_state import SharedState
from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect
from helm_receipts.database.errors import StateUnavailable
from helm_receipts.envelope import key_files
from helm_receipts.envelope.dsse import parse_line
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.record import parse_statement
from helm_receipts.layout import Layout
from helm_receipts.recording.database_place import Database
from helm_receipts.recording.keyset import open_log_key
from helm_receipts.recording.recorder import Recorder
from helm_receipts.tables.pull import pull
from helm_receipts.tables.table_log import TableLog
from support.postgresql import ROLE, Server
from support.receipts import CONFIGURATION

_DROP = "DELETE FROM helm_boundary.receipts WHERE writer = %s AND number = ANY(%s)"
_CLAIM = "INSERT INTO helm_boundary.prunings (writer, number, line) VALUES (%s, %s, %s)"


class TableState:
    """A database; `address` may lead through something in between."""

    def __init__(
        self,
        state: Path,
        database: Address,
        address: Address | None = None,
        server: Server | None = None,
    ) -> None:
        self._server = server
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
        self.settle()
        out = Layout(self._state.parent / "pulled")
        with connect(self._database) as connection:
            pull(connection, out)
        return out.state

    @property
    def own(self) -> Layout:
        """The boundary's folder."""
        return Layout(self._state)

    @property
    def place(self) -> list[str]:
        """The database alone."""
        return self.named[:2]

    @property
    def auditor(self) -> list[str]:
        """The boundary's key and the log service's, as they would give them to somebody."""
        pem = self._state.parent / "receipt.pub.pem"
        key = key_files.load(self.own.keys / "receipt.pem", "receipt")
        pem.write_bytes(key.public.pem())
        origin, log = open_log_key(self.log)
        return ["--key", str(pem), "--vkey", LogKey(origin, log.public).vkey]

    @property
    def log(self) -> Layout:
        """The log service's folder."""
        return Layout(self._state.parent / "log")

    def settle(self) -> None:
        """Do what a log service does, until all is done."""
        settle(self._database, self.log)

    def rotate(self, role: str, *more: str) -> Result:
        """Rotate a key of the boundary's folder while the log is kept up, or of the log's."""
        if role == "receipt":
            with log_kept_up(self._database, self.log):
                return rotate(role, self._state, self._used, *more)
        return rotate_log(self.log, self._state, self._used, *more)

    def drop(self, writer: str, numbers: range) -> None:
        """Delete rows."""
        with connect(self._database) as connection:
            connection.execute(_DROP, (writer, list(numbers)))

    def claim_pruned(self, writer: str, last: int, receipt: bytes) -> None:
        """Insert a row."""
        with connect(self._database) as connection:
            connection.execute(_CLAIM, (writer, last, receipt))

    def forget_prunings(self) -> None:
        """Delete the rows of them."""
        with connect(self._database) as connection:
            connection.execute("DELETE FROM helm_boundary.prunings")

    def backup(self) -> str:
        """Copy the database, once nobody is connected."""
        return self._copy(self._name, f"{self._name}_backup")

    def restore(self, name: str) -> None:
        """Drop the database, with whoever is connected, and copy the backup in its place."""
        assert self._server is not None
        with self._server.superuser() as connection:
            connection.execute(f'DROP DATABASE "{self._name}" WITH (FORCE)'.encode())
        self._copy(name, self._name)
        shutil.rmtree(self._state.parent / "pulled", ignore_errors=True)

    @property
    def _name(self) -> str:
        return self._database.text.rpartition("/")[2]

    def _copy(self, source: str, target: str) -> str:
        assert self._server is not None
        with self._server.superuser() as connection:
            connection.execute(
                f'CREATE DATABASE "{target}" TEMPLATE "{source}" OWNER {ROLE}'.encode()
            )
        return target

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


@contextmanager
def log_kept_up(address: Address, folder: Layout) -> Iterator[None]:
    """Keep a log up on a thread, as a log service does."""
    ended, log = threading.Event(), TableLog(address, *open_log_key(folder))
    thread = threading.Thread(target=keep_up, args=(log, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def settle(address: Address, folder: Layout) -> None:
    """Have all receipts in the log, under its checkpoint, as soon as nobody else keeps it up."""
    log = TableLog(address, *open_log_key(folder))
    try:
        _patiently(lambda: _held(log))  # whoever was killed holds it for ten seconds
        while log.step():
            pass
        log._published_at = 0.0  # no second is waited
        log.step()
    finally:
        log.close()


def rotate(role: str, folder: Path, address: Address, *more: str) -> Result:
    """Run `keys rotate` beside a database."""
    arguments = [role, "--state", address.text, "--folder", str(folder), *more]
    return CliRunner().invoke(keys, ["rotate", *arguments])


def rotate_log(log: Layout, boundary: Path, address: Address, *more: str) -> Result:
    """Rotate the log's key, with the receipt that says so signed by a boundary's key."""
    lend_key(boundary, log.state)
    return rotate("log", log.state, address, *more)


def lend_key(folder: Path, other: Path) -> None:
    """Give a folder's receipt key to another one, as a secret does that pods share."""
    target = Layout(other).keys / "receipt.pem"
    for each in (other, target.parent):
        each.mkdir(parents=True, exist_ok=True)
        each.chmod(0o700)
    target.write_bytes((Layout(folder).keys / "receipt.pem").read_bytes())
    target.chmod(0o600)


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
