"""What the store of approvals is made of: facts, each made once under its name.

A fact is called `ID.request`, `ID.decision` or `ID.end`. Where facts are kept, a folder or a
database, only the engine knows; all of them are the same to `Store`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

MAX_BYTES = 1 << 20
"""What a fact may have, as it is written."""


class StoreError(Exception):
    """The store can't be used; the message says why and what to do."""


class Facts(Protocol):
    """The facts of one state. All of it raises `StoreError` where the state can't be reached."""

    def changed(self) -> bool:
        """Tell whether there may be others than `names` returned last; asked at each call."""
        ...

    def names(self) -> set[str]:
        """Return the names of all facts, also of those that others have made meanwhile."""
        ...

    def read(self, name: str) -> Any:
        """Return a fact, as JSON reads it; `EntryError` where it isn't one of ours."""
        ...

    def has(self, name: str) -> bool:
        """Tell whether there is such a fact, cheaply: a call that waits asks all the time."""
        ...

    def make(self, name: str, content: bytes) -> bool:
        """Keep a fact, durably; False where there is one of that name."""
        ...

    def remove(self, *names: str) -> None:
        """Take facts back in that order, durably; those that are gone already are no error."""
        ...

    def now_ns(self) -> int:
        """Return the time by which approvals end, the same for all who share the state."""
        ...

    def deciding(self) -> AbstractContextManager[None]:
        """Lock the facts for one decision over all processes; all that is read then is new."""
        ...

    def close(self) -> None:
        """Give back what was opened. Idempotent."""
        ...
