"""A real WebSocket server in a thread of its own, while the `with` block lasts."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from support.certificates import Certificate


class SocketServer:
    """Serves WebSockets on a free port of 127.0.0.1; a subclass says how it converses."""

    def __init__(self, certificate: Certificate | None = None) -> None:
        self._tls = certificate.server_context() if certificate else None
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address for a reverse proxy."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """The port that it listens on."""
        if self._server is None:
            raise RuntimeError("the server isn't running")
        return int(self._server.socket.getsockname()[1])

    def __enter__(self) -> Self:
        self._server = serve(
            self.converse, "127.0.0.1", 0, ssl=self._tls, process_request=self.greet
        )
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join(10)

    def greet(self, _socket: ServerConnection, _request: Request) -> Response | None:
        """Answer a request that needn't become a session; None makes it one."""
        return None

    def converse(self, socket: ServerConnection) -> None:
        """Speak with one client until it has gone."""
        raise NotImplementedError
