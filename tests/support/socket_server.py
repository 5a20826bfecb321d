"""A real WebSocket server in a thread of its own, while the `with` block lasts."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from websockets.sync.server import Server, ServerConnection, serve


class SocketServer:
    """Serves WebSockets on a free port of 127.0.0.1; a subclass says how it converses."""

    def __init__(self) -> None:
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address for a reverse proxy."""
        if self._server is None:
            raise RuntimeError("the server isn't running")
        return f"http://127.0.0.1:{self._server.socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._server = serve(self.converse, "127.0.0.1", 0)
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

    def converse(self, socket: ServerConnection) -> None:
        """Speak with one client until it has gone."""
        raise NotImplementedError
