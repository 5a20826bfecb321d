"""Files that hold a secret: made once, never replaced, and refused when others can read them."""

import os
import stat
from pathlib import Path

from helm_receipts import durable
from helm_receipts.errors import KeyRefused

_MAX_BYTES = 4096


def create_secret(path: Path, content: bytes) -> None:
    """Put a secret at `path` with mode 0600, durably, unless somebody else was first."""
    durable.create_once(path, content, 0o600)


def read_secret(path: Path) -> bytes:
    """The content of a secret file; `KeyRefused` unless it is a plain file of ours, mode 0600."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise KeyRefused(
            f"expected a readable key file at {path}, found {error.strerror}; "
            "restore it from your backup, or start with an empty state folder"
        ) from error
    try:
        _refuse_unsafe(path, os.fstat(descriptor))
        return os.read(descriptor, _MAX_BYTES)
    finally:
        os.close(descriptor)


def refuse_open_folder(folder: Path) -> None:
    """`KeyRefused` when others can put files of their own in place of those in a folder."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o022:
        raise KeyRefused(
            f"expected {folder} to be writable by its owner only (mode 0700), found mode "
            f"{mode:04o}; look whether its files are yours, then run `chmod 700 {folder}`"
        )


def _refuse_unsafe(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyRefused(f"expected a plain file at {path}, found something else; remove it")
    if status.st_mode & 0o077:
        raise KeyRefused(
            f"expected {path} to be readable by its owner only (mode 0600), found mode "
            f"{stat.S_IMODE(status.st_mode):04o}; treat the key as known to others: rotate it, "
            f"or run `chmod 600 {path}` if you are sure that nobody has read it"
        )
    if status.st_uid != os.geteuid():
        raise KeyRefused(
            f"expected {path} to belong to user {os.geteuid()}, found user {status.st_uid}; "
            "run the boundary as that user or give it a state folder of its own"
        )
