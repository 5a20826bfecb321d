"""A network namespace for one program, in which the boundary is all there is to reach.

A proxy can't stop a program that doesn't use it. A network namespace can: it has a loopback
interface and nothing else (network_namespaces(7)). The listening sockets in it are made inside
and handed out to us (SCM_RIGHTS, unix(7)); what connects to them we connect to the boundary. A
user namespace makes this possible without being root, and takes root's power over the outside
from a program that has it (user_namespaces(7)).

What stays reachable is what the file system names, Unix sockets among it: a program that may talk
to a container engine's socket, say, can have somebody else connect for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from helm_receipts.storage import isolated

from .environment import LOOPBACK
from .supervise import NOT_EXECUTABLE, run_program

INSIDE = Path(__file__).with_name("confined.py")
_CHUNK = 1 << 16


class ConfinementRefused(Exception):
    """A system that doesn't allow namespaces; the message says what it would take."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """A way to run programs for which 127.0.0.1 has the boundary's `ports` and nothing else."""

    ports: Sequence[int]

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Run a program confined and return its exit code.

        Raises:
            ConfinementRefused: no namespaces here.
            NotStarted: the program can't be run.
        """
        if sys.platform != "linux":
            raise ConfinementRefused("--confine needs Linux's network namespaces")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        numbers = ",".join(map(str, self.ports))
        inside = isolated.run_file(INSIDE, str(theirs.fileno()), numbers, *command)
        relay = _Relay(ours, self.ports)
        with ours:
            relay.start()
            try:
                code = run_program(
                    inside, environment, keep=(theirs.fileno(),), started=theirs.close
                )
            finally:
                theirs.close()
                relay.stop()
        if code == NOT_EXECUTABLE and relay.refusal:
            raise ConfinementRefused(relay.refusal)
        return code


class _Relay(threading.Thread):
    """A thread that takes the namespace's listening sockets and joins clients to the boundary."""

    def __init__(self, channel: socket.socket, ports: Sequence[int]) -> None:
        super().__init__(name="confinement", daemon=True)
        self.refusal = ""
        self._channel = channel
        self._ports = ports
        self._loop = asyncio.new_event_loop()

    def run(self) -> None:
        said, descriptors, _, _ = socket.recv_fds(self._channel, 4096, len(self._ports))
        if said != b"ready":
            self.refusal = said.decode(errors="replace")
        elif descriptors:
            self._loop.create_task(self._serve([socket.socket(fileno=fd) for fd in descriptors]))
            self._channel.send(b"go")
            self._loop.run_forever()
        self._loop.close()

    def stop(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.stop)
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)
        self.join(5)

    async def _serve(self, listening: Sequence[socket.socket]) -> None:
        self._servers = [
            await asyncio.start_server(_joiner(port), sock=inside)
            for port, inside in zip(self._ports, listening, strict=True)
        ]


def _joiner(port: int):  # type: ignore[no-untyped-def] # asyncio's callback type is a mouthful
    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward = await asyncio.open_connection(LOOPBACK, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, onward[1]), _copy(onward[0], writer))
        for end in (writer, onward[1]):
            end.close()

    return join


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while part := await source.read(_CHUNK):
            target.write(part)
            await target.drain()
        if target.can_write_eof():
            target.write_eof()
