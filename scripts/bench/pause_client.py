"""A client that sends one case through a proxy, in a process of its own.

    python -m bench.pause_client PORT CASE

It says `ready` when its bytes are made, waits for a line, and prints how the answer began.
"""

from __future__ import annotations

import contextlib
import re
import socket
import sys

from bench.pause_cases import CASES, Work

_PATIENCE = 120.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CODE = re.compile(rb'"code": ?"([A-Z_]+)"')
_KEY = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
_CLOSE = b"\x88\x82\0\0\0\0\x03\xe8"


def send(port: int, case: str, work: Work) -> str:
    """Send a case; return its status, and the code of an error."""
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as client:
        with contextlib.suppress(ConnectionError):  # refused before all of it was read
            if work.path.startswith("ws:"):
                return _converse(client, work)
            client.sendall(
                f"POST {work.path} HTTP/1.1\r\nHost: upstream.test\r\nX-Case: {case}\r\n"
                f"{work.headers}Content-Length: {len(work.request)}\r\n\r\n".encode()
            )
            client.sendall(work.request)
        return _read(client)


def _converse(client: socket.socket, work: Work) -> str:
    client.sendall(
        f"GET {work.path[3:]} HTTP/1.1\r\nHost: upstream.test\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\n{_KEY}\r\n".encode()
    )
    head = client.recv(1 << 16)
    if not head.startswith(b"HTTP/1.1 101"):
        return head[9:12].decode()
    client.sendall(work.request + _CLOSE)
    while client.recv(1 << 16):
        pass
    return "101"


def _read(client: socket.socket) -> str:
    start, length, got = b"", None, 0
    while data := client.recv(1 << 20):
        got += len(data)
        start = (start + data)[:20_000]
        end = start.find(b"\r\n\r\n")
        if end >= 0 and length is None:
            found = _LENGTH.search(start, 0, end)
            length = end + 4 + int(found[1]) if found else -1
        if got == length or (length == -1 and data.endswith(b"\r\n0\r\n\r\n")):
            break
    code = _CODE.search(start + data)
    return start[9:12].decode() + (f" {code[1].decode()}" if code else "")


if __name__ == "__main__":
    made = CASES[sys.argv[2]]()
    print("ready", flush=True)
    sys.stdin.readline()
    print(send(int(sys.argv[1]), sys.argv[2], made), flush=True)
