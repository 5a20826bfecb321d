"""The engines of the store, for tests that each of them must pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from helm_boundary.approvals.store import Store
from helm_receipts.database.address import Address


@dataclass
class Place:
    """Where the approvals of one test are: in a folder, or in a database."""

    folder: Path
    database: Address | None
    opened: list[Store] = field(default_factory=list)

    def open(self) -> Store:
        """Open the same store again and again, as another process would."""
        self.opened.append(Store.open(self.folder, self.database))
        return self.opened[-1]

    @property
    def arguments(self) -> list[str]:
        """What another process needs to open it."""
        return [str(self.folder), *([self.database.text] if self.database else [])]


@pytest.fixture(params=["folder", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Return where a test's approvals are, in each engine."""
    database = request.getfixturevalue("database") if request.param == "postgresql" else None
    found = Place(tmp_path, database)
    yield found
    for each in found.opened:
        each.close()


def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)
