"""The state as people's commands see it: a folder, or a database beside a folder of one's own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from helm_boundary import __version__
from helm_boundary.approvals.store import Store
from helm_boundary.budgets.embedded import books_file
from helm_boundary.budgets.sqlite_store import SqliteStore
from helm_boundary.budgets.store import Store as Balances
from helm_boundary.fleet.orders import Orders, orders_of
from helm_boundary.receipt_index.index import ReceiptIndex
from helm_boundary.receipt_source.folder import FolderSource
from helm_boundary.receipt_source.source import Source
from helm_receipts.database.address import Address
from helm_receipts.layout import Layout
from helm_receipts.recording.database_place import Database
from helm_receipts.recording.recorder import Recorder

from .health import Health, running_boundaries
from .kept_policies import fetch, kept_digests
from .key_pinning import settle


@dataclass(frozen=True, slots=True)
class SharedState:
    """Where approvals, budgets and receipts are.

    `layout` is the state folder; beside a database it has what is this process's own, its key.
    """

    layout: Layout
    database: Address | None = None

    def __str__(self) -> str:
        """Say where it is, for messages."""
        return str(self.database or self.layout.state)

    @property
    def has_approvals(self) -> bool:
        """Whether there can be any: a folder without is one that no boundary has used."""
        return self.database is not None or (self.layout.state / "approvals").is_dir()

    def open_approvals(self) -> Store:
        """Open the approvals; raises their StoreError."""
        return Store.open(self.layout.state, self.database)

    def open_balances(self) -> Balances | None:
        """Open what is used of budgets; None for a folder in which no boundary has kept one.

        Raises their StoreError.
        """
        if self.database is not None:
            from helm_boundary.budgets.database_store import DatabaseStore

            return DatabaseStore(self.database)
        books = books_file(self.layout)
        return SqliteStore(books) if books.exists() else None

    def source(self) -> Source:
        """Return where receipts are read from; raises ReceiptError."""
        if self.database is None:
            return FolderSource(self.layout)
        from helm_boundary.receipt_source.database import DatabaseSource

        return DatabaseSource(self.database)

    def open_index(self, source: Source) -> ReceiptIndex:
        """Open the index of the receipts."""
        folder = self.layout.state / "index"
        if self.database is not None:
            folder /= hashlib.sha256(str(self.database).encode()).hexdigest()[:16]
        return ReceiptIndex.open(source, folder)

    @property
    def orders(self) -> Orders:
        """What people have said to all boundaries."""
        return orders_of(self.layout.state, self.database)

    def boundaries(self) -> dict[str, Health]:
        """Return the boundaries that run, by their names: a process here, or host and process.

        Raises OSError or ReceiptError.
        """
        if self.database is None:
            return {str(each.pid): each for each in running_boundaries(self.layout.state)}
        from helm_boundary.fleet.boundary_rows import BoundaryRows

        found = BoundaryRows(self.database).running()
        return {each.name: Health.from_json(each.health) for each in found}

    def policies(self) -> list[str]:
        """List the digests of policies that are kept, the latest first; raises as above."""
        return kept_digests(self.layout.state, self.database)

    def kept_policy(self, digest: str) -> Path:
        """Return where a policy is kept, if it is; raises as above."""
        return fetch(self.layout.state, digest, self.database)

    @contextmanager
    def recording(self, what: str) -> Iterator[Recorder]:
        """Yield a recorder with a journal of its own, for the receipts of what a person does.

        `what` names it: such a process has no configuration but that. Raises OSError or
        `ReceiptError`.
        """
        place = None if self.database is None else Database(self.database)
        if place is None:
            settle(self.layout)
        recorder = Recorder.open(
            self.layout.state,
            version=__version__,
            configuration=hashlib.sha256(f"helm-boundary {what}".encode()).hexdigest(),
            database=place,
        )
        try:
            yield recorder
        finally:
            recorder.close()
