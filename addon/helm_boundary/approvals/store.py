"""The store: what was asked, decided and used, over all processes that share a state.

Each of these is a fact that can be made once (`facts`), which is what makes a grant single.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from helm_receipts.database.address import Address

from . import entry as entries
from .entry import (
    EXPIRED,
    GRANTED,
    PENDING,
    USED,
    WITHDRAWN,
    Decided,
    Ended,
    Entry,
    EntryError,
    Request,
)
from .facts import MAX_BYTES, Facts, StoreError
from .folder import FolderFacts

__all__ = ["MAX_FINISHED", "RETENTION_NS", "Store", "StoreError"]

logger = logging.getLogger(__name__)

RETENTION_NS = 24 * 3600 * 10**9
"""Time for which a finished request stays readable; its receipts stay for good."""

MAX_FINISHED = 1000
"""Finished requests that stay readable: a client can make many, and they are only to look at."""

_FORGOTTEN_AT_ONCE = 200


class Store:
    """The approvals of one state, as this process sees them."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._entries: dict[str, Entry] = {}
        self._grants: list[Entry] = []
        self._unreadable: set[str] = set()

    @classmethod
    def open(cls, state: Path, database: Address | None = None) -> Store:
        """Open the store of a fleet's database, or of a state folder, made private on first use.

        Raises StoreError.
        """
        if database is None:
            return cls(FolderFacts(state / "approvals"))
        from .database import DatabaseFacts

        return cls(DatabaseFacts(database))

    def grants(self) -> list[Entry]:
        """Return the grants that nobody has used, newest first; some may have expired meanwhile.

        Like all that reads, raises StoreError where the state can't be reached.
        """
        self._refresh()
        return self._grants

    def entries(self) -> list[Entry]:
        """Return every request that is still kept, oldest first."""
        self._refresh()
        return sorted(self._entries.values(), key=lambda entry: entry.request.created_ns)

    def find(self, identity: str) -> Entry | None:
        """Return the request of that id, as it stands now."""
        self._refresh()
        return self._entries.get(identity)

    def pending(self, now_ns: int) -> list[Entry]:
        """Return the requests that wait for a person, oldest first."""
        return [entry for entry in self.entries() if entry.status(now_ns) == PENDING]

    def add(self, request: Request) -> None:
        """Keep a new request, durably; raises StoreError."""
        self._make(f"{request.id}.request", entries.write_request(request))

    def decide(self, identity: str, decided: Decided) -> bool:
        """Keep a decision; False where there was one already. Raises StoreError."""
        return self._make(f"{identity}.decision", asdict(decided))

    def end(self, identity: str, ended: Ended) -> bool:
        """End a grant, by using it most often; True for the one caller who did.

        Raises StoreError.
        """
        return self._make(f"{identity}.end", asdict(ended))

    def give_back(self, identity: str) -> None:
        """Undo a use of one's own that came to nothing. Raises StoreError."""
        self._facts.remove(f"{identity}.end")

    def is_decided(self, identity: str) -> bool:
        """Tell whether somebody has decided on a request, or it is gone."""
        if self._facts.has(f"{identity}.decision"):
            return True
        return not self._facts.has(f"{identity}.request")

    def prune(self, now_ns: int) -> None:
        """Delete what ended long ago, and the oldest beyond MAX_FINISHED; some at a time."""
        finished = [e for e in self.entries() if e.status(now_ns) in (EXPIRED, WITHDRAWN, USED)]
        surplus = len(finished) - MAX_FINISHED
        old = (
            entry
            for at, entry in enumerate(finished)
            if at < surplus or now_ns - entry.expires_ns > RETENTION_NS
        )
        forgotten = itertools.islice(old, _FORGOTTEN_AT_ONCE)
        # The request first: without its end, a grant that was used would be a grant again.
        kinds = ("request", "decision", "end")
        names = [f"{entry.id}.{kind}" for entry in forgotten for kind in kinds]
        if names:
            with contextlib.suppress(StoreError):
                self._facts.remove(*names)

    def now_ns(self) -> int:
        """Return the time by which approvals end; all that asks for one is asked of this."""
        return self._facts.now_ns()

    def deciding(self) -> AbstractContextManager[None]:
        """Lock the store for one decision over all processes, so that its receipt comes first."""
        return self._facts.deciding()

    def close(self) -> None:
        """Give back what was opened. Idempotent."""
        self._facts.close()

    def _make(self, name: str, value: dict[str, Any]) -> bool:
        content = json.dumps(value).encode("ascii")
        if len(content) > MAX_BYTES:
            raise StoreError(f"expected at most {MAX_BYTES} bytes to keep, found {len(content)}")
        return self._facts.make(name, content)

    def _refresh(self) -> None:
        if self._facts.changed():
            self._read_all(self._facts.names())

    def _read_all(self, names: set[str]) -> None:
        found: dict[str, Entry] = {}
        for name in names:
            identity, _, kind = name.partition(".")
            if kind == "request" and entries.ID.fullmatch(identity):
                entry = self._read_entry(identity, names)
                if entry is not None:
                    found[identity] = entry
        self._entries = found
        granted = [e for e in found.values() if e.ended is None and _is_grant(e)]
        self._grants = sorted(granted, key=lambda e: e.request.created_ns, reverse=True)

    def _read_entry(self, identity: str, names: set[str]) -> Entry | None:
        known = self._entries.get(identity)
        read = self._facts.read
        try:
            entry = known or Entry(entries.read_request(read(f"{identity}.request")))
            if entry.decided is None and f"{identity}.decision" in names:
                entry = replace(entry, decided=entries.read_decided(read(f"{identity}.decision")))
            has_ended = f"{identity}.end" in names
            if has_ended != (entry.ended is not None):
                ended = entries.read_ended(read(f"{identity}.end")) if has_ended else None
                entry = replace(entry, ended=ended)
        except (EntryError, OSError) as error:
            # What can't be read grants nothing.
            if identity not in self._unreadable:  # said once, not at every look
                logger.error("helm-boundary: the approval %s can't be read: %s", identity, error)
            self._unreadable.add(identity)
            return None
        return entry


def _is_grant(entry: Entry) -> bool:
    return entry.decided is not None and entry.decided.decision == GRANTED
