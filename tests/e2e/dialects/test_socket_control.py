"""Control frames of a session, through the real mitmdump: what is in them is judged, or stays."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection

from support.boundary import Boundary
from support.scene import verify_all
from support.socket_server import SocketServer

KNOWN, OTHER = "/v1/realtime?model=m", "/people"


class ControlServer(SocketServer):
    """A server that pings and closes as a test says; `seen` has the control frames that came."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[Opcode, bytes]] = []
        self.close: tuple[int, str] | None = None
        self.pings: list[bytes] = []
        self.closed = threading.Event()

    def converse(self, socket: ServerConnection) -> None:
        """Ping and close as a test says, and look at control frames."""
        take = socket.protocol.recv_frame

        def look(frame: Frame) -> None:
            if frame.opcode in (Opcode.PING, Opcode.PONG, Opcode.CLOSE):
                self.seen.append((frame.opcode, bytes(frame.data)))
            take(frame)

        socket.protocol.recv_frame = look  # type: ignore[method-assign]
        for payload in self.pings:
            assert socket.ping(payload).wait(10)
        socket.send(json.dumps({"type": "session.created", "session": {}}))
        if self.close is not None:
            socket.close(*self.close)
        try:
            for _ in socket:
                pass
        except ConnectionClosed:
            pass
        self.closed.set()


@pytest.fixture(scope="module")
def running(
    policy: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Boundary, ControlServer]]:
    """Start a reverse listener before the server."""
    state = tmp_path_factory.mktemp("state")
    with (
        ControlServer() as server,
        Boundary(state=state, mode=f"reverse:{server.url}", policy=policy) as boundary,
    ):
        yield boundary, server
    verify_all(boundary)


@pytest.fixture
def server(running: tuple[Boundary, ControlServer]) -> ControlServer:
    """Return the upstream with its books empty."""
    server = running[1]
    server.seen, server.close, server.pings = [], None, []
    server.closed.clear()
    return server


@pytest.fixture
def address(running: tuple[Boundary, ControlServer]) -> str:
    """Return where the boundary is."""
    return running[0].url.replace("http", "ws")


@pytest.mark.parametrize("path", [KNOWN, OTHER])
def test_a_clients_ping_is_answered_and_goes_on_empty(
    address: str, server: ControlServer, path: str
) -> None:
    """With its own payload, at once; what was in it reaches nobody."""
    with connect(address + path) as socket:
        socket.recv(timeout=10)
        for payload in (b"the password", b"", b"\xff" * 125):
            assert socket.ping(payload).wait(10)
    assert server.closed.wait(10)
    pings = [data for opcode, data in server.seen if opcode is Opcode.PING]
    assert pings == [b""] * 3


def test_a_servers_ping_is_answered_and_goes_on_empty(address: str, server: ControlServer) -> None:
    """The server gets its payload back, from us."""
    server.pings = [b"the forbidden word", b"x" * 125]
    with connect(address + KNOWN) as socket:
        seen: list[bytes] = []
        take = socket.protocol.recv_frame

        def look(frame: Frame) -> None:
            seen.append(bytes(frame.data))
            take(frame)

        socket.protocol.recv_frame = look  # type: ignore[method-assign]
        assert json.loads(socket.recv(timeout=10))["type"] == "session.created"
    assert not any(b"forbidden" in data for data in seen)
    assert [data for opcode, data in server.seen if opcode is Opcode.PONG] == server.pings


def test_a_pong_that_nobody_asked_for_goes_nowhere(address: str, server: ControlServer) -> None:
    """It is another place to put a text."""
    with connect(address + KNOWN) as socket:
        socket.recv(timeout=10)
        socket.pong(b"the password")
    assert server.closed.wait(10)
    assert not any(b"password" in data for _, data in server.seen)


@pytest.mark.parametrize(
    ("path", "said", "told"),
    [
        (KNOWN, "done for today", "done for today"),
        (KNOWN, "the password", ""),
        (KNOWN, "", ""),
        (OTHER, "the password", "the password"),
    ],
)
def test_a_client_closes_with_its_code_and_what_policy_allows(
    address: str, server: ControlServer, path: str, said: str, told: str
) -> None:
    """On a session of ours; other people's closes are theirs."""
    with connect(address + path) as socket:
        socket.recv(timeout=10)
        socket.close(4001, said)
    assert server.closed.wait(10)
    [close] = [data for opcode, data in server.seen if opcode is Opcode.CLOSE]
    assert close == (4001).to_bytes(2) + told.encode()


@pytest.mark.parametrize(
    ("said", "told"),
    [("session expired", "session expired"), ("the forbidden word", ""), ("", "")],
)
def test_a_server_closes_with_its_code_and_what_policy_allows(
    address: str, server: ControlServer, said: str, told: str
) -> None:
    """Its reason is an answer's text."""
    server.close = (4002, said)
    with connect(address + KNOWN) as socket:
        socket.recv(timeout=10)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4002, told)
