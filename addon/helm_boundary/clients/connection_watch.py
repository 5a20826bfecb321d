"""Who a program and its children connect to, seen while it runs.

A program may ignore proxies and make sockets of its own: then its calls go around the boundary,
and nothing there tells of them. What is looked at every few milliseconds is seen, which a call to a
model is long enough for; `exec --confine` is what leaves nothing to be seen.
"""

from __future__ import annotations

import ipaddress
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self

from .open_sockets import Socket, descendants, inodes_of, open_sockets, program_of

_EVERY = 0.05
_SHARE = 20
_LOOKS = 8
"""Looks in which a new socket may begin to connect."""
_NAMES = 53
_QUIC = 443
"""Of what isn't TCP, only HTTP/3 could be a call."""


@dataclass(frozen=True, slots=True)
class Outside:
    """A connection that didn't go through the boundary."""

    program: str
    host: str
    port: int


class ConnectionWatch(threading.Thread):
    """A thread that looks while a `with` block lasts.

    `ports` are the boundary's own on this machine, and `boundary` is its process, where it is our
    child. `outside` has what went around it, and `programs` who connected to it from which port.
    """

    def __init__(self, ports: Collection[int], boundary: int | None) -> None:
        super().__init__(name="connections", daemon=True)
        self.outside: dict[Outside, None] = {}
        self.programs: dict[int, str] = {}
        self._ports = frozenset(ports)
        self._boundary = boundary
        self._looks: Counter[str] = Counter()
        """How often each socket was looked for in the tables, by its inode."""
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(5)

    def run(self) -> None:
        """Look until the block is over, for a twentieth of the time at most."""
        pause = _EVERY
        while not self._over.wait(pause):
            began = time.perf_counter()
            self.look()
            pause = max(_EVERY, (time.perf_counter() - began) * _SHARE)

    def look(self) -> None:
        """Note who has connected since the last look."""
        owners = {
            inode: pid
            for pid in descendants(os.getpid(), self._boundary)
            for inode in inodes_of(pid)
        }
        # The tables cost milliseconds on large machines; Unix sockets are in none of them.
        fresh = {inode for inode in owners if self._looks[inode] < _LOOKS}
        if not fresh:
            return
        self._looks.update(fresh)
        sockets = [each for each in open_sockets() if each.inode in owners]
        own = {each.local_port for each in sockets if each.is_listening}
        for each in sockets:
            if each.is_connected and each.inode in fresh:
                self._looks[each.inode] = _LOOKS
                self._note(each, program_of(owners[each.inode]), own)

    def _note(self, socket: Socket, program: str, own: Collection[int]) -> None:
        is_here = ipaddress.ip_address(socket.host).is_loopback
        if is_here and socket.port in self._ports:
            self.programs[socket.local_port] = program
        elif not self._is_harmless(socket, is_here, own):
            self.outside.setdefault(Outside(program, socket.host, socket.port))

    def _is_harmless(self, socket: Socket, is_here: bool, own: Collection[int]) -> bool:
        """Tell whether a connection is no way out: names, its own servers and their clients."""
        if socket.port == _NAMES or (socket.protocol == "udp" and socket.port != _QUIC):
            return True
        return is_here and (socket.port in own or socket.local_port in own)


def watch_connections(ports: Sequence[int], boundary: int | None) -> ConnectionWatch | None:
    """Return a watch, or None where the system doesn't tell whose connections there are."""
    return ConnectionWatch(ports, boundary) if sys.platform == "linux" else None
