"""Files that hold a secret: made once, never replaced, and refused when others can read them."""

import os
import stat
from pathlib import Path

from helm_receipts.errors import KeyRefused

from . import durable
from .ownership import READ, WRITE, access_list, fault_of, keepers

_MAX_BYTES = 4096


def create_secret(path: Path, content: bytes) -> None:
    """Put a secret at `path` with mode 0600, durably, unless somebody else was first."""
    durable.create_once(path, content, 0o600)


def read_secret(path: Path) -> bytes:
    """Read a secret file; `KeyRefused` unless it is a plain file and ours alone."""
    try:
        # O_NONBLOCK: nobody may ever write into a pipe that is in its place.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise KeyRefused(
            f"expected a readable key file at {path}, found {error.strerror}; "
            "restore it from your backup, or start with an empty state folder"
        ) from error
    try:
        _refuse_unsafe(path, descriptor)
        return os.read(descriptor, _MAX_BYTES)
    finally:
        os.close(descriptor)


def _refuse_unsafe(path: Path, descriptor: int) -> None:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise KeyRefused(f"expected a plain file at {path}, found something else; remove it")
    fault = fault_of(path, status, access_list(descriptor), keepers(), READ | WRITE)
    if fault is not None:
        raise KeyRefused(str(fault))
