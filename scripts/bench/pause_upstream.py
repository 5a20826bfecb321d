"""An upstream that answers each case with its own bytes, in a process of its own.

It prints its port and ends when its input closes. The header `X-Case` has a case's name; without
it the answer is a small chat completion.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import re
import socket
import sys
import threading
import time
from io import BufferedReader

from bench.pause_cases import CASES, completion

_CASE = re.compile(rb"\r\nx-case: *([^\r]*)\r\n", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_KEY = re.compile(rb"\r\nsec-websocket-key: *([^\r]*)\r\n", re.IGNORECASE)
_HELLO = completion("Hello.")
_SMALL = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_HELLO)
) + _HELLO
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@functools.cache
def _answer(case: str) -> tuple[bytes, ...]:
    return CASES[case]().answer


def serve(client: socket.socket) -> None:
    """Answer one connection's requests, one after the other."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with client, contextlib.suppress(OSError), client.makefile("rb") as reader:
        while head := _head(reader):
            if key := _KEY.search(head):
                _converse(client, key[1])
                return
            length, case = _LENGTH.search(head), _CASE.search(head)
            reader.read(int(length[1]) if length else 0)
            pieces = (_answer(case[1].decode()) if case else ()) or (_SMALL,)
            for number, piece in enumerate(pieces):
                client.sendall(piece)
                if number % 20 == 19:
                    time.sleep(0.001)  # so that it arrives in pieces
            if b"Connection: close" in pieces[0]:
                return


def _head(reader: BufferedReader) -> bytes:
    head = b""
    while (line := reader.readline()) and line != b"\r\n":
        head += line
    return head


def _converse(client: socket.socket, key: bytes) -> None:
    """Take a WebSocket's frames, and close when its client does."""
    accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())  # noqa: S324 - RFC 6455
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept
    )
    while data := client.recv(1 << 16):
        if data[-8:-7] == b"\x88" or data[-6:-5] == b"\x88":  # masked, with and without a code
            client.sendall(b"\x88\x02\x03\xe8")
            return


def main() -> None:
    """Serve until standard input ends."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=256)
    print(listening.getsockname()[1], flush=True)

    def accept() -> None:
        while True:
            client, _ = listening.accept()
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
