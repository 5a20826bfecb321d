"""How a boundary says that it is there: one JSON object over a Unix socket, to its own user.

The socket is `<state>/run/<process id>.sock` in a folder of mode 0700. Whoever connects gets the
object and the end of the stream; nothing that is sent is read. Who asks looks first whose process
it is that answers: what it says is where a program's traffic goes and whom it then trusts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from helm_receipts.errors import StateRefused
from helm_receipts.layout import Layout
from helm_receipts.storage.ownership import Keepers, keepers

from .socket_peer import peer_user

STARTED_FOR = "HELM_STARTED_FOR"
"""The variable that tells a boundary which process it was started for, and ends with."""

_PATIENCE = 2.0
_LONGEST = 1 << 20
_EVERY_ADDRESS = ("", "0.0.0.0", "::", "[::]", "*")  # noqa: S104 - to be recognised, not listened on


@dataclass(frozen=True, slots=True)
class Listener:
    """Where one of mitmproxy's modes is served: `127.0.0.1:8080`."""

    mode: str
    address: str


@dataclass(frozen=True, slots=True)
class Untrusting:
    """A client that broke off its TLS handshake, as one does that doesn't trust our authority.

    `number` counts them; `port` is the client's own, `host` the one that it meant to call.
    """

    number: int
    port: int
    host: str


@dataclass(frozen=True, slots=True)
class Health:
    """What a boundary says about itself. Times in seconds, digests SHA-256 in hex."""

    pid: int
    version: str
    mode: str
    listeners: tuple[Listener, ...]
    sealed: bool
    draining: bool
    policy_uri: str
    policy_digest: str
    policy_rules: int
    engine: str
    hosts: tuple[str, ...]
    state: str
    ca_file: str
    open_calls: int
    unsafe: tuple[str, ...]
    upstream_roots: str = ""
    """The file of authorities that servers are verified by; empty for those that come with us."""
    untrusting: tuple[Untrusting, ...] = ()
    """The newest of them."""
    observation: dict[str, Any] = field(default_factory=dict)
    """Who has it observe for a time, why and until when; empty where nobody has."""
    disk_free: int = -1
    """Bytes that are free for receipts, -1 where the system doesn't say."""
    disk_low: bool = False
    database: str = ""
    """Where the state is, if not in the folder; without its password."""
    writer: str = ""
    """Whose receipts are its own."""
    process: str = ""
    """Its number of how many, as 2/4, where `run --processes` started it."""
    ca_digest: str = ""
    """The authority's certificate, SHA-256 in hex; empty where it can't be read."""
    started_for: int = 0
    """The process that it ends with; 0 where it was started by itself."""
    steps: dict[str, list[float]] = field(default_factory=dict)
    """How long the boundary's own steps took, as `Timings.told` has it, where that is measured."""
    labels: dict[str, list[str]] = field(default_factory=dict)
    """The names that metrics may have as labels, where there are metrics."""
    dropped: dict[str, int] = field(default_factory=dict)
    """Calls of which something is missing: `receipts` or `spans`."""

    @property
    def ready(self) -> bool:
        """Whether new calls are judged here."""
        return self.sealed and not self.draining and bool(self.listeners)

    @property
    def proxy(self) -> str | None:
        """Where clients reach it as a forward proxy: host and port, or None."""
        for listener in self.listeners:
            if re.match(r"(regular|upstream)\b", listener.mode):
                host, _, port = listener.address.rpartition(":")
                return f"{'127.0.0.1' if host in _EVERY_ADDRESS else host}:{port}"
        return None

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` wrote; KeyError or TypeError for anything else."""
        members = {name: member for name, member in value.items() if name != "ready"}
        members["listeners"] = tuple(Listener(**one) for one in value["listeners"])
        members["untrusting"] = tuple(Untrusting(**one) for one in value.get("untrusting", ()))
        members |= {name: tuple(value[name]) for name in ("hosts", "unsafe")}
        return cls(**members)

    def to_json(self) -> dict[str, Any]:
        """Return what goes over the socket."""
        return {"ready": self.ready, **asdict(self)}


class HealthSocket:
    """Serves one boundary's health for as long as it is open."""

    def __init__(self, state: Path, look: Callable[[], Health]) -> None:
        self._path = socket_of(state, os.getpid())
        self._look = look
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen; OSError where that isn't possible. Sockets that are none of ours go."""
        if self._path.parent.is_symlink():  # what lies where it leads isn't ours to remove
            raise NotADirectoryError(f"{self._path.parent} is a link")
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        self._path.parent.chmod(0o700)
        for path in self._path.parent.glob("*.sock"):
            if path == self._path or not _answers(path):
                path.unlink(missing_ok=True)
        with _reachable(self._path) as name:
            self._server = await asyncio.start_unix_server(self._answer, name)

    def close(self) -> None:
        """Stop listening and remove the socket."""
        if self._server is not None:
            self._server.close()
            self._server = None
            self._path.unlink(missing_ok=True)

    async def _answer(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(json.dumps(self._look().to_json()).encode())
            await writer.drain()
        writer.close()


def socket_of(state: Path, pid: int) -> Path:
    """Return the socket on which the boundary with this process id tells its health."""
    return Layout(state).run / f"{pid}.sock"


def ask(path: Path, by: Keepers | None = None) -> Health | None:
    """Ask the boundary behind a socket for its health; None when nothing answers in time.

    Raises:
        StateRefused: it is a process of another user (than `by`) that answers.
    """
    with (
        contextlib.suppress(OSError, ValueError, KeyError, TypeError),
        socket.socket(socket.AF_UNIX) as connection,
    ):
        connection.settimeout(_PATIENCE)
        with _reachable(path) as name:
            connection.connect(name)
        _refuse_foreign_peer(path, peer_user(connection), by or keepers())
        said = b""
        while (part := connection.recv(1 << 16)) and len(said) < _LONGEST:
            said += part
        return Health.from_json(json.loads(said))
    return None


def running_boundaries(state: Path, by: Keepers | None = None) -> Iterator[Health]:
    """Yield every boundary that answers in this state folder; raises as `ask` does."""
    if hasattr(socket, "AF_UNIX"):
        for path in sorted(Layout(state).run.glob("*.sock")):
            if (health := ask(path, by)) is not None:
                yield health


def _answers(path: Path) -> bool:
    try:
        return ask(path) is not None
    except StateRefused:
        return False


def _refuse_foreign_peer(path: Path, user: int | None, by: Keepers) -> None:
    owner = path.lstat().st_uid  # where the system can't say whose process it is
    if {owner, owner if user is None else user} <= by.users:
        return
    raise StateRefused(
        f"expected a boundary of user {os.geteuid()} or root at {path}, found a process of user "
        f"{owner if user is None else user}; look what that is, then remove the file"
    )


@contextlib.contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """Yield a name for a socket's path that fits into the 104 to 108 bytes of sockaddr_un."""
    if len(os.fsencode(path)) < 100 or not Path("/proc/self/fd").exists():
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
