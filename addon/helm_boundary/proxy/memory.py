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

from mitmproxy import connection, http

from .patches.upload_turns import LARGE, UploadTurns

_OFTEN = 16 << 20
_SOON = 0.02
"""Seconds after which mitmproxy has let go of a flow that is over."""
_MMAP_THRESHOLD = -3


class BodyMemory:
    """The part of the addon that keeps the memory of bodies within bounds."""

    name = "helmboundarymemory"

    def __init__(self) -> None:
        self._passed = 0
        self.turns = UploadTurns()

    def running(self) -> None:
        """Have the C library give back what is large as soon as it is freed (mallopt(3))."""
        if sys.platform == "linux":
            with contextlib.suppress(AttributeError, OSError):  # musl does so by itself
                ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, LARGE)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Let a large upload take its turn; of HTTP/2's streams `patches.http2_uploads` does so."""
        request = flow.request
        if request.is_http2 or request.is_http3:
            return
        is_chunked = "transfer-encoding" in request.headers
        length = None if is_chunked else request.headers.get("content-length", "")
        self.turns.begin(flow.client_conn.id, length)

    def request(self, flow: http.HTTPFlow) -> None:
        """Count a body that has come."""
        self.turns.note_whole(flow.client_conn.id)
        self._count(flow.request.raw_content)

    def response(self, flow: http.HTTPFlow) -> None:
        """Count an answer, after which a flow is over."""
        self._count(flow.response.raw_content if flow.response else None)
        self.turns.end_soon(flow.client_conn.id)

    def error(self, flow: http.HTTPFlow) -> None:
        """End the turn of an upload that failed."""
        self.turns.end_soon(flow.client_conn.id)

    def client_disconnected(self, client: connection.Client) -> None:
        """End the turns of a client that has gone."""
        self.turns.end_all(client.id)

    def _count(self, body: bytes | None) -> None:
        self._passed += len(body or b"")
        if self._passed >= _OFTEN:
            self._passed = 0
            asyncio.get_running_loop().call_later(_SOON, gc.collect)
