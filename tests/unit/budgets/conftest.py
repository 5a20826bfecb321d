"""The engines of the store, for tests that each of them must pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helm_boundary.budgets.database_store import DatabaseStore
from helm_boundary.budgets.sqlite_store import SqliteStore
from helm_boundary.budgets.store import Store
from helm_receipts.database.address import Address

type Opener = Callable[[], Store]


def _sqlite(request: pytest.FixtureRequest) -> Opener:
    folder: Path = request.getfixturevalue("tmp_path")
    return lambda: SqliteStore(folder / "budgets" / "books.sqlite")


def _postgresql(request: pytest.FixtureRequest) -> Opener:
    database: Address = request.getfixturevalue("database")
    return lambda: DatabaseStore(database)


ENGINES: dict[str, Callable[[pytest.FixtureRequest], Opener]] = {
    "sqlite": _sqlite,
    "postgresql": _postgresql,
}
"""How each engine is opened on what one test has of its own."""


@pytest.fixture(params=ENGINES)
def opener(request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Return what opens the same store again and again, as another process would."""
    opened: list[Store] = []
    open_one = ENGINES[request.param](request)

    def open_another() -> Store:
        opened.append(open_one())
        return opened[-1]

    yield open_another
    for each in opened:
        each.close()


@pytest.fixture
def many(request: pytest.FixtureRequest) -> int:
    """Return how many calls are many: on a server each is a few round trips."""
    is_quick = request.node.callspec.params["opener"] == "sqlite"
    return 10_000 if is_quick or request.config.getoption("--slow") else 400
