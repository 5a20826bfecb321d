"""A client of HTTP/2 that sends what no library would: any pseudo-header, with or without lengths.

with stage.tunnel(alpn="h2") as wire:
    answer = ask_over_http2(wire, [(":method", "POST"), (":path", "/"), ...], b"body")
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from typing import Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError

from support.scene import Answer, Scene, Wire


def ask_over_http2(
    wire: Wire,
    headers: Sequence[tuple[str, str]],
    body: bytes = b"",
    trailers: Sequence[tuple[str, str]] = (),
) -> Answer:
    """Send one request as it is given; status 0 where the server ends the stream instead."""
    connection = H2Connection(
        H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
    )
    connection.initiate_connection()
    connection.send_headers(1, list(headers), end_stream=not body and not trailers)
    if body:
        connection.send_data(1, body, end_stream=not trailers)
    if trailers:
        connection.send_headers(1, list(trailers), end_stream=True)
    wire.send(connection.data_to_send())
    return _answer(wire, connection)


def _answer(wire: Wire, connection: H2Connection) -> Answer:
    told: dict[str, str] = {}
    content = bytearray()
    with contextlib.suppress(ConnectionError, TimeoutError, ProtocolError):
        while received := wire.socket.recv(1 << 16):
            for event in connection.receive_data(received):
                if isinstance(event, ResponseReceived):
                    told = {name.decode(): value.decode() for name, value in event.headers}
                elif isinstance(event, DataReceived):
                    content += event.data
                elif isinstance(event, StreamEnded | StreamReset | ConnectionTerminated):
                    return Answer(int(told.pop(":status", 0)), told, bytes(content), "")
    return Answer(0, told, bytes(content), "", whole=False)


class Multiplexed:
    """One HTTP/2 connection, with several streams that are answered at once.

    It goes through a tunnel, or over a wire of one's own where TLS has begun already.

    with Multiplexed(stage) as client:
        stream = client.post({"model": "m", ...})
        client.hears(stream, b"hello")
    """

    def __init__(self, stage: Scene, wire: Wire | None = None) -> None:
        self.h2 = H2Connection()
        self.heard: dict[int, bytes] = {}
        self.ended: set[int] = set()
        self._wire = wire or stage.tunnel(alpn="h2")
        self._authority = f"localhost:{stage.upstream.port}"

    def __enter__(self) -> Self:
        self._wire.socket.settimeout(0.2)
        self.h2.initiate_connection()
        self.flush()
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.close()

    def post(self, value: object, path: str = "/v1/chat/completions") -> int:
        """Post JSON on a stream of its own; returns the stream's id."""
        stream = int(self.h2.get_next_available_stream_id())
        self.h2.send_headers(stream, [
            (":method", "POST"), (":path", path), (":scheme", "https"),
            (":authority", self._authority), ("content-type", "application/json"),
        ])  # fmt: skip
        self.h2.send_data(stream, json.dumps(value).encode(), end_stream=True)
        self.flush()
        self.heard[stream] = b""
        return stream

    def reset(self, stream: int) -> None:
        """Give a stream up, and keep the connection."""
        self.h2.reset_stream(stream)
        self.flush()

    def flush(self) -> None:
        """Send what the state machine has for the wire."""
        self._wire.send(self.h2.data_to_send())

    def hears(self, stream: int, words: bytes, seconds: float = 20) -> bytes:
        """Wait for these words on a stream; returns all that has come there."""
        deadline = time.monotonic() + seconds
        while words not in self.heard[stream]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"expected {words!r}, got {self.heard[stream]!r}")
            self.listen()
        return self.heard[stream]

    def listen(self) -> None:
        """Take what has come, for a fifth of a second at most."""
        try:
            received = self._wire.socket.recv(1 << 16)
        except TimeoutError:
            return
        for event in self.h2.receive_data(received):
            if isinstance(event, DataReceived):
                self.heard[event.stream_id] += event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded | StreamReset):
                self.ended.add(event.stream_id)
        self.flush()
