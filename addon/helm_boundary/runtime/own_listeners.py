"""The ports on which processes of one state folder listen for people, and never for the proxy.

Each such process keeps a file in `<state>/run` locked for as long as it lives, with the port in it.
So the boundary knows where nobody may be led through it, and a port that is free again is free.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from helm_receipts.layout import Layout

_SUFFIX = ".listener"


@contextlib.contextmanager
def noted(state: Path, port: int) -> Iterator[None]:
    """Note that this process listens on a port, for as long as the `with` block lasts.

    Where the folder can't be written there is no boundary on it either.
    """
    folder = Layout(state).run
    path = folder / f"{secrets.token_hex(8)}{_SUFFIX}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError:
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, b"%d\n" % port)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def noted_ports(state: Path) -> set[int]:
    """Return the ports that living processes have noted; what a dead one left is removed."""
    ports = set[int]()
    try:
        names = os.listdir(Layout(state).run)  # noqa: PTH208 - asked for at each connection
    except OSError:
        return ports
    for name in names:
        if name.endswith(_SUFFIX):
            ports |= _port_in(Layout(state).run / name)
    return ports


def _port_in(path: Path) -> set[int]:
    with contextlib.suppress(OSError, ValueError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if _is_free(descriptor):
                path.unlink(missing_ok=True)
                return set()
            return {int(os.read(descriptor, 16))}
        finally:
            os.close(descriptor)
    return set()


def _is_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
