"""Facts in a private folder, in which each is a file that can be made once.

`link(2)` makes a name only if nobody has it, on every process's clock at once; that is what
makes a grant single. Files are whole and durable before they have their name. A call that nobody
escalated costs one `stat` of the folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from helm_receipts.storage import durable
from helm_receipts.storage.ownership import READ, WRITE, access_list, fault_of, keepers

from .entry import EntryError
from .facts import MAX_BYTES, StoreError

_SETTLED_NS = 50_000_000
# A folder's time moves in the kernel's ticks, 10 ms at most; a look younger than this may have
# missed a file that came in the same tick.
_LOCK_SECONDS = 1.0


class FolderFacts:
    """The facts in one folder, as this process sees them."""

    def __init__(self, folder: Path) -> None:
        """Open the folder, made private on first use."""
        with _errors(f"approvals can't be kept in {folder}"):
            durable.make_folder(folder, 0o700)
            _refuse_unsafe(folder)
        self._folder = folder
        self._path = str(folder)
        self._seen = (-1, 0)

    def changed(self) -> bool:
        """Tell whether the folder may have changed since its names were read; one `stat`."""
        with _errors(f"approvals can't be read in {self._path}"):
            at = os.stat(self._path).st_mtime_ns  # noqa: PTH116 - half the cost, at each call
        return self._seen[0] != at or self._seen[1] - at <= _SETTLED_NS

    def names(self) -> set[str]:
        """Return the names of all facts."""
        with _errors(f"approvals can't be read in {self._path}"):
            seen = os.stat(self._path).st_mtime_ns, time.time_ns()  # noqa: PTH116
            names = os.listdir(self._folder)  # noqa: PTH208 - names are all that is wanted
        self._seen = seen
        return {name for name in names if not name.startswith(".")}

    def read(self, name: str) -> Any:
        """Read a file that is ours alone; `EntryError` or `OSError` where it isn't."""
        path = self._folder / name
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status, acl = os.fstat(file.fileno()), access_list(file.fileno())
            fault = fault_of(path, status, acl, keepers(), READ | WRITE)
            if fault is not None:
                raise EntryError(str(fault))
            try:
                return json.loads(file.read(MAX_BYTES))
            except ValueError as error:
                raise EntryError(f"{path} isn't JSON: {error}") from error

    def has(self, name: str) -> bool:
        """Tell whether there is such a file; one `stat`."""
        return os.path.lexists(f"{self._path}/{name}")

    def make(self, name: str, content: bytes) -> bool:
        """Make a file, whole and durable; False where there is one of that name."""
        # Not by process id: in containers on one folder, every process may have the same.
        temporary = self._folder / f".{name}.{secrets.token_hex(4)}"
        with _errors(f"approvals can't be kept in {self._path}"):
            try:
                durable.write_file(temporary, content, 0o600)
                (self._folder / name).hardlink_to(temporary)
            except FileExistsError:
                return False
            finally:
                temporary.unlink(missing_ok=True)
                self._forget_seen()
            durable.sync_folder(self._folder)
        return True

    def remove(self, *names: str) -> None:
        """Remove files in that order, durably."""
        with _errors(f"approvals can't be kept in {self._path}"):
            for name in names:
                (self._folder / name).unlink(missing_ok=True)
            durable.sync_folder(self._folder)
        self._forget_seen()

    def now_ns(self) -> int:
        """Return this machine's time: nobody else has the folder."""
        return time.time_ns()

    @contextlib.contextmanager
    def deciding(self) -> Iterator[None]:
        """Lock the folder; the kernel gives the lock back with the process."""
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _lock(descriptor)
            self._forget_seen()
            yield
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def _forget_seen(self) -> None:
        self._seen = (-1, 0)


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
def _errors(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{what}: {error}") from error
