"""A server is PostgreSQL, or is refused by its name."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from click.testing import CliRunner

from helm_boundary.cli.state import state
from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect
from helm_receipts.database.errors import StateUnavailable
from helm_receipts.database.readiness import require_ready
from helm_receipts.database.server import refuse_others
from helm_receipts.errors import ReceiptError, StateRefused
from helm_receipts.recording.database_place import Database
from helm_receipts.recording.recorder import Recorder
from support.postgresql import ROLE, Server
from support.receipts import CONFIGURATION

POSTGRESQL = [
    "PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc, 64-bit",
    "PostgreSQL 16.6 on aarch64-unknown-linux-gnu, compiled by gcc (GCC) 9.5.0, 64-bit",
    "PostgreSQL 17beta1, compiled by Visual C++ build 1940, 64-bit",
]
OTHERS = {
    "CockroachDB": "CockroachDB CCL v24.1.0 (x86_64-pc-linux-gnu, built 2024/05/15, go1.22.2)",
    "Redshift": "PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc, Redshift 1.0.73348",
    "YB": "PostgreSQL 15.2-YB-2025.1.0.0-b0 on x86_64-pc-linux-gnu, compiled by clang, 64-bit",
    "Greenplum": "PostgreSQL 12.12 (Greenplum Database 7.1.0 build commit:e7c2b1f) on x86_64",
    "Materialize": "PostgreSQL 9.5.0 on x86_64-unknown-linux-gnu (Materialize v0.120.0)",
    "RisingWave": "PostgreSQL 13.14.0-RisingWave-2.1.0 (unknown)",
    "QuestDB": "PostgreSQL 12.3, compiled by Visual C++ build 1914, 64-bit, QuestDB",
    "CrateDB": "CrateDB 5.9.2 (built f7a3ba4/NA, Linux 6.1 amd64, OpenJDK 64-Bit Server VM 22)",
    "openGauss": "(openGauss 5.0.0 build a07d57c3) compiled at 2023-03-29 on aarch64",
    "another server": "",
}


@pytest.mark.parametrize("described", POSTGRESQL)
def test_postgresql_is_taken_for_what_it_is(described: str) -> None:
    refuse_others(described)


@pytest.mark.parametrize("name", OTHERS)
def test_what_only_speaks_its_protocol_is_refused_by_name(name: str) -> None:
    with pytest.raises(StateRefused, match=f"expected PostgreSQL, found {name} "):
        refuse_others(OTHERS[name])


def test_another_server_is_refused_before_anything_is_made_in_it(
    tmp_path: Path, postgresql: Server, empty_database: Address
) -> None:
    """A real server, which says over the wire that it is CockroachDB."""
    name = empty_database.text.rpartition("/")[2]
    with postgresql.superuser(name) as connection:
        connection.execute("CREATE SCHEMA other")
        connection.execute(
            "CREATE FUNCTION other.version() RETURNS text LANGUAGE sql "
            f"AS $$SELECT '{OTHERS['CockroachDB']}'$$".encode()
        )
        connection.execute(f"GRANT USAGE ON SCHEMA other TO {ROLE}".encode())
        connection.execute(f'ALTER DATABASE "{name}" SET search_path = other, pg_catalog'.encode())
    for command in ("migrate", "status"):
        done = CliRunner().invoke(state, [command, "--state", empty_database.text])
        assert done.exit_code in (1, 2)
        assert "found CockroachDB" in done.output
    with pytest.raises(StateRefused, match="found CockroachDB"):
        require_ready(empty_database)
    with pytest.raises(ReceiptError, match="found CockroachDB"):
        Recorder.open(
            tmp_path / "own", version="0", configuration=CONFIGURATION,
            database=Database(empty_database, 5),
        )  # fmt: skip
    with connect(empty_database) as connection:
        found = connection.execute("SELECT to_regnamespace('helm_boundary') IS NULL").fetchone()
    assert found == (True,)


def test_a_role_without_rights_is_told_what_it_needs(postgresql: Server, database: Address) -> None:
    """And not that the database has yet to be migrated."""
    role, name = f"r_{secrets.token_hex(4)}", database.text.rpartition("/")[2]
    address = Address(database.text.replace(f"{ROLE}@", f"{role}@"))
    with postgresql.superuser(name) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN".encode())
        for right in ("USAGE ON SCHEMA helm_boundary", "SELECT ON helm_boundary.migrations"):
            with pytest.raises(StateUnavailable, match=r"permission denied.*under Rights"):
                require_ready(address)
            connection.execute(f"GRANT {right} TO {role}".encode())
    require_ready(address)
