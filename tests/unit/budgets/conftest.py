"""The engines of the store, for tests that each of them must pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helm_boundary.budgets.sqlite_store import SqliteStore
from helm_boundary.budgets.store import Store

type Opener = Callable[[], Store]

ENGINES: dict[str, Callable[[Path], Store]] = {
    "sqlite": lambda folder: SqliteStore(folder / "budgets" / "books.sqlite"),
}
"""How each engine is opened on what one test has of its own."""


@pytest.fixture(params=ENGINES)
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Return what opens the same store again and again, as another process would."""
    opened: list[Store] = []

    def open_another() -> Store:
        opened.append(ENGINES[request.param](tmp_path))
        return opened[-1]

    yield open_another
    for each in opened:
        each.close()
