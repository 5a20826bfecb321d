"""The store: a private folder in which each fact is a file that can be made once.

`link(2)` makes a name only if nobody has it, on every process's clock at once; that is what
makes a grant single. Files are whole and durable before they have their name. A call that nobody
escalated costs one `stat` of the folder, and nothing more while no grant is open.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import logging
import os
import secrets
import stat
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from helm_receipts.storage import durable
from helm_receipts.storage.ownership import READ, WRITE, access_list, fault_of, keepers

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

logger = logging.getLogger(__name__)

RETENTION_NS = 24 * 3600 * 10**9
"""Time for which a finished request stays readable; its receipts stay for good."""

MAX_FINISHED = 1000
"""Finished requests that stay readable: a client can make many, and they are only to look at."""

_SETTLED_NS = 50_000_000
# A folder's time moves in the kernel's ticks, 10 ms at most; a scan younger than this may have
# missed a file that came in the same tick.
_LOCK_SECONDS = 1.0
_FORGOTTEN_AT_ONCE = 200
_MAX_FILE = 1 << 20


class StoreError(Exception):
    """The store can't be used; the message says why and what to do."""


class Store:
    """The approvals of one state folder, as this process sees them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = str(folder)
        self._entries: dict[str, Entry] = {}
        self._grants: list[Entry] = []
        self._scanned: tuple[int, int] = (-1, 0)
        self._unreadable: set[str] = set()

    @classmethod
    def open(cls, state: Path) -> Store:
        """Open the store of a state folder, made private on first use; raises StoreError."""
        folder = state / "approvals"
        try:
            durable.make_folder(folder, 0o700)
            _refuse_unsafe(folder)
        except OSError as error:
            raise StoreError(f"approvals can't be kept in {folder}: {error}") from error
        return cls(folder)

    def grants(self) -> list[Entry]:
        """Return the grants that nobody has used, newest first; some may have expired meanwhile.

        Like all that reads, raises StoreError where the folder can't be.
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
        self._make(request.id, "request", entries.write_request(request))

    def decide(self, identity: str, decided: Decided) -> bool:
        """Keep a decision; False where there was one already. Raises StoreError."""
        return self._make(identity, "decision", asdict(decided))

    def end(self, identity: str, ended: Ended) -> bool:
        """End a grant, by using it most often; True for the one caller who did.

        Raises StoreError.
        """
        return self._make(identity, "end", asdict(ended))

    def give_back(self, identity: str) -> None:
        """Undo a use of one's own that came to nothing. Raises StoreError."""
        with _errors(self._folder):
            (self._folder / f"{identity}.end").unlink(missing_ok=True)
            durable.sync_folder(self._folder)
        self._scanned = (-1, 0)

    def is_decided(self, identity: str) -> bool:
        """Tell whether somebody has decided on a request, or it is gone; one or two `stat`."""
        if os.path.lexists(f"{self._path}/{identity}.decision"):
            return True
        return not os.path.lexists(f"{self._path}/{identity}.request")

    def prune(self, now_ns: int) -> None:
        """Delete what ended long ago, and the oldest beyond MAX_FINISHED; some at a time."""
        finished = [e for e in self.entries() if e.status(now_ns) in (EXPIRED, WITHDRAWN, USED)]
        surplus = len(finished) - MAX_FINISHED
        old = (
            entry
            for at, entry in enumerate(finished)
            if at < surplus or now_ns - entry.expires_ns > RETENTION_NS
        )
        for entry in itertools.islice(old, _FORGOTTEN_AT_ONCE):
            self._forget(entry.id)

    def _forget(self, identity: str) -> None:
        # The request first: without its end, a grant that was used would be a grant again.
        for kind in ("request", "decision", "end"):
            with contextlib.suppress(OSError):
                (self._folder / f"{identity}.{kind}").unlink(missing_ok=True)

    @contextlib.contextmanager
    def deciding(self) -> Iterator[None]:
        """Lock the store for one decision over all processes, so that its receipt comes first."""
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _lock(descriptor)
            self._scanned = (-1, 0)
            yield
        finally:
            os.close(descriptor)

    def _make(self, identity: str, kind: str, value: dict[str, Any]) -> bool:
        path = self._folder / f"{identity}.{kind}"
        # Not by process id: in containers on one folder, every process may have the same.
        temporary = self._folder / f".{identity}.{kind}.{secrets.token_hex(4)}"
        text = json.dumps(value).encode("ascii")
        if len(text) > _MAX_FILE:
            raise StoreError(f"expected at most {_MAX_FILE} bytes to keep, found {len(text)}")
        with _errors(self._folder):
            try:
                durable.write_file(temporary, text, 0o600)
                path.hardlink_to(temporary)
            except FileExistsError:
                return False
            finally:
                temporary.unlink(missing_ok=True)
                self._scanned = (-1, 0)
            durable.sync_folder(self._folder)
        return True

    def _refresh(self) -> None:
        try:
            changed = os.stat(self._path).st_mtime_ns  # noqa: PTH116 - half the cost, at each call
            if self._scanned[0] == changed and self._scanned[1] - changed > _SETTLED_NS:
                return
            self._scanned = (changed, time.time_ns())
            self._scan()
        except OSError as error:
            self._scanned = (-1, 0)
            raise StoreError(f"approvals can't be read in {self._folder}: {error}") from error

    def _scan(self) -> None:
        names = {name for name in os.listdir(self._folder) if not name.startswith(".")}  # noqa: PTH208 - names are all that is wanted, of thousands
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
        try:
            entry = known or Entry(entries.read_request(self._read(identity, "request")))
            if entry.decided is None and f"{identity}.decision" in names:
                decided = entries.read_decided(self._read(identity, "decision"))
                entry = replace(entry, decided=decided)
            has_ended = f"{identity}.end" in names
            if has_ended != (entry.ended is not None):
                ended = entries.read_ended(self._read(identity, "end")) if has_ended else None
                entry = replace(entry, ended=ended)
        except (EntryError, OSError) as error:
            # What can't be read grants nothing.
            if identity not in self._unreadable:  # said once, not at every look
                logger.error("helm-boundary: the approval %s can't be read: %s", identity, error)
            self._unreadable.add(identity)
            return None
        return entry

    def _read(self, identity: str, kind: str) -> Any:
        path = self._folder / f"{identity}.{kind}"
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status, acl = os.fstat(file.fileno()), access_list(file.fileno())
            fault = fault_of(path, status, acl, keepers(), READ | WRITE)
            if fault is not None:
                raise EntryError(str(fault))
            try:
                return json.loads(file.read(_MAX_FILE))
            except ValueError as error:
                raise EntryError(f"{path} isn't JSON: {error}") from error


def _is_grant(entry: Entry) -> bool:
    return entry.decided is not None and entry.decided.decision == GRANTED


def _lock(descriptor: int) -> None:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StoreError("another process is deciding on an approval; try again") from None
            time.sleep(0.01)
        else:
            return


def _refuse_unsafe(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise StoreError(f"expected a folder at {folder}, found something else; remove it")
    fault = fault_of(folder, status, access_list(folder), keepers(), READ | WRITE)
    if fault is not None:
        raise StoreError(
            f"approvals are the operator's alone, for whoever can write there can approve: {fault}"
        )


@contextlib.contextmanager
def _errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"approvals can't be kept in {folder}: {error}") from error
