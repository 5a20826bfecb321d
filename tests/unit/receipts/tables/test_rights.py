"""The rights that docs/operations.md names are enough; who lacks one is told which."""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from helm_boundary.cli.receipts import receipts
from helm_boundary.fleet import roles
from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect
from helm_receipts.envelope.checkpoint import parse_checkpoint
from helm_receipts.envelope.signing_keys import generate
from helm_receipts.layout import Layout
from helm_receipts.recording.database_place import Database
from helm_receipts.recording.keyset import open_log_key
from helm_receipts.recording.recorder import Recorder
from helm_receipts.tables.publication import read_note
from helm_receipts.tables.table_log import TableLog
from support.engines import check
from support.pages import DOCS
from support.postgresql import ROLE, Server
from support.receipts import CONFIGURATION, outcome, record_calls, request
from support.table_state import TableState

_WORDS = re.compile(r"\*\*Rights\.\*\* (.*?)\n\n", re.DOTALL)
_KEEP = re.compile(r"\*\*Rights to keep it\.\*\* (.*?)\n\n", re.DOTALL)
_GRANT = re.compile(r"`([A-Z, ]+)` on ((?:`[a-z_]+`(?:, | and )?)+|the rest)")


type Grants = list[tuple[str, list[str]]]
BOUNDARY, LOG_SERVICE = 0, 1


def page() -> str:
    return (DOCS / "operations.md").read_text("utf-8")


def grants(who: int) -> Grants:
    """Read what the page gives to boundaries or log services; no table stands for all."""
    (words,) = _WORDS.findall(page())
    return granted(re.split(r";\s+log\s+services", words.replace("\n", " "))[who])


def more(what: str) -> Grants:
    """Read what the page gives for a rotation or for retention, beside a boundary's rights."""
    (words,) = _KEEP.findall(page())
    [part] = [part for part in re.split("[;.]", words.replace("\n", " ")) if f"`{what}`" in part]
    needed = grants(BOUNDARY) + granted(part)
    return needed + grants(LOG_SERVICE) if "log service do" in part else needed


def granted(words: str) -> Grants:
    return [(kinds, re.findall(r"`(\w+)`", tables)) for kinds, tables in _GRANT.findall(words)]


def test_doctor_looks_for_the_rights_that_the_page_names() -> None:
    (words,) = _WORDS.findall(page())
    parts = re.split(r";\s+log\s+services|Whoever\s+ships|Nobody", words.replace("\n", " "))
    told = [
        {table: tuple(kinds.split(", ")) for kinds, named in granted(part) for table in named}
        for part in parts[:3]
    ]
    assert told == [*roles.KINDS.values()]


@pytest.fixture
def tables(database: Address) -> list[str]:
    with connect(database) as connection:
        found = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'helm_boundary'"
        ).fetchall()
    return [name for (name,) in found]


def role_with(postgresql: Server, database: Address, given: Grants, tables: list[str]) -> Address:
    """Make a role that has what the page says, and nothing else."""
    role, name = f"r_{secrets.token_hex(4)}", database.text.rpartition("/")[2]
    with postgresql.superuser(name) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN".encode())
        connection.execute(f"GRANT USAGE ON SCHEMA helm_boundary TO {role}".encode())
        for kinds, named in given:
            for table in named or tables:
                statement = f"GRANT {kinds} ON helm_boundary.{table} TO {role}"
                connection.execute(statement.encode())
    return Address(database.text.replace(f"{ROLE}@", f"{role}@"))


def test_each_has_the_rights_that_it_needs(
    tmp_path: Path, postgresql: Server, database: Address, tables: list[str]
) -> None:
    boundary = role_with(postgresql, database, grants(BOUNDARY), tables)
    log_service = role_with(postgresql, database, grants(LOG_SERVICE), tables)
    for call in "ab":
        recorder = Recorder.open(
            tmp_path / "own", version="0", configuration=CONFIGURATION,
            database=Database(boundary, 5),
        )  # fmt: skip
        recorder.record_now(request(call))
        recorder.record_now(outcome(call))
        recorder.close()
    log = TableLog(log_service, *open_log_key(Layout(tmp_path / "log")))
    while log.step():
        pass
    log._published_at = 0.0
    log.step()
    log.close()
    with connect(database) as connection:
        assert parse_checkpoint(read_note(connection)).size == 9
    assert check(TableState(tmp_path / "own", database).folder()).is_complete


def record(state: TableState, calls: int = 3) -> None:
    record_calls(calls=calls, **state.recorded)
    state.settle()


def digests(state: TableState) -> list[str]:
    """Return what there is of receipts, of prunings and of the keys in the folder."""
    with connect(state.shared.database) as connection:  # type: ignore[arg-type]
        rows = connection.execute(
            "SELECT sha256(line)::text FROM helm_boundary.receipts UNION ALL "
            "SELECT sha256(line)::text FROM helm_boundary.prunings ORDER BY 1"
        ).fetchall()
    files = sorted(path.name for path in state.own.keys.iterdir())
    return [text for (text,) in rows] + files


@pytest.mark.parametrize(
    ("what", "lacking"),
    [
        (["keys", "rotate", "receipt"], "INSERT on key_ends"),
        (["keys", "rotate", "log"], "SELECT, INSERT, UPDATE, DELETE on pub_coord"),
        (["receipts", "archive"], "DELETE on receipts"),
        (["receipts", "prune"], "INSERT on prunings"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_keys_and_old_receipts_have_the_rights_that_the_page_names(
    tmp_path: Path,
    postgresql: Server,
    database: Address,
    tables: list[str],
    what: list[str],
    lacking: str,
) -> None:
    """A role with those can, one without the last of them is told its name, and nothing changes."""
    state = TableState(tmp_path / "own", database)
    record(state)
    role = role_with(postgresql, database, more(" ".join(what)), tables)
    named = TableState(tmp_path / "own", database, role)
    arguments = {
        "archive": ["--before", "0s", "-o", str(tmp_path / "old")],
        "prune": ["--before", "0s", "--yes"],
    }.get(what[1], [])

    def run() -> Result:
        if what[0] == "keys":
            return named.rotate(what[2])
        return CliRunner().invoke(receipts, [what[1], *named.named, *arguments])

    kinds, _, table = lacking.partition(" on ")
    name, user = database.text.rpartition("/")[2], role.text.partition("//")[2].partition("@")[0]
    with postgresql.superuser(name) as connection:
        connection.execute(f"REVOKE {kinds} ON helm_boundary.{table} FROM {user}".encode())
        before = digests(state)
        refused = run()
        assert refused.exit_code == 2, refused.output
        said = refused.output + refused.stderr
        assert f'GRANT {kinds.split(", ")[0]} ON helm_boundary.{table} TO "{user}"' in said
        assert digests(state) == before
        connection.execute(f"GRANT {kinds} ON helm_boundary.{table} TO {user}".encode())
    done = run()
    assert done.exit_code == 0, done.output
    record(state)
    assert check(state.folder()).is_complete


def test_nothing_is_pruned_without_a_key_that_auditors_know(
    tmp_path: Path, database: Address
) -> None:
    """A folder without one would get a new one, which nobody was told of."""
    state = TableState(tmp_path / "own", database)
    record(state)
    other = ["--state", database.text, "--folder", str(tmp_path / "other")]
    refused = CliRunner().invoke(receipts, ["prune", *other, "--before", "0s", "--yes"])
    assert refused.exit_code == 2
    assert "--folder" in refused.output
    assert not (tmp_path / "other").exists()


def test_receipts_are_pruned_only_if_they_verify_with_the_keys_that_were_named(
    tmp_path: Path, database: Address
) -> None:
    """Keys of the database itself show only that it is consistent, and the output says so."""
    state, other = TableState(tmp_path / "own", database), tmp_path / "other.pem"
    record(state)
    other.write_bytes(generate("receipt").public.pem())
    arguments = ["prune", *state.named, "--before", "0s", "--yes", "--json"]
    refused = CliRunner().invoke(receipts, [*arguments, "--key", str(other)])
    assert refused.exit_code == 1
    assert "foreign-key" in refused.output
    dry = json.loads(CliRunner().invoke(receipts, [*arguments, "--dry-run"]).output)
    assert "found in the folder itself" in dry["key"]
    done = json.loads(CliRunner().invoke(receipts, [*arguments, *state.auditor]).output)
    assert done["key"] == "named by you"
    assert done["pruned"][0]["receipt"]
