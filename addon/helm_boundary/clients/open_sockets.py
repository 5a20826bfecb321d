"""The sockets of this machine's programs, as Linux tells them in /proc (proc_net(5))."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_TABLES = ("tcp", "tcp6", "udp", "udp6")
_OPEN = _ESTABLISHED, _SENT, _LISTENING = "01", "02", "0A"


@dataclass(frozen=True, slots=True)
class Socket:
    """A socket of this network namespace; `inode` is how a process's descriptors name it."""

    protocol: str
    local_port: int
    host: str
    port: int
    state: str
    inode: str

    @property
    def is_connected(self) -> bool:
        """Whether it leads somewhere, or is about to."""
        return self.state in (_ESTABLISHED, _SENT) and self.port != 0

    @property
    def is_listening(self) -> bool:
        """Whether others connect to it."""
        return self.state == _LISTENING


def open_sockets() -> Iterator[Socket]:
    """Yield the sockets of this network namespace that are connected, or listen."""
    for table in _TABLES:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]:
                _, local, remote, state, *_ = fields = line.split()
                if state not in _OPEN:
                    continue  # a busy machine has thousands that are over
                host, port = remote.split(":")
                number = int(local.rpartition(":")[2], 16)
                protocol = table.rstrip("6")
                yield Socket(protocol, number, _address(host), int(port, 16), state, fields[9])


def descendants(pid: int, without: int | None = None) -> Iterator[int]:
    """Yield the processes that a process has started, and theirs; none below `without`."""
    for child in _children(pid):
        if child != without:
            yield child
            yield from descendants(child, without)


def inodes_of(pid: int) -> Iterator[str]:
    """Yield the inodes of a process's sockets."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(entry.path)  # noqa: PTH115 - of thousands, each 50 ms
                if target.startswith("socket:["):
                    yield target[8:-1]


def program_of(pid: int) -> str:
    """Return the name of a process's program, empty where it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/exe").readlink().name.removesuffix(" (deleted)")
    return ""


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.scandir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                found += map(int, Path(task.path, "children").read_text().split())
    return found


@lru_cache(maxsize=256)
def _address(coded: str) -> str:
    """Read an address as the kernel writes it: words of four bytes in the machine's order."""
    raw = bytes.fromhex(coded)
    if sys.byteorder == "little":
        raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    address = ipaddress.ip_address(raw)
    return str(getattr(address, "ipv4_mapped", None) or address)
