"""Doctor's findings on a fleet's database: server, schema, rights, log, clock and boundaries."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from helm_boundary.cli.doctor import doctor
from helm_boundary.doctor import database_checks
from helm_boundary.fleet.boundary_rows import BoundaryRows
from helm_boundary.fleet.roles import BOUNDARY, KINDS, Rights
from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect
from support.postgresql import ROLE, Server
from support.standing import WELL
from support.table_state import TableState

POLICY = "they run the same policy"
SEEN = "boundaries were seen lately"
RIGHTS = "the role may do its work"
LOG = "the log has what was recorded"
CLOCK = "its clock is this machine's"


def looked(address: Address, *more: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Run the command; return its exit code and its findings, by what was looked at."""
    done = CliRunner().invoke(doctor, ["--json", "--state", address.text, *more])
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(each["remedy"] for each in found if each["answer"] != "yes"), found
    return done.exit_code, {each["looked_at"]: each for each in found}


def bad(found: dict[str, dict[str, str]]) -> dict[str, str]:
    """Return what isn't well."""
    return {name: each["answer"] for name, each in found.items() if each["answer"] != "yes"}


def tell(address: Address, name: str, age: float = 0, **change: Any) -> None:
    """Write a boundary's row, as one did some seconds ago."""
    health = replace(WELL, **change).to_json()
    with connect(address) as connection:
        connection.execute(
            "INSERT INTO helm_boundary.boundaries VALUES "
            "(%s, 'w', %s, %s, '0', %s, now() - make_interval(secs => %s))",
            (name, health["policy_digest"], health["mode"], json.dumps(health), age),
        )


def role(server: Server, database: Address, given: Rights) -> Address:
    """Make a role that reads all, and has these rights."""
    name = f"r_{secrets.token_hex(4)}"
    with server.superuser(database.text.rpartition("/")[2]) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN".encode())
        connection.execute(f"GRANT USAGE ON SCHEMA helm_boundary TO {name}".encode())
        reads = f"GRANT SELECT ON ALL TABLES IN SCHEMA helm_boundary TO {name}"
        connection.execute(reads.encode())
        for table, kinds in given.items():
            statement = f"GRANT {', '.join(kinds)} ON helm_boundary.{table} TO {name}"
            connection.execute(statement.encode())
    return Address(database.text.replace(f"{ROLE}@", f"{name}@"))


@pytest.fixture
def standing(tmp_path: Path, database: Address, monkeypatch: pytest.MonkeyPatch) -> Address:
    """Return a database with some receipts in its log, and a boundary that runs."""
    state = TableState(tmp_path / "own", database)
    state.open().close()
    state.settle()
    BoundaryRows(database).tell(WELL.to_json(), "w")
    monkeypatch.setattr(database_checks, "_CATCH_UP_SECONDS", 1.0)
    return database


def test_a_fleet_that_is_well(standing: Address) -> None:
    """Each answer is yes, and nothing is said of a machine that nobody asked about."""
    code, found = looked(standing)
    assert (code, bad(found)) == (0, {})
    assert "the server" not in found
    assert "0 of" in found[LOG]["found"]
    assert found["its tables are this version's"]["found"].endswith("the last 0030_fleet")
    assert "a boundary is up" not in found


def test_with_a_folder_this_machine_is_looked_at_too(standing: Address, tmp_path: Path) -> None:
    """Its boundary isn't up; the clock that counts is the database's."""
    code, found = looked(standing, "--folder", str(tmp_path / "own"))
    assert (code, bad(found)) == (1, {"a boundary is up": "no"})
    assert "the clock runs forward" not in found


def test_a_server_that_is_not_there() -> None:
    """One answer, and no password in it."""
    code, found = looked(Address("postgresql://ada:geheim@127.0.0.1:1/db"))
    assert (code, bad(found)) == (1, {"the database answers": "no"})
    assert "geheim" not in json.dumps(found)
    assert "postgresql://ada@127.0.0.1:1/db" in found["the database answers"]["found"]


def test_a_database_without_tables(empty_database: Address) -> None:
    code, found = looked(empty_database)
    assert (code, bad(found)) == (1, {"its tables are this version's": "no"})
    assert "state migrate" in found["its tables are this version's"]["remedy"]
    assert SEEN not in found


def test_a_log_that_nobody_extends(standing: Address, tmp_path: Path) -> None:
    """It is said by how much it is behind."""
    TableState(tmp_path / "own", standing).open().close()
    code, found = looked(standing)
    assert (code, bad(found)) == (1, {LOG: "no"})
    assert found[LOG]["found"].startswith("2 of ")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {}),
        ({"policy_digest": "1" * 64}, {POLICY: "no"}),
        ({"mode": "observe"}, {"their verdicts take effect": "no"}),
        ({"ca_digest": "1" * 64}, {"all boundaries have one authority": "no"}),
        ({"age": 3600, "policy_digest": "1" * 64}, {}),
    ],
)
def test_a_boundary_unlike_the_others_is_named(
    standing: Address, change: dict[str, Any], expected: dict[str, str]
) -> None:
    """One that was killed an hour ago is only mentioned."""
    tell(standing, "other:7", **change)
    code, found = looked(standing)
    assert (code, bad(found)) == (1 if expected else 0, expected)
    for name in expected or {SEEN: ""}:
        assert "other:7" in found[name]["found"]


def test_no_boundary_was_seen_lately(database: Address, tmp_path: Path) -> None:
    TableState(tmp_path / "own", database).settle()
    tell(database, "other:7", age=60)
    code, found = looked(database)
    assert (code, bad(found)) == (1, {SEEN: "no"})
    assert found[SEEN]["found"] == "none; not lately: other:7 60 s ago"


@pytest.mark.parametrize("needed", [{}, *KINDS.values()], ids=["whoever reads", *KINDS])
def test_a_role_with_all_that_it_needs(
    standing: Address, postgresql: Server, needed: Rights
) -> None:
    code, found = looked(role(postgresql, standing, needed))
    assert (code, bad(found)) == (0, {})


def test_a_right_that_a_boundary_lacks(standing: Address, postgresql: Server) -> None:
    """The statement that grants it is the remedy."""
    given = {name: kinds for name, kinds in BOUNDARY.items() if name != "receipts"}
    code, found = looked(role(postgresql, standing, given))
    assert (code, bad(found)) == (1, {RIGHTS: "no"})
    assert "GRANT INSERT ON helm_boundary.receipts TO" in found[RIGHTS]["remedy"]


def test_a_reader_is_no_boundary(standing: Address, postgresql: Server, tmp_path: Path) -> None:
    """With the folder of a boundary its role needs a boundary's rights."""
    reader = role(postgresql, standing, {})
    assert bad(looked(reader, "--folder", str(tmp_path / "own"))[1])[RIGHTS] == "no"


def test_a_role_that_may_look_at_nothing(standing: Address, postgresql: Server) -> None:
    """What can't be seen isn't known."""
    with postgresql.superuser() as connection:
        connection.execute(f"CREATE ROLE {(name := 'r_' + secrets.token_hex(4))} LOGIN".encode())
    code, found = looked(Address(standing.text.replace(f"{ROLE}@", f"{name}@")))
    assert (code, bad(found)) == (3, {"its tables are this version's": "unknown"})


@pytest.mark.parametrize(("minutes", "word"), [(10, "behind"), (-10, "ahead")])
def test_clocks_that_differ(standing: Address, minutes: int, word: str) -> None:
    """A server that tells another time."""
    with connect(standing) as connection:
        connection.execute("CREATE SCHEMA elsewhere")
        connection.execute(
            "CREATE FUNCTION elsewhere.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
            f"'SELECT pg_catalog.clock_timestamp() + interval ''{minutes} min'''".encode()
        )
    there = "?options=-csearch_path%3Delsewhere,pg_catalog"
    code, found = looked(Address(standing.text + there))
    assert (code, bad(found)) == (1, {CLOCK: "no"})
    assert found[CLOCK]["found"] == f"this one is 600.0 s {word}"
