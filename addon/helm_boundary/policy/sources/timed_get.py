"""One GET that is over in time, whatever the server does.

A socket's time-out is for each read: a server that sends a byte now and then would go on for ever.
Nothing is asked by a proxy, and no redirect is followed: policy comes from where the operator said.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from urllib.parse import SplitResult, urlsplit, urlunsplit

READ_SECONDS = 10.0
"""Longest that a server may send nothing."""

_PORTION = 1 << 16

type Answer = tuple[int, str | None, bytes]
"""A status, the ETag, and a body."""


def get(url: str, fields: Mapping[str, str], most: int, seconds: float) -> Answer:
    """Ask for an address; of the body come at most so many bytes.

    Raises:
        OSError: it can't be reached, or it took longer (TimeoutError).
        http.client.HTTPException: what came isn't HTTP.
        ValueError: the address has what no request can carry.
    """
    parts = urlsplit(url)
    path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    connection = _connection(parts, min(seconds, READ_SECONDS))
    with _watched(seconds, connection) as watch:
        try:
            connection.connect()
            watch.socket = connection.sock
            watch.refuse_late()
            connection.request("GET", path, headers={"user-agent": "helm-boundary", **fields})
            response = connection.getresponse()
            content = _read(response, most) if response.status == 200 else b""
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            watch.refuse_late()  # else it is hanging up that failed
            raise
        watch.refuse_late()  # half a body reads like a whole one
        return response.status, response.headers.get("etag"), content


def _connection(parts: SplitResult, seconds: float) -> http.client.HTTPConnection:
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "https":
        trust = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=trust)
    return http.client.HTTPConnection(host, port, timeout=seconds)


def _read(response: http.client.HTTPResponse, most: int) -> bytes:
    content = bytearray()
    while len(content) < most and (portion := response.read1(min(_PORTION, most - len(content)))):
        content += portion
    if len(content) < most and response.length:
        raise http.client.IncompleteRead(b"", response.length)
    return bytes(content)


class _Watch:
    """Hangs up on a server whose time is over, whatever this thread waits for meanwhile."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection
        self._is_late = threading.Event()
        self.socket: socket.socket | None = None
        """The connection's, once there is one: it forgets it when its answer is the last."""

    def hang_up(self) -> None:
        """End the connection, also in the middle of its handshake."""
        self._is_late.set()
        with contextlib.suppress(OSError, AttributeError, TypeError):
            # Not the method of a TLS socket, which isn't for another thread.
            found = self.socket or self._connection.sock
            socket.socket.shutdown(found, socket.SHUT_RDWR)

    def refuse_late(self) -> None:
        """Raise TimeoutError where the time is over."""
        if self._is_late.is_set():
            raise TimeoutError(errno.ETIMEDOUT, "the server took too long")


@contextlib.contextmanager
def _watched(seconds: float, connection: http.client.HTTPConnection) -> Iterator[_Watch]:
    watch = _Watch(connection)
    timer = threading.Timer(seconds, watch.hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield watch
    finally:
        timer.cancel()
        connection.close()
