"""A real PostgreSQL for tests: on a free port, as an unprivileged user, a database for each test.

Debian's package `postgresql` brings the programs, on no PATH; HELM_POSTGRESQL_BIN names another
folder that has them.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from helm_boundary.clients.free_ports import free_ports
from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect
from helm_receipts.database.migrations import migrate
from support.orphans import end_with_parent
from support.short_folders import remove_short_folder, short_folder

_START_SECONDS = 60.0
_SUPERUSER = "postgres"
ROLE = "boundary"
"""What tests connect as: no superuser, owner of its own databases only."""

_SETTINGS = {
    "fsync": "on",  # what is tested is durability; tests have few transactions
    "listen_addresses": "127.0.0.1",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "wal_level": "replica",
    "max_wal_senders": "4",
    "hot_standby": "on",
    "timezone": "UTC",
}


def programs() -> Path | None:
    """Find the folder of PostgreSQL's programs; None where it isn't installed."""
    named = os.environ.get("HELM_POSTGRESQL_BIN")
    if named:
        return Path(named)
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=_version)
    found = str(debian[-1]) if debian else shutil.which("postgres")
    return Path(found).resolve().parent if found else None


def missing() -> str | None:
    """Say why there is no PostgreSQL to test with; None where there is."""
    if programs() is None:
        return "no PostgreSQL (on Debian: apt-get install postgresql)"
    if os.geteuid() == 0 and _unprivileged() is None:
        return "PostgreSQL doesn't run as root, and there is no user postgres or nobody"
    return None


class Server:
    """One server in a folder of its own, which can be killed and started again."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        (self.port,) = free_ports(1)
        self.settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """The folder that it keeps its data in."""
        return self.folder / "data"

    @property
    def pid(self) -> int:
        """The process of a server that runs."""
        assert self._process is not None
        return self._process.pid

    def initialise(self) -> None:
        """Make its data folder."""
        _give(self.folder)
        self.run(
            "initdb", "--pgdata", str(self.data), "--username", _SUPERUSER, "--auth=trust",
            "--encoding=UTF8", "--no-locale", "--no-sync",
        )  # fmt: skip

    def copy(self, primary: Server, name: str) -> None:
        """Make it a streaming replica of another server, under this name."""
        _give(self.folder)
        source = f"host=127.0.0.1 port={primary.port} user={_SUPERUSER} application_name={name}"
        self.run("pg_basebackup", "--pgdata", str(self.data), "--dbname", source,
                 "--write-recovery-conf", "--no-sync", "--checkpoint=fast")  # fmt: skip

    def promote(self) -> None:
        """Make a replica the primary."""
        with self.superuser() as connection:
            connection.execute("SELECT pg_promote(true, 60)")

    def start(self) -> None:
        """Start it and wait until it answers."""
        program = _programs() / "postgres"
        command = [str(program), "-D", str(self.data), "-p", str(self.port), "-k", str(self.folder)]
        for name, value in (_SETTINGS | self.settings).items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                user=_user(),
                group=_group(),
                preexec_fn=end_with_parent(signal.SIGQUIT),  # at once, its backends too
            )
        self._wait()

    def kill(self) -> None:
        """Kill it and all of its backends as a power failure would: nothing is written any more."""
        process = self._process
        if process is None:
            return
        for child in _children(process.pid):
            _signal(child, signal.SIGKILL)
        process.kill()
        process.wait()
        self._process = None
        # What its children had of shared memory is theirs until they are gone.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """Stop it in an orderly way, without waiting for clients."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as its user."""
        subprocess.run(
            [str(_programs() / program), *arguments],
            check=True, capture_output=True, cwd=self.folder, user=_user(), group=_group(),
        )  # fmt: skip

    def superuser(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """Connect as the superuser, for a test to do what an operator would."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=_SUPERUSER, dbname=database, autocommit=True
        )

    def create_database(self) -> str:
        """Make an empty database that belongs to the role, and return its name."""
        name = f"t_{secrets.token_hex(6)}"
        with self.superuser() as connection:
            connection.execute(f'CREATE DATABASE "{name}" OWNER {ROLE}'.encode())
        return name

    def address(self, database: str, port: int | None = None) -> Address:
        """Return a database's address, or that of something in between on another port."""
        return Address(f"postgresql://{ROLE}@127.0.0.1:{port or self.port}/{database}")

    def create_role(self) -> None:
        """Make the role that tests connect as."""
        with self.superuser() as connection:
            connection.execute(f"CREATE ROLE {ROLE} LOGIN".encode())

    def _wait(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                with self.superuser() as connection:
                    connection.execute("SELECT 1")
                return
            except psycopg.OperationalError:
                ended = self._process is None or self._process.poll() is not None
                if ended or time.monotonic() > until:
                    raise RuntimeError(
                        (self.folder / "log").read_text("utf-8", "replace")
                    ) from None
                time.sleep(0.05)


@contextmanager
def running_server(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run a server with the tests' role for as long as the block lasts."""
    server = Server(folder, settings)
    server.initialise()
    server.start()
    try:
        server.create_role()
        yield server
    finally:
        server.stop()
        remove_short_folder(folder)


@pytest.fixture(scope="session")
def missing_postgresql() -> None:
    """Skip a test where there is no PostgreSQL, saying what to install."""
    if why := missing():
        pytest.skip(why)


@pytest.fixture(scope="session")
def postgresql(missing_postgresql: None) -> Iterator[Server]:
    """Return a PostgreSQL that this process's tests share; what kills it has one of its own."""
    with running_server(short_folder()) as server:
        yield server


@pytest.fixture
def empty_database(postgresql: Server) -> Address:
    """Return the address of a database in which there is nothing yet."""
    return postgresql.address(postgresql.create_database())


@pytest.fixture
def database(empty_database: Address) -> Address:
    """Return the address of a migrated database that is this test's own."""
    with connect(empty_database) as connection:
        migrate(connection)
    return empty_database


def migrated(server: Server) -> Address:
    """Make a migrated database and return its address."""
    address = server.address(server.create_database())
    with connect(address) as connection:
        migrate(connection)
    return address


def _programs() -> Path:
    found = programs()
    assert found is not None
    return found


def _version(path: Path) -> int:
    name = path.parent.parent.name
    return int(name) if name.isdecimal() else 0


def _unprivileged() -> pwd.struct_passwd | None:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def owner_of_servers() -> tuple[int, int] | None:
    """Return whose processes servers are where tests run as root: PostgreSQL refuses to be that."""
    user = _unprivileged() if os.geteuid() == 0 else None
    return (user.pw_uid, user.pw_gid) if user else None


def _user() -> int | None:
    owner = owner_of_servers()
    return owner[0] if owner else None


def _group() -> int | None:
    owner = owner_of_servers()
    return owner[1] if owner else None


def _give(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    user = _unprivileged() if os.geteuid() == 0 else None
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)


def _children(parent: int) -> list[int]:
    done = subprocess.run(
        ["ps", "--ppid", str(parent), "-o", "pid="], capture_output=True, text=True, check=False
    )
    return [int(each) for each in done.stdout.split()]


def _signal(process: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)
