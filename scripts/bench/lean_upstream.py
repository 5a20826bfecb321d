"""An upstream that costs next to nothing, in a process of its own.

It prints its port, answers every request with prepared bytes, and ends when its input closes.
"""

from __future__ import annotations

import asyncio
import re
import sys
from typing import cast

from bench.chats import json_answer, stream_answer

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_STREAMS = re.compile(rb'"stream": ?true')
_JSON = json_answer()
_STREAM = stream_answer()


class LeanUpstream(asyncio.Protocol):
    """One connection: whole requests in, prepared answers out."""

    def __init__(self) -> None:
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        """Answer each request once it is whole."""
        self._received += data
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        length = _LENGTH.search(self._received, 0, head_end)
        end = head_end + 4 + (int(length[1]) if length else 0)
        if len(self._received) < end:
            return
        streams = _STREAMS.search(self._received, head_end)
        del self._received[:end]
        if streams:
            self._write_event(0)
        else:
            self._write(_JSON)

    def _write_event(self, index: int) -> None:
        # Each write in a turn of its own: events come apart, as a model's do.
        self._write(_STREAM[index])
        if index + 1 < len(_STREAM):
            asyncio.get_running_loop().call_soon(self._write_event, index + 1)

    def _write(self, data: bytes) -> None:
        self._transport.write(data)


async def main() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(LeanUpstream, "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
