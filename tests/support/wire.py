"""HTTP/1.1 as a server reads and writes it, with every way of getting it wrong on purpose.

Reading is strict about framing and does nothing else. Writing follows a `Reply`: a head made by
its framing, then its steps in order. A step is bytes, or something that happens instead of them.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Any

_LARGEST_HEAD = 1 << 20


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request as it arrived, complete: `path` with its query, header names lower case."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int
    """Number of the connection it came on, from 1."""

    def header(self, name: str) -> str | None:
        """Return the first value of a header, or None."""
        return next((value for key, value in self.headers if key == name.lower()), None)

    def json(self) -> Any:
        """Return the body, parsed; raises `ValueError` where it is not JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Pause:
    """A silence in a reply."""

    seconds: float


class Break(Enum):
    """The way a reply ends before its time."""

    RESET = "reset"
    """Reset the connection (TCP RST)."""
    CLOSE = "close"
    """Close it in good order, whatever the framing had promised."""
    SILENCE = "silence"
    """Keep it open and say nothing more, until the client goes."""


Step = bytes | Pause | Break


class Framing(Enum):
    """The way a body's end is marked."""

    LENGTH = "content-length"
    CHUNKED = "chunked"
    """Each step of bytes is one chunk."""
    UNTIL_CLOSE = "until close"
    NONE = "none"
    """No head at all: the steps are the wire."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's answer. Headers given here are never overwritten by the framing's."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    steps: tuple[Step, ...] = ()
    framing: Framing = Framing.LENGTH

    @classmethod
    def of(cls, body: bytes, content_type: str, *, status: int = 200) -> Reply:
        """Answer with a whole body."""
        return cls(status, (("content-type", content_type),), (body,))

    @classmethod
    def json(cls, value: object, *, status: int = 200) -> Reply:
        """Answer with a JSON value."""
        return cls.of(json.dumps(value).encode(), "application/json", status=status)

    @classmethod
    def events(cls, *steps: Step) -> Reply:
        """Answer with `text/event-stream`; each step of bytes goes out as one chunk, as it is."""
        head = (("content-type", "text/event-stream"), ("cache-control", "no-cache"))
        return cls(200, head, steps, Framing.CHUNKED)

    @classmethod
    def raw(cls, *steps: Step) -> Reply:
        """Answer with exactly these bytes, head included."""
        return cls(steps=steps, framing=Framing.NONE)

    def head(self) -> bytes:
        """Return the status line and headers as they go on the wire."""
        given = {name.lower() for name, _ in self.headers}
        framed: list[tuple[str, str]] = []
        if self.framing is Framing.LENGTH and "content-length" not in given:
            size = sum(len(step) for step in self.steps if isinstance(step, bytes))
            framed = [("content-length", str(size))]
        elif self.framing is Framing.CHUNKED and "transfer-encoding" not in given:
            framed = [("transfer-encoding", "chunked")]
        elif self.framing is Framing.UNTIL_CLOSE and "connection" not in given:
            framed = [("connection", "close")]
        lines = [f"HTTP/1.1 {self.status} {_phrase(self.status)}"]
        lines += [f"{name}: {value}" for name, value in (*self.headers, *framed)]
        return "\r\n".join((*lines, "", "")).encode("latin-1")


class Malformed(Exception):
    """Input that isn't an HTTP/1.1 request; the message says what was expected."""


class RequestReader:
    """A reader of requests from one connection; `count` is told of every byte."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        connection: int,
        count: Callable[[int], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._connection = connection
        self._count = count
        self._buffer = bytearray()

    async def next(self) -> Recorded | None:
        """Return the next complete request, or None when the client has closed."""
        head = await self._until(b"\r\n\r\n")
        if head is None:
            return None
        line, *fields = head.decode("latin-1").split("\r\n")
        try:
            method, path, _version = line.split(" ")
            headers = tuple(_header(field) for field in fields)
        except ValueError as error:
            raise Malformed(f"expected an HTTP/1.1 request, found {line!r}") from error
        values = dict(headers)
        if values.get("expect", "").lower() == "100-continue":
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in values.get("transfer-encoding", "").lower():
            body = await self._chunked()
        else:
            body = await self._exactly(int(values.get("content-length", "0")))
        return None if body is None else Recorded(method, path, headers, body, self._connection)

    async def client_gone(self) -> None:
        """Return when the client has closed, whatever it still sends."""
        while await self._fill():
            self._buffer.clear()

    async def _chunked(self) -> bytes | None:
        body = bytearray()
        while (line := await self._until(b"\r\n")) is not None:
            size = int(line.split(b";")[0], 16)
            if size == 0:
                while trailer := await self._until(b"\r\n"):
                    del trailer
                return bytes(body)
            chunk = await self._exactly(size + 2)
            if chunk is None:
                return None
            body += chunk[:-2]
        return None

    async def _until(self, separator: bytes) -> bytes | None:
        while (end := self._buffer.find(separator)) < 0:
            if len(self._buffer) > _LARGEST_HEAD:
                raise Malformed(f"expected a head of at most {_LARGEST_HEAD} bytes")
            if not await self._fill():
                return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + len(separator)]
        return line

    async def _exactly(self, size: int) -> bytes | None:
        while len(self._buffer) < size:
            if not await self._fill():
                return None
        body = bytes(self._buffer[:size])
        del self._buffer[:size]
        return body

    async def _fill(self) -> bool:
        received = await self._reader.read(1 << 18)
        self._count(len(received))
        self._buffer += received
        return bool(received)


async def write_reply(
    writer: asyncio.StreamWriter, reply: Reply, *, bodiless: bool
) -> Break | None:
    """Write a reply; return how the connection ends, or None when it can take another request.

    A reset has been carried out already. `bodiless` is for answers to HEAD, which have a head only.
    """
    if reply.framing is not Framing.NONE:
        writer.write(reply.head())
    for step in () if bodiless else _on_the_wire(reply):
        if isinstance(step, bytes):
            writer.write(step)
        await writer.drain()
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
        elif isinstance(step, Break):
            if step is Break.RESET:
                _reset(writer)
            return step
    await writer.drain()
    return None if reply.framing in (Framing.LENGTH, Framing.CHUNKED) else Break.CLOSE


def _on_the_wire(reply: Reply) -> Iterable[Step]:
    if reply.framing is not Framing.CHUNKED:
        yield from reply.steps
        return
    for step in reply.steps:
        # An empty chunk would end the body.
        if not isinstance(step, bytes):
            yield step
        elif step:
            yield b"%x\r\n%b\r\n" % (len(step), step)
    yield b"0\r\n\r\n"


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _header(field: str) -> tuple[str, str]:
    name, value = field.split(":", 1)
    return name.lower(), value.strip()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unassigned"
