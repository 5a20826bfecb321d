"""The rights that docs/operations.md names are enough, for boundaries and for log services."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import pytest

from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect
from helm_receipts.envelope.checkpoint import parse_checkpoint
from helm_receipts.layout import Layout
from helm_receipts.recording.database_place import Database
from helm_receipts.recording.keyset import open_log_key
from helm_receipts.recording.recorder import Recorder
from helm_receipts.tables.publication import read_note
from helm_receipts.tables.table_log import TableLog
from support.engines import check
from support.pages import DOCS
from support.postgresql import ROLE, Server
from support.receipts import CONFIGURATION, outcome, request
from support.table_state import TableState

_WORDS = re.compile(r"\*\*Rights\.\*\* (.*?)\n\n", re.DOTALL)
_GRANT = re.compile(r"`([A-Z, ]+)` on ((?:`\w+`(?:, | and )?)+|the rest)")


def grants(who: int) -> list[tuple[str, list[str]]]:
    """Read what the page gives to boundaries (0) or log services (1); no table stands for all."""
    (words,) = _WORDS.findall((DOCS / "operations.md").read_text("utf-8"))
    part = re.split(r";\s+log\s+services", words.replace("\n", " "))[who]
    return [(kinds, re.findall(r"`(\w+)`", tables)) for kinds, tables in _GRANT.findall(part)]


@pytest.fixture
def tables(database: Address) -> list[str]:
    with connect(database) as connection:
        found = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'helm_boundary'"
        ).fetchall()
    return [name for (name,) in found]


def role_with(postgresql: Server, database: Address, who: int, tables: list[str]) -> Address:
    """Make a role that has what the page says, and nothing else."""
    role, name = f"r_{secrets.token_hex(4)}", database.text.rpartition("/")[2]
    with postgresql.superuser(name) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN".encode())
        connection.execute(f"GRANT USAGE ON SCHEMA helm_boundary TO {role}".encode())
        for kinds, named in grants(who):
            for table in named or tables:
                statement = f"GRANT {kinds} ON helm_boundary.{table} TO {role}"
                connection.execute(statement.encode())
    return Address(database.text.replace(f"{ROLE}@", f"{role}@"))


def test_each_has_the_rights_that_it_needs(
    tmp_path: Path, postgresql: Server, database: Address, tables: list[str]
) -> None:
    boundary = role_with(postgresql, database, 0, tables)
    log_service = role_with(postgresql, database, 1, tables)
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
