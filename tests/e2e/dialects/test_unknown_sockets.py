"""WebSockets on paths that nobody knows, through the real mitmdump: judged from what is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection

from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from support.boundary import Boundary
from support.realtime import calls, says
from support.responses import message, response_events
from support.scene import verify_all
from support.socket_server import SocketServer

ASKS = {"type": "response.create", "model": "m", "input": "hi"}


class EchoServer(SocketServer):
    """A server that tells what it is asked to tell, or echoes; `heard` is all that reached it."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str | bytes] = []
        self.script: list[dict[str, Any]] = []
        self.greeting: dict[str, Any] | None = None

    def converse(self, socket: ServerConnection) -> None:
        """Greet, then tell what the script says, or echo."""
        if self.greeting is not None:
            socket.send(json.dumps(self.greeting))
        for said in socket:
            self.heard.append(said)
            if not self.script:
                socket.send(said)
            for told in self.script:
                socket.send(json.dumps(told))


@pytest.fixture(scope="module")
def server() -> Iterator[EchoServer]:
    """Start the upstream of these tests."""
    with EchoServer() as server:
        yield server


@pytest.fixture(scope="module")
def proxy(policy: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boundary]:
    """Start a forward proxy; the upstream isn't governed."""
    with Boundary(state=tmp_path_factory.mktemp("state"), policy=policy) as running:
        yield running
    verify_all(running)


@pytest.fixture
def socket(proxy: Boundary, server: EchoServer) -> Iterator[ClientConnection]:
    """Open a session on a path that nobody knows."""
    server.heard.clear()
    server.script, server.greeting = [], None
    with connect(server.url.replace("http", "ws") + "/live", proxy=proxy.url) as session:
        yield session


def ask(socket: ClientConnection, event: dict[str, Any], last: str) -> list[dict[str, Any]]:
    """Send an event; everything up to the last of the answer, or up to an error."""
    socket.send(json.dumps(event))
    told: list[dict[str, Any]] = []
    while not told or told[-1]["type"] not in (last, "error"):
        told.append(json.loads(socket.recv(timeout=10)))
    return told


def receipts(proxy: Boundary) -> int:
    """Count the receipts of calls."""
    records = read_records(Layout(proxy.state).journal)
    return sum(each.predicate["phase"] in ("request", "outcome") for each in records)


def test_other_peoples_talk_passes_as_it_came(
    socket: ClientConnection, server: EchoServer, proxy: Boundary
) -> None:
    """Text and bytes, in both directions, without a receipt."""
    before = receipts(proxy)
    for said in ("hello", '{"type": "message", "text": "response.create"}', b"\x00\xff", "{}"):
        socket.send(said)
        assert socket.recv(timeout=10) == said
    assert receipts(proxy) == before


@pytest.mark.parametrize(
    "event",
    [
        {**ASKS, "model": "forbidden"},
        {**ASKS, "input": "the password"},
        {"type": "response.create", "response": {"model": "forbidden", "input": "hi"}},
        {**ASKS, "response": {"model": "m", "input": "hi"}},
        {"type": "session.update", "session": {"instructions": "the password"}},
        {"model": "forbidden", "messages": []},
        {"model": "m", "messages": []},
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "x"}},
    ],
)
@pytest.mark.parametrize("first", [[], ["hello"]])
def test_what_is_denied_never_leaves(
    socket: ClientConnection, server: EchoServer, event: dict[str, Any], first: list[str]
) -> None:
    """As the first message, or behind others; a call that is none over a socket neither."""
    for said in first:
        socket.send(said)
        assert socket.recv(timeout=10) == said
    assert ask(socket, event, "")[-1]["type"] == "error"
    assert server.heard == first


def test_a_binary_event_never_leaves(socket: ClientConnection, server: EchoServer) -> None:
    """Some servers read it all the same."""
    socket.send(json.dumps(ASKS).encode())
    assert json.loads(socket.recv(timeout=10))["type"] == "error"
    assert server.heard == []


def test_a_session_is_judged_from_its_first_event_on(
    socket: ClientConnection, server: EchoServer, proxy: Boundary
) -> None:
    """It passes as it came, and what is denied later doesn't."""
    before = receipts(proxy)
    lines = response_events({"model": "m"}, [{**message("Hello."), "id": "msg_1"}])
    server.script = [json.loads(each.split(b"data: ")[1]) for each in lines]
    assert ask(socket, ASKS, "response.completed") == server.script
    assert ask(socket, {**ASKS, "model": "forbidden"}, "")[-1]["type"] == "error"
    assert [json.loads(said) for said in server.heard] == [ASKS]
    assert receipts(proxy) == before + 6  # the handshake, the answered call, the denied one


def test_a_tool_call_of_such_a_session_is_held(
    socket: ClientConnection, server: EchoServer
) -> None:
    """As on a path that is known."""
    server.script = calls("shell", '{"a": 1}')
    told = ask(socket, {"type": "response.create"}, "response.done")
    assert told[-1]["type"] == "error"
    assert "shell" not in json.dumps(told)


def test_a_server_that_greets_is_judged_from_the_clients_first_event(
    proxy: Boundary, server: EchoServer
) -> None:
    """Its greeting passes, and what follows the first event is judged as a session."""
    server.greeting = {"type": "session.created", "session": {"id": "s"}}
    server.script = says("Hello.")
    with connect(server.url.replace("http", "ws") + "/live", proxy=proxy.url) as session:
        assert json.loads(session.recv(timeout=10)) == server.greeting
        assert ask(session, {"type": "response.create"}, "response.done") == server.script
        denied = {"type": "conversation.item.create", "item": {"content": "the password"}}
        assert ask(session, denied, "")[-1]["type"] == "error"
