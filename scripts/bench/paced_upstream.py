"""An upstream whose streams come at a fixed pace, at next to no cost, in a process of its own.

    python -m bench.paced_upstream EVENTS RATE

It prints its port, answers every request with a stream of so many events at so many a second, and
ends when its input closes.
"""

from __future__ import annotations

import selectors
import socket
import sys
import time
from dataclasses import dataclass

from bench.chats import stream_answer


@dataclass(slots=True)
class _Stream:
    due: float
    sent: int = 0


class PacedUpstream:
    """One listening socket and its streams."""

    def __init__(self, events: int, rate: int) -> None:
        head, *_, last, end = stream_answer()
        self._head = head
        self._event = stream_answer()[1]
        self._end = last + end
        self._events = events
        self._pause = 1 / rate
        self._selector = selectors.DefaultSelector()
        self._streams: dict[socket.socket, _Stream] = {}
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._selector.register(self._socket, selectors.EVENT_READ)
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        self.port = self._socket.getsockname()[1]

    def serve(self) -> None:
        """Serve until standard input ends."""
        while True:
            due = min((s.due for s in self._streams.values()), default=None)
            wait = None if due is None else max(0.0, due - time.monotonic())
            for key, _ in self._selector.select(wait):
                if key.fileobj is sys.stdin:
                    return
                if key.fileobj is self._socket:
                    client, _ = self._socket.accept()
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._selector.register(client, selectors.EVENT_READ)
                elif isinstance(key.fileobj, socket.socket):
                    self._read(key.fileobj)
            self._send_due(time.monotonic())

    def _read(self, client: socket.socket) -> None:
        try:
            data = client.recv(1 << 16)
        except ConnectionError:
            data = b""
        if not data:
            self._selector.unregister(client)
            self._streams.pop(client, None)
            client.close()
        elif data.rstrip().endswith(b"}"):
            client.sendall(self._head)
            self._streams[client] = _Stream(time.monotonic() + self._pause)

    def _send_due(self, now: float) -> None:
        for client, stream in list(self._streams.items()):
            if stream.due > now:
                continue
            stream.sent += 1
            stream.due += self._pause
            if stream.sent < self._events:
                client.sendall(self._event)
            else:
                client.sendall(self._end)
                del self._streams[client]


if __name__ == "__main__":
    upstream = PacedUpstream(int(sys.argv[1]), int(sys.argv[2]))
    print(upstream.port, flush=True)
    upstream.serve()
