"""Whether calls are taken here, over HTTP, for balancers and for what restarts containers.

GET or HEAD of any path is answered with 200 while they are, with 404 in a stop that lets open calls
end (what HAProxy's `disable-on-404` is for: no new ones, but the open ones go on), and with 503 at
the start and while a process doesn't answer. What is told beside that is a few counts. It is no
proxy, and reads one small request a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass

import h11

from .health import Health

PATIENCE = 5.0
"""Longest that a request may take, in seconds."""
_MOST = 4096


@dataclass(frozen=True, slots=True)
class Standing:
    """What is told: whether calls are taken, by how many processes of how many."""

    ready: bool
    draining: bool = False
    processes: int = 0
    of: int = 1
    open_calls: int = 0
    observing: bool = False
    disk_low: bool = False


def standing_of(found: Sequence[Health], of: int = 1, *, silent: bool = False) -> Standing:
    """Sum up what processes say of themselves; `silent` where one is there and doesn't answer."""
    ready = [health for health in found if health.ready]
    return Standing(
        ready=bool(ready) and not silent,
        draining=not ready and any(health.draining for health in found),
        processes=len(ready),
        of=of,
        open_calls=sum(health.open_calls for health in found),
        observing=any(health.mode == "observe" for health in found),
        disk_low=any(health.disk_low for health in found),
    )


type Look = Callable[[], Awaitable[Standing]]


class HealthEndpoint:
    """Answers on an address for as long as it is open; `look` tells how things stand."""

    def __init__(self, address: tuple[str, int], look: Look) -> None:
        self._address = address
        self._look = look
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen; raises OSError."""
        self._server = await asyncio.start_server(self._answer, *self._address)

    @property
    def port(self) -> int:
        """The port that is listened on, 0 while none is."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server else 0

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, h11.ProtocolError):
            async with asyncio.timeout(PATIENCE):
                connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_MOST)
                request = await _read(connection, reader)
                if request is not None:
                    writer.write(_reply(connection, request, await self._look()))
                    await writer.drain()
        writer.close()


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await reader.read(_MOST))
    return event if isinstance(event, h11.Request) else None


def _reply(connection: h11.Connection, request: h11.Request, standing: Standing) -> bytes:
    if request.method not in (b"GET", b"HEAD"):
        status, body = 405, b""
    else:
        status = 200 if standing.ready else 404 if standing.draining else 503
        body = json.dumps(asdict(standing)).encode() + b"\n"
    headers = [("content-type", "application/json"), ("content-length", str(len(body))),
               ("cache-control", "no-store"), ("connection", "close")]  # fmt: skip
    sent = connection.send(h11.Response(status_code=status, headers=headers)) or b""
    if request.method != b"HEAD":
        sent += connection.send(h11.Data(body)) or b""
    return sent + (connection.send(h11.EndOfMessage()) or b"")
