"""The socket over which a boundary tells of its calls. It never waits for whoever listens."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import orjson

_BUFFER = 1 << 20
_MOST = 4 << 20
"""Bytes that are kept for a listener who is slow."""
_PAUSE = 0.5
"""Seconds between two lots: to wake the listener for each call costs more than to tell of it."""
_PATIENCE = 1.0
"""Seconds at most for the last lot."""


class Feed:
    """A boundary's end of the socket, and the other end until somebody has it.

    A line of JSON for each call, told in lots. What there is no room for is dropped, and `dropped`
    in the next line that there is room for says how many have been so far.
    """

    def __init__(self) -> None:
        self._ours, self.theirs = socket.socketpair()
        self._ours.setblocking(False)
        with contextlib.suppress(OSError):
            self._ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        self._waiting = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self.dropped = 0

    def tell(self, facts: dict[str, Any]) -> None:
        """Tell of a call, from a running event loop."""
        line = orjson.dumps({**facts, "dropped": self.dropped}) + b"\n"
        if len(self._waiting) + len(line) > _MOST:
            self.dropped += 1
        else:
            self._waiting += line
        self._send_soon()

    def close(self) -> None:
        """Tell what is left, and no more: the other end sees the end."""
        if self._timer is not None:
            self._timer.cancel()
        with contextlib.suppress(OSError):
            self._ours.settimeout(_PATIENCE)
            self._ours.sendall(self._waiting)
        self._ours.close()
        self.theirs.close()

    def _send_soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_PAUSE, self._send)

    def _send(self) -> None:
        """Send what the socket takes; the rest comes with the next lot."""
        self._timer = None
        with contextlib.suppress(OSError):  # it is full, or nobody is there any more
            del self._waiting[: self._ours.send(self._waiting)]
        if self._waiting and self._ours.fileno() >= 0:
            self._send_soon()
