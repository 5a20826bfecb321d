"""A process's place among those that `run --processes` has started.

Its parent tells it by a variable, and holds the other end of its standard input, a socket. There
the process says what it would say to systemd; that the parent is gone, it learns by its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

VARIABLE = "HELM_PROCESS"
_FIRST = "first"


@dataclass(frozen=True, slots=True)
class Place:
    """Number `number` of `of` processes; `is_first` claims the ports that the others join."""

    number: int
    of: int
    is_first: bool = False

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def told(self) -> dict[str, str]:
        """Return the variable by which a process learns its place."""
        return {VARIABLE: f"{self}{'/' + _FIRST if self.is_first else ''}"}

    @classmethod
    def own(cls) -> Self | None:
        """Return this process's place, None for one that is alone."""
        number, _, rest = os.environ.get(VARIABLE, "").partition("/")
        of, _, first = rest.partition("/")
        if not (number.isdecimal() and of.isdecimal()):
            return None
        return cls(int(number), int(of), first == _FIRST)


def tell_parent(state: str) -> None:
    """Tell the parent a line, such as READY=1; one that is gone is told nothing."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(0)) as parent:
        parent.sendall(f"{state}\n".encode())


def watch_parent(loop: asyncio.AbstractEventLoop, gone: Callable[[], None]) -> None:
    """Call `gone` once when the parent's end of the socket is closed."""

    def read() -> None:
        with contextlib.suppress(BlockingIOError, InterruptedError):
            if os.read(0, 64):
                return
            loop.remove_reader(0)
            gone()

    with contextlib.suppress(OSError, NotImplementedError):
        loop.add_reader(0, read)
