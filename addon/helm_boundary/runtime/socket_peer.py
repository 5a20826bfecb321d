"""Whose process is at the other end of a Unix socket, by the kernel's word."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys

_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED_BYTES = 0, 1, 76
"""unix(4) of macOS and FreeBSD: `struct xucred`, a version and then the effective user id."""


def peer_user(connection: socket.socket) -> int | None:
    """Return the user id of the process that listens there, None where the system doesn't say."""
    with contextlib.suppress(OSError, struct.error):
        if sys.platform == "linux":  # unix(7): struct ucred
            size = struct.calcsize("iII")
            told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
            return int(struct.unpack("iII", told)[1])
        if sys.platform == "darwin" or sys.platform.startswith("freebsd"):
            told = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED_BYTES)
            return int(struct.unpack_from("II", told)[1])
    return None
