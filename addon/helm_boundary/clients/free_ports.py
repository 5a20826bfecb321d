"""Ports of the loopback address for listeners that another process opens a moment later."""

from __future__ import annotations

import contextlib
import random
import socket

from .environment import LOOPBACK

# Below what Linux (32768) and the others (49152) give to outgoing connections and to port 0:
# a port from there would be taken now and then before its listener opens.
_FIRST, _END = 15_000, 32_000


def free_ports(count: int) -> list[int]:
    """Return different TCP ports that nobody listens on now; they are not held."""
    with contextlib.ExitStack() as held:
        ports: list[int] = []
        while len(ports) < count:
            probe = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind((LOOPBACK, random.randrange(_FIRST, _END)))  # noqa: S311 - no secret
                ports.append(probe.getsockname()[1])
    return ports
