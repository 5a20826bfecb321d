"""An OpenAI-compatible server of our own: real sockets, real HTTP/1.1, real streams.

    with Upstream() as upstream:
        client = OpenAI(base_url=upstream.url + "/v1", api_key="any")

It answers chat completions and models by itself; `answer` scripts anything else. What it saw is in
`requests`, `connections` (`peers` has an address for each) and `bytes_received`: a refused call
must have left all of them alone.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from support.certificates import Certificate
from support.chat import DONE, ToolCall, Turn, event, reply_to_chat, slices
from support.wire import (
    Break,
    Framing,
    Malformed,
    Pause,
    Recorded,
    Reply,
    RequestReader,
    Step,
    write_reply,
)

__all__ = [
    "DONE",
    "MODELS",
    "Break",
    "Framing",
    "Pause",
    "Recorded",
    "Reply",
    "Script",
    "Step",
    "ToolCall",
    "Turn",
    "Upstream",
    "event",
    "reply_to_chat",
    "slices",
]

MODELS = ("gpt-4o", "gpt-4o-mini")
Script = Callable[[Recorded], Reply | None]


class Upstream:
    """The server, in a thread of its own, for as long as the `with` block lasts."""

    def __init__(self, certificate: Certificate | None = None) -> None:
        self.port = 0
        self.requests: list[Recorded] = []
        self.connections = 0
        self.peers: list[str] = []
        self.bytes_received = 0
        self._script: Script = lambda _request: None
        self._tls = certificate.server_context() if certificate else None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="upstream")
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The scheme, address and port, without a trailing slash."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def answer(self, script: Script) -> None:
        """Answer what `script` returns from now on; where it returns None, as without it.

        It runs in the server's thread, once a request.
        """
        self._script = script

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        except BaseException:
            self._stop_loop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        finally:
            self._stop_loop()

    async def _start(self) -> None:
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", 0, ssl=self._tls, backlog=256
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the transports say goodbye in the next turn of the loop

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.peers.append(writer.get_extra_info("peername")[0])
        task = self._loop.create_task(self._serve(reader, writer, self.connections))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> None:
        requests = RequestReader(reader, writer, connection, self._count)
        try:
            if await self._converse(requests, writer) is Break.SILENCE:
                await requests.client_gone()
        except Malformed as malformed:
            await write_reply(writer, _error(400, str(malformed)), bodiless=False)
        except (ConnectionError, ssl.SSLError):
            pass  # a client may go at any time
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            writer.close()

    async def _converse(
        self, requests: RequestReader, writer: asyncio.StreamWriter
    ) -> Break | None:
        while (request := await requests.next()) is not None:
            self.requests.append(request)
            bodiless = request.method == "HEAD"
            ended = await write_reply(writer, self._reply(request), bodiless=bodiless)
            if ended is not None:
                return ended
        return None

    def _count(self, received: int) -> None:
        self.bytes_received += received

    def _reply(self, request: Recorded) -> Reply:
        try:
            return self._script(request) or _default_reply(request)
        except Exception as error:
            return _error(500, f"the script of this upstream failed: {error!r}")


def _default_reply(request: Recorded) -> Reply:
    path = request.path.partition("?")[0]
    if path.endswith("/chat/completions") and request.method == "POST":
        try:
            return reply_to_chat(request)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            return _error(400, f"expected a chat completions request: {error!r}")
    if path.endswith("/models") and request.method in ("GET", "HEAD"):
        return Reply.json({"object": "list", "data": [_model(name) for name in MODELS]})
    if path.rpartition("/")[0].endswith("/models") and request.method == "GET":
        return Reply.json(_model(path.rpartition("/")[2]))
    return _error(404, f"unknown request URL: {request.method} {path}")


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 1715367049, "owned_by": "upstream"}


def _error(status: int, message: str) -> Reply:
    kind = "invalid_request_error" if status < 500 else "server_error"
    error = {"message": message, "type": kind, "param": None, "code": None}
    return Reply.json({"error": error}, status=status)
