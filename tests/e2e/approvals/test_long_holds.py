"""Streams that wait for a person for minutes, over each transport, however the waiting ends."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from support import chat
from support.approvals import approvals, body, grant, pending, records, until, write_policy
from support.boundary import Boundary
from support.http2 import Multiplexed
from support.listening import Listening
from support.realtime import RealtimeUpstream
from support.scene import forward_scene
from support.upstream import Upstream
from support.wire import Break, Recorded, Reply

pytestmark = pytest.mark.slow
ENDS = ("approved", "refused", "left", "broken off", "stopped")
CALL = chat.ToolCall("remove", '{"path": "/srv/a"}')
LENGTHS = [pytest.param(60, id="a minute"), pytest.param(330, id="five and a half minutes")]
DATA = "operations: {allow_categories: [inference, meta, realtime]}\n"
SECRET = b"/srv"


class Client(Protocol):
    """One stream that waits, as its client has it."""

    def hears_all(self) -> bytes:
        """Wait for the end; returns all that came."""
        ...

    def leave(self) -> None:
        """Give the stream up."""
        ...


type Open = Callable[[str], Client]
"""Opens a stream whose answer calls a tool; what it asks for says how it will end."""


@dataclass
class OverHttp2:
    """One stream of a connection of several."""

    connection: Multiplexed
    stream: int

    def hears_all(self) -> bytes:
        """Wait for the end; returns all that came."""
        deadline = time.monotonic() + 20
        with contextlib.suppress(ConnectionError):
            while self.stream not in self.connection.ended and time.monotonic() < deadline:
                self.connection.listen()
        return self.connection.heard[self.stream]

    def leave(self) -> None:
        """Reset the stream."""
        self.connection.reset(self.stream)


@dataclass
class OverHttp1:
    """A connection of its own."""

    client: Listening

    def hears_all(self) -> bytes:
        """Wait for the end; returns all that came."""
        return self.client.result()

    def leave(self) -> None:
        """Close the connection."""
        self.client.leave()


@dataclass
class OverSocket:
    """A WebSocket session."""

    socket: ClientConnection

    def hears_all(self) -> bytes:
        """Wait for the response's end or an error; returns all that came."""
        told = b""
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            while b"response.completed" not in told and b'"error"' not in told:
                told += str(self.socket.recv(timeout=20)).encode()
        return told

    def leave(self) -> None:
        """Close the session."""
        self.socket.close()


def answer(request: Recorded) -> Reply:
    """Call the tool; break off behind it where that is asked for."""
    stream = chat.stream_of(json.loads(request.body), (chat.Turn("Let me see.", (CALL,)),))
    if b"broken off" in request.body:
        return Reply.events(*stream, Break.RESET)
    return Reply.events(*stream, chat.DONE)


def converse(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Call the tool in a response; close the session behind it where that is asked for."""
    item = {"id": "fc_1", "type": "function_call", "name": "remove", "call_id": "call_1",
            "arguments": '{"path": "/srv/a"}', "status": "completed"}  # fmt: skip
    begun = {**item, "arguments": "", "status": "in_progress"}
    over = {"id": "resp_1", "status": "completed", "output": [item]}
    yield {"type": "response.created", "response": {"id": "resp_1", "output": []}}
    yield {"type": "response.output_item.added", "output_index": 0, "item": begun}
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    yield {"type": "response.completed", "response": over}
    if "broken off" in json.dumps(event):
        raise ConnectionClosed(None, None)


@contextlib.contextmanager
def http1(folder: Path, options: dict[str, Any]) -> Iterator[tuple[Boundary, Open]]:
    """Hold streams over HTTP/1.1."""
    policy = write_policy(folder / "policy")
    with Upstream() as upstream, ExitStack() as clients:
        upstream.answer(answer)
        with Boundary(upstream, state=folder, policy=policy, options=options) as boundary:

            def opened(end: str) -> Client:
                asks = body(f"clean up, {end}", stream=True)
                return OverHttp1(clients.enter_context(Listening(boundary, asks)))

            yield boundary, opened


@contextlib.contextmanager
def http2(folder: Path, options: dict[str, Any]) -> Iterator[tuple[Boundary, Open]]:
    """Hold streams of one connection over HTTP/2."""
    policy = write_policy(folder / "asking")
    with forward_scene(folder, policy=policy, options=options) as stage:
        stage.upstream.answer(answer)
        with Multiplexed(stage) as client:
            yield (
                stage.boundary,
                lambda end: OverHttp2(client, client.post(body(f"clean up, {end}", stream=True))),
            )


@contextlib.contextmanager
def sockets(folder: Path, options: dict[str, Any]) -> Iterator[tuple[Boundary, Open]]:
    """Hold responses of WebSocket sessions."""
    policy = write_policy(folder / "policy")
    (policy / "data.yaml").write_text(DATA)
    with RealtimeUpstream(converse) as upstream, ExitStack() as clients:
        mode = f"reverse:{upstream.url}"
        with Boundary(state=folder, mode=mode, policy=policy, options=options) as boundary:

            def opened(end: str) -> Client:
                address = boundary.url.replace("http", "ws") + "/v1/responses"
                socket = clients.enter_context(connect(address))
                asks = {"type": "response.create", "model": "gpt-4o", "input": f"clean up, {end}"}
                socket.send(json.dumps(asks))
                return OverSocket(socket)

            yield boundary, opened


def new_entry(boundary: Boundary, known: set[str]) -> str:
    """Return the id of the question that has come since."""
    entry = until(lambda: next((e for e in pending(boundary) if e.id not in known), None), 30)
    known.add(entry.id)
    return str(entry.id)


@pytest.mark.parametrize("seconds", LENGTHS)
@pytest.mark.parametrize("transport", [http1, http2, sockets], ids=lambda each: each.__name__)
def test_streams_wait_as_long_as_a_person_takes(
    tmp_path: Path,
    transport: Callable[..., contextlib.AbstractContextManager[tuple[Boundary, Open]]],
    seconds: int,
) -> None:
    """Nothing of a call leaves before the yes; each ending is told, and has its receipt."""
    options = {"helm_on_escalate": "hold", "helm_hold_seconds": seconds + 60}
    with transport(tmp_path, options) as (boundary, opened):
        clients, entries, known = {}, {}, set[str]()
        for end in ENDS:
            clients[end] = opened(end)
            if end != "broken off" or transport is not sockets:  # which withdraws the question
                entries[end] = new_entry(boundary, known)
        time.sleep(seconds)
        for end in ("approved", "broken off"):
            if end in entries:
                grant(boundary, entries[end])
        assert approvals(boundary, "deny", "--yes", entries["refused"]).exit_code == 0
        clients["left"].leave()
        heard = {end: clients[end].hears_all() for end in ("approved", "refused", "broken off")}
        until(lambda: "client_gone" in ends(boundary) or None)
        boundary.stop()
        heard["stopped"] = clients["stopped"].hears_all()
    assert SECRET in heard["approved"]
    assert (SECRET in heard["broken off"]) is (transport is not sockets)
    assert SECRET not in heard["refused"] + heard["stopped"]
    assert b"APPROVAL_REFUSED" in heard["refused"]
    assert b"APPROVAL_TIMEOUT" in heard["stopped"]
    found = ends(boundary)
    assert found.count("client_gone") == 1
    assert found.count("denied") == 2
    assert len([each for each in found if each in ("upstream_error", "complete")]) >= 2
    assert seconds // 6 <= most_keep_alives(boundary) <= seconds // 4 or transport is sockets


def ends(boundary: Boundary) -> list[str]:
    """Return how the calls ended, in time."""
    return [each.predicate["outcome"]["end"] for each in records(boundary, "outcome")]


def most_keep_alives(boundary: Boundary) -> int:
    """Return how often the client that waited longest was told to wait on."""
    outcomes = [each.predicate["outcome"] for each in records(boundary, "outcome")]
    return max(int(each.get("keepAlives", 0)) for each in outcomes)


def memory_of(boundary: Boundary) -> float:
    """Return what the boundary has in memory, in megabytes."""
    status = Path(f"/proc/{boundary.pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_hundred_streams_wait_at_once(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """As many as helm_hold_max says, in little memory; the next one is refused at once."""
    options = {"helm_on_escalate": "hold", "helm_hold_seconds": 300}
    with http1(tmp_path, options) as (boundary, opened):
        before = memory_of(boundary)
        clients = [opened(f"stream {number}") for number in range(100)]
        entries = until(lambda: found if len(found := pending(boundary)) == 100 else None, 60)
        held = memory_of(boundary) - before
        assert b"APPROVAL" in opened("one too many").hears_all()
        for entry in entries:
            grant(boundary, entry.id)
        assert all(SECRET in client.hears_all() for client in clients)
    record_property("memory", f"{held:.1f} MB for 100 held streams")
    print(f"{held:.1f} MB for 100 held streams")
    assert held < 64
