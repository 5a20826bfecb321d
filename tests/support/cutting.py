"""A network between a client and a server that cuts connections after some bytes of the answers."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class Cutting:
    """A TCP proxy on 127.0.0.1 that cuts a connection after a random number of bytes back.

    What the client sent before has arrived; of the answer it gets a part, or nothing.
    """

    def __init__(self, port: int, chance: random.Random, most: int = 900) -> None:
        self.cuts = 0
        self._target = port
        self._chance = chance
        self._most = most
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ended = threading.Event()
        self.calm = threading.Event()
        """While it is set nothing is cut."""

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            # Some connections are cut while they are being made: that takes some 400 bytes.
            limit = self._chance.randrange(300, self._most)
            threading.Thread(target=self._pass, args=(client, server, None), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, limit), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, limit: int | None) -> None:
        left = limit
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if left is not None and not self.calm.is_set() and len(data) >= left:
                    target.sendall(data[:left])
                    self.cuts += 1
                    break
                target.sendall(data)
                left = left - len(data) if left is not None else None
        for each in (source, target):
            # Closing alone wouldn't wake the thread that waits for it.
            shut(each)


def shut(connection: socket.socket) -> None:
    """Shut a connection down in both directions and close it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
