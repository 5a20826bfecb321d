"""A load generator: closed loop, keep-alive, one thread, exact latencies."""

from __future__ import annotations

import re
import selectors
import socket
import time
from dataclasses import dataclass, field

_STATUS = b"HTTP/1.1 200 "
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_PATIENCE = 30.0


class UnexpectedAnswer(Exception):
    """A call that wasn't answered with 200; the message has the answer's beginning."""


@dataclass(slots=True)
class Sample:
    """The measurements: times in seconds, one entry per call; `head` is the last answer's."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    first_events: list[float] = field(default_factory=list)
    head: bytes = b""


class _Connection:
    """One client, which sends the request again as soon as the answer is whole."""

    def __init__(self, port: int, request: bytes, source: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection(
            ("127.0.0.1", port), timeout=_PATIENCE, source_address=(source, 0)
        )
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = request
        self._received = bytearray()
        self._started = 0.0
        self._first_event = 0.0

    def send(self) -> None:
        self._received.clear()
        self._first_event = 0.0
        self._started = time.perf_counter()
        self.socket.sendall(self._request)

    def receive(self, sample: Sample) -> bool:
        """Read what there is; when the answer is whole, add it to the sample and return True."""
        data = self.socket.recv(1 << 16)
        now = time.perf_counter()
        if not data:
            raise UnexpectedAnswer(f"closed after {bytes(self._received[:300])!r}")
        self._received += data
        head_end = self._received.find(b"\r\n\r\n") + 4
        if head_end < 4:
            return False
        if not self._received.startswith(_STATUS):
            raise UnexpectedAnswer(bytes(self._received[:1000]).decode(errors="replace"))
        if not self._first_event and len(self._received) > head_end:
            self._first_event = now
        if not self._is_whole(head_end):
            return False
        sample.latencies.append(now - self._started)
        sample.first_events.append(self._first_event - self._started)
        sample.head = bytes(self._received[:head_end])
        return True

    def _is_whole(self, head_end: int) -> bool:
        length = _LENGTH.search(self._received, 0, head_end)
        if length:
            return len(self._received) >= head_end + int(length[1])
        return self._received.endswith(b"\r\n0\r\n\r\n")


def load(port: int, request: bytes, connections: int, seconds: float, sources: int = 1) -> Sample:
    """Send the request over and over on so many connections; return what each call took.

    They come from so many addresses of this machine: a balancer may keep each on one server.

    Raises `UnexpectedAnswer` for any answer but 200.
    """
    sample = Sample()
    clients = [
        _Connection(port, request, f"127.0.0.{1 + number % sources}")
        for number in range(connections)
    ]
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
        begun = time.perf_counter()
        for client in clients:
            client.send()
        under_way = connections
        while under_way:
            ready = selector.select(_PATIENCE)
            if not ready:
                raise UnexpectedAnswer(f"nothing for {_PATIENCE:.0f} s")
            for key, _ in ready:
                if key.data.receive(sample):
                    if time.perf_counter() - begun < seconds:
                        key.data.send()
                    else:
                        under_way -= 1
        sample.seconds = time.perf_counter() - begun
    for client in clients:
        client.socket.close()
    return sample
