"""The state as people's commands see it: a folder, or a database beside a folder of one's own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from helm_boundary import __version__
from helm_boundary.approvals.store import Store
from helm_receipts.database.address import Address
from helm_receipts.layout import Layout
from helm_receipts.recording.database_place import Database
from helm_receipts.recording.recorder import Recorder

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
