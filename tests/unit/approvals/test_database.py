"""Approvals in a database: lost answers, a database that is away, and what is known meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helm_boundary.approvals import database as module
from helm_boundary.approvals.database import DatabaseFacts
from helm_boundary.approvals.entry import GRANTED, Decided
from helm_boundary.approvals.store import Store, StoreError
from helm_receipts.database.address import Address
from helm_receipts.database.connections import Connection, DeadlinePassed, connect
from helm_receipts.database.migrations import migrate
from support.asked import request
from support.postgresql import Server, running_server
from support.short_folders import short_folder

from .conftest import until

ID = "apr_0000000000000001"
YES = Decided(GRANTED, "ada", 1, "abcdefgh-000002")


def test_a_lost_answer_is_looked_up(database: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was made and not confirmed is made once; somebody else's isn't taken for ours."""
    facts = DatabaseFacts(database)
    real: Any = Connection.execute

    def lose_answers(self: Connection, query: str, *values: object) -> Any:
        result = real(self, query, *values)
        if "INSERT" in query:
            self.close()
            raise DeadlinePassed("no answer")
        return result

    monkeypatch.setattr(Connection, "execute", lose_answers)
    assert facts.make("a.end", b'{"by": 1}')
    with pytest.raises(StoreError, match="no answer"):
        facts.make("a.end", b'{"by": 2}')
    facts.close()
    with connect(database) as connection:
        rows = connection.execute("SELECT content FROM helm_boundary.approvals").fetchall()
    assert rows == [('{"by": 1}',)]


def test_a_database_that_is_away_is_an_error_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_server: Server
) -> None:
    """What is known counts for a moment; then nothing does, until the database is back."""
    monkeypatch.setattr(module, "_STALE_SECONDS", 1.0)
    address = own_server.address(own_server.create_database())
    with connect(address) as connection:
        migrate(connection)
    store = Store.open(tmp_path, address)
    store.add(request(1))
    store.decide(ID, YES)
    assert is_usable(store)
    own_server.kill()
    with pytest.raises(StoreError):
        store.add(request(2))
    until(lambda: not is_usable(store), 30)
    own_server.start()
    until(lambda: is_usable(store), 30)
    store.add(request(3))
    assert {entry.id for entry in store.entries()} >= {ID, "apr_0000000000000003"}
    store.close()


def is_usable(store: Store) -> bool:
    """Tell whether the one grant may be used."""
    try:
        return len(store.grants()) == 1
    except StoreError:
        return False


@pytest.fixture
def own_server(postgresql: Server) -> Iterator[Server]:
    """Return a server that the test may kill."""
    with running_server(short_folder()) as server:
        yield server
