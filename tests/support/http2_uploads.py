"""Uploads over one connection of HTTP/2, several at a time, each as fast as its window allows."""

from __future__ import annotations

import select
import socket
from collections.abc import Sequence

from h2.connection import H2Connection
from h2.events import ConnectionTerminated, ResponseReceived, StreamEnded, StreamReset


class Uploads:
    """One client's connection, begun without TLS (prior knowledge).

    statuses = Uploads(port, "/v1/files", headers, body).run(100, at_once=10)

    The headers are sent as they are: a `content-length` is the caller's to add.
    """

    def __init__(
        self, port: int, path: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> None:
        self._head = [
            *((":method", "POST"), (":path", path), (":scheme", "http")),
            (":authority", f"127.0.0.1:{port}"),
            *headers,
        ]
        self._body = body
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self._h2 = H2Connection()
        self._h2.initiate_connection()
        self._sent: dict[int, int] = {}
        self._told: dict[int, int] = {}

    def run(self, count: int, at_once: int) -> list[int]:
        """Upload so often and return the statuses; raises where none goes on for a minute."""
        begun, statuses = 0, list[int]()
        with self._socket:
            while len(statuses) < count:
                while begun < count and len(self._sent) < at_once:
                    stream = self._h2.get_next_available_stream_id()
                    self._h2.send_headers(stream, self._head)
                    self._sent[stream] = 0
                    begun += 1
                went_on = [self._send_piece(stream) for stream in self._sent]
                self._socket.sendall(self._h2.data_to_send())
                statuses += self._listen(0 if any(went_on) else 60)
        return statuses

    def _send_piece(self, stream: int) -> bool:
        at, size = self._sent[stream], len(self._body)
        window = self._h2.local_flow_control_window(stream) if at < size else 0
        if window <= 0:
            return False
        end = min(size, at + min(window, self._h2.max_outbound_frame_size))
        self._h2.send_data(stream, self._body[at:end], end_stream=end == size)
        self._sent[stream] = end
        return True

    def _listen(self, seconds: float) -> list[int]:
        """Take what has come; returns the statuses of uploads that are over."""
        if not select.select([self._socket], [], [], seconds)[0]:
            if seconds:
                raise TimeoutError(f"no upload goes on; sent so far: {self._sent}")
            return []
        over = []
        for event in self._h2.receive_data(self._socket.recv(1 << 16)):
            if isinstance(event, ResponseReceived):
                self._told[event.stream_id] = int(dict(event.headers)[b":status"])
            elif isinstance(event, StreamEnded):
                del self._sent[event.stream_id]
                over.append(self._told.pop(event.stream_id))
            elif isinstance(event, StreamReset | ConnectionTerminated):
                raise ConnectionError(event)
        return over
