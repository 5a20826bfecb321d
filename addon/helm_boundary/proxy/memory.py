"""The memory of large bodies: given back when they are over, and never for too many at a time.

A flow and mitmproxy's layers refer to each other, so that a flow that is over stays until Python
looks for such circles. It does so by counting objects, and a large body is one: ten uploads at a
time took a gigabyte. Here the bytes of bodies are counted too, and an upload whose turn hasn't come
is read slowly, so that it waits where it comes from.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import sys
import time
from dataclasses import dataclass, field

from mitmproxy import connection, http

LARGE = 1 << 20
"""Bytes of a body that takes its turn."""
AT_ONCE = 40 << 20
"""Bytes of bodies read at full speed; each takes three times as much while it is judged."""
_OFTEN = 16 << 20
_SOON = 0.02
"""Seconds after which mitmproxy has let go of a flow that is over."""
_STEP = 2.0
"""Seconds between two pieces of an upload that waits: clients give up one that doesn't go on."""
_SLOW = 3.0
"""Seconds after which one that still comes holds nobody up: it comes slowly, as it is."""
_LONGEST = 30.0
"""Seconds after which an upload waits no longer, however slow those before it are."""
_MMAP_THRESHOLD = -3


@dataclass(slots=True)
class _Upload:
    size: int
    began: float = field(default_factory=time.monotonic)
    admitted: asyncio.Event = field(default_factory=asyncio.Event)
    is_whole: bool = False

    @property
    def counts(self) -> bool:
        """Whether it takes memory, or is about to."""
        is_fast = time.monotonic() - self.began < _SLOW
        return self.admitted.is_set() and (self.is_whole or is_fast)

    def admit(self) -> None:
        """Let it be read at full speed, from now on."""
        self.began = time.monotonic()
        self.admitted.set()


class BodyMemory:
    """The part of the addon that keeps the memory of bodies within bounds."""

    name = "helmboundarymemory"

    def __init__(self) -> None:
        self._passed = 0
        self._uploads: dict[str, _Upload] = {}

    def running(self) -> None:
        """Have the C library give back what is large as soon as it is freed (mallopt(3))."""
        if sys.platform == "linux":
            with contextlib.suppress(AttributeError, OSError):  # musl does so by itself
                ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, LARGE)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Let a large upload take its turn; streams of HTTP/2 share a connection, and don't."""
        said = flow.request.headers.get("content-length", "")
        if said.isdecimal() and int(said) >= LARGE and flow.request.is_http11:
            self._uploads[flow.client_conn.id] = _Upload(int(said))
            self._admit()

    def request(self, flow: http.HTTPFlow) -> None:
        """Count a body that has come."""
        if upload := self._uploads.get(flow.client_conn.id):
            upload.is_whole = True
        self._count(flow.request.raw_content)

    def response(self, flow: http.HTTPFlow) -> None:
        """Count an answer, after which a flow is over."""
        self._count(flow.response.raw_content if flow.response else None)
        self._end_soon(flow.client_conn)

    def error(self, flow: http.HTTPFlow) -> None:
        """End the turn of an upload that failed."""
        self._end_soon(flow.client_conn)

    def client_disconnected(self, client: connection.Client) -> None:
        """End the turn of a client that has gone."""
        self._end(client.id)

    async def turn(self, client: connection.Client) -> None:
        """Wait until a client's next piece of a large upload may be read."""
        upload = self._uploads.get(client.id)
        if upload is None or upload.admitted.is_set():
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(upload.admitted.wait(), _STEP)
        if time.monotonic() - upload.began > _LONGEST:
            upload.admit()
        self._admit()

    def _admit(self) -> None:
        used = sum(each.size for each in self._uploads.values() if each.counts)
        for upload in self._uploads.values():
            if upload.admitted.is_set():
                continue
            if used and used + upload.size > AT_ONCE:
                break
            upload.admit()
            used += upload.size

    def _count(self, body: bytes | None) -> None:
        self._passed += len(body or b"")
        if self._passed >= _OFTEN:
            self._passed = 0
            asyncio.get_running_loop().call_later(_SOON, gc.collect)

    def _end_soon(self, client: connection.Client) -> None:
        if client.id in self._uploads:
            asyncio.get_running_loop().call_later(2 * _SOON, self._end, client.id)

    def _end(self, client: str) -> None:
        if self._uploads.pop(client, None) is not None:
            self._admit()
