"""The process that a reservation belongs to: known by a lock, which ends with it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from pathlib import Path

_SUFFIX = ".owner"


class Owner:
    """This process among those that share a folder, for as long as it holds its lock."""

    def __init__(self, folder: Path) -> None:
        self.name = secrets.token_hex(8)
        self._path = folder / f"{self.name}{_SUFFIX}"
        self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """Give the lock up; what is still reserved then belongs to nobody. Idempotent."""
        if self._descriptor >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1


def is_gone(folder: Path, name: str) -> bool:
    """Tell whether a process has ended, however it did."""
    path = folder / f"{name}{_SUFFIX}"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
