"""A client of HTTP/2 that sends what no library would: any pseudo-header, with or without lengths.

with stage.tunnel(alpn="h2") as wire:
    answer = ask_over_http2(wire, [(":method", "POST"), (":path", "/"), ...], b"body")
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError

from support.scene import Answer, Wire


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
