"""Folders with names short enough for the sockets in them, gone with the process that made them.

A process that is killed can't remove its own. Each is locked while its process lives, so that the
next run sees which are nobody's any more.
"""

from __future__ import annotations

import atexit
import fcntl
import functools
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

_PREFIX = "helm-pg-"
_LOCK = "in-use"

_held: dict[Path, int] = {}


def short_folder() -> Path:
    """Make a folder, after those of dead processes are removed."""
    _sweep_once()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = os.open(folder / f".{_LOCK}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    (folder / f".{_LOCK}").rename(folder / _LOCK)  # whoever sees it sees it locked
    _held[folder] = lock
    return folder


def remove_short_folder(folder: Path) -> None:
    """Remove one of this process's own; another folder is left alone."""
    lock = _held.pop(folder, None)
    if lock is not None:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def sweep(parent: Path) -> None:
    """Remove what processes left that are gone; what is in use, or isn't ours, stays."""
    for path in parent.glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(OSError):  # another user's, or gone meanwhile
            lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path.parent, ignore_errors=True)
            finally:
                os.close(lock)


@functools.cache
def _sweep_once() -> None:
    sweep(Path(tempfile.gettempdir()))
    atexit.register(_remove_all)


def _remove_all() -> None:
    for folder in list(_held):
        remove_short_folder(folder)
