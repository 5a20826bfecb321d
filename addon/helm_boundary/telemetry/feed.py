"""The socket over which a boundary tells of its calls. It never waits for whoever listens."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import orjson

_BUFFER = 1 << 20


class Feed:
    """A boundary's end of the socket, and the other end until somebody has it.

    A line of JSON for each call. What the socket doesn't take at once is dropped, and `dropped`
    in the next line that it takes says how many have been so far.
    """

    def __init__(self) -> None:
        self._ours, self.theirs = socket.socketpair()
        self._ours.setblocking(False)
        with contextlib.suppress(OSError):
            self._ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        self._rest = b""
        self.dropped = 0

    def tell(self, facts: dict[str, Any]) -> None:
        """Tell of a call."""
        if self._rest:
            self._rest = self._send(self._rest)
        if self._rest:
            self.dropped += 1
            return
        line = orjson.dumps({**facts, "dropped": self.dropped}) + b"\n"
        rest = self._send(line)
        if len(rest) == len(line):
            self.dropped += 1
        else:
            self._rest = rest  # the line has begun, so its end must follow

    def close(self) -> None:
        """Tell no more: the other end sees the end."""
        self._ours.close()
        self.theirs.close()

    def _send(self, data: bytes) -> bytes:
        """Send what the socket takes; returns the rest."""
        try:
            return data[self._ours.send(data) :]
        except OSError:  # it is full, or nobody is there any more
            return data
