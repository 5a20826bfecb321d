"""Two boundaries behind the real HAProxy, with the configuration in scripts/service/haproxy."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.sync.client import connect

from helm_receipts.audit.verify import verify_journal
from helm_receipts.envelope.key_files import load
from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from support.approvals import free_port, until
from support.boundary import Boundary
from support.haproxy import HAProxy, haproxy
from support.scene import CHAT, JSON_BODY, PATIENT, chat_body
from support.scripted_policy import write_scripted_policy
from support.upstream import DONE, Pause, Reply, Upstream, event


@dataclass(frozen=True, slots=True)
class Fleet:
    """Two boundaries on one state folder, and the balancer before them."""

    balancer: HAProxy
    boundaries: tuple[Boundary, Boundary]
    healths: tuple[int, int]
    upstream: Upstream
    state: Path

    def chat(self, source: str = "127.0.0.1", **changes: object) -> tuple[int, bytes]:
        """Post a chat completion from an address of this machine; returns status and body."""
        address = ("127.0.0.1", self.balancer.port)
        client = http.client.HTTPConnection(*address, timeout=30, source_address=(source, 0))
        try:
            client.request("POST", CHAT, chat_body(**changes), dict(JSON_BODY))
            answer = client.getresponse()
            return answer.status, answer.read()
        finally:
            client.close()

    def serving(self) -> int:
        """Return which of the two has an open call, as soon as one has."""

        def found() -> int | None:
            busy = (n for n, port in enumerate(self.healths) if told(port)["open_calls"])
            return next(busy, None)

        return until(found)


def told(port: int) -> dict[str, int]:
    """Ask a boundary's health over HTTP."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        client.request("GET", "/")
        answer = client.getresponse()
        found: dict[str, int] = json.loads(answer.read())
        return {"status": answer.status, **found}
    finally:
        client.close()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Start all of it once; what a test ends it starts again."""
    folder = tmp_path_factory.mktemp("fleet")
    policy = write_scripted_policy(folder / "policy")
    healths = (free_port(), free_port())
    with Upstream() as upstream, contextlib.ExitStack() as stack:
        boundaries = tuple(
            stack.enter_context(_boundary(folder, name, upstream, policy, health))
            for name, health in zip(("one", "two"), healths, strict=True)
        )
        one, two = boundaries
        ports = [(one.port, healths[0]), (two.port, healths[1])]
        balancer = stack.enter_context(haproxy(ports))
        balancer.sees(one="UP", two="UP")
        yield Fleet(balancer, (one, two), healths, upstream, folder / "state")


def _boundary(folder: Path, name: str, upstream: Upstream, policy: Path, health: int) -> Boundary:
    options = {
        **PATIENT,
        "helm_state": folder / "state",
        "helm_health": f"127.0.0.1:{health}",
        "helm_proxy_protocol_from": "127.0.0.1",
    }
    confdir = folder / "mitmproxy"
    return Boundary(upstream, state=folder / name, policy=policy, options=options, confdir=confdir)


def _again(fleet: Fleet, number: int) -> None:
    """Start a boundary again on the port that the balancer knows."""
    boundary = fleet.boundaries[number]
    place = boundary.command.index("--listen-port") + 1
    boundary.command[place] = str(boundary.port)
    boundary.start()
    fleet.balancer.sees(one="UP", two="UP")


def test_receipts_have_the_clients_own_address(fleet: Fleet) -> None:
    """Not the balancer's; clients are spread, and each stays where it is."""
    sources = [f"127.0.0.{number}" for number in range(2, 10)]
    for source in sources * 2:
        assert fleet.chat(source)[0] == 200
    logs = [boundary.log for boundary in fleet.boundaries]
    for source in sources:
        seen = [f"[{source}:" in log for log in logs]
        assert seen in ([True, False], [False, True]), (source, seen)
    assert all("client connect" in log for log in logs)
    assert not any("[127.0.0.1:" in log for log in logs)


def test_the_calls_after_a_kill_pass(fleet: Fleet) -> None:
    """The killed one's connections end, the next ones go to the other, and it comes back."""
    fleet.boundaries[0].kill()
    begun = time.monotonic()
    statuses = [fleet.chat(f"127.0.0.{number}")[0] for number in range(2, 22)]
    assert statuses == [200] * 20
    fleet.balancer.sees(one="DOWN", two="UP")
    assert time.monotonic() - begun < 30
    _again(fleet, 0)
    assert {fleet.chat(f"127.0.0.{number}")[0] for number in range(2, 22)} == {200}


def test_a_call_on_a_killed_boundary_ends_at_once(fleet: Fleet) -> None:
    """Its client sees the connection break, so it can ask again; nothing asks in its place."""
    fleet.upstream.answer(lambda _: Reply.events(event({"choices": []}), Pause(60), DONE))
    seen = len(fleet.upstream.requests)
    ended: list[float] = []

    def call() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            fleet.chat(stream=True)
        ended.append(time.monotonic())

    thread = threading.Thread(target=call)
    thread.start()
    until(lambda: len(fleet.upstream.requests) > seen or None)
    number = fleet.serving()
    killed = time.monotonic()
    fleet.boundaries[number].kill()
    thread.join(20)
    assert ended
    assert ended[0] - killed < 5
    assert len(fleet.upstream.requests) == seen + 1
    fleet.upstream.answer(lambda _: None)
    assert fleet.chat()[0] == 200
    _again(fleet, number)


def test_a_stop_lets_a_stream_end_and_sends_new_calls_elsewhere(fleet: Fleet) -> None:
    """SIGTERM: 404 from its health, the balancer gives it nothing new, the stream is whole."""
    fleet.upstream.answer(lambda _: Reply.events(event({"choices": []}), Pause(6), DONE))
    got: list[bytes] = []
    seen = len(fleet.upstream.requests)
    thread = threading.Thread(target=lambda: got.append(fleet.chat(stream=True)[1]))
    thread.start()
    until(lambda: len(fleet.upstream.requests) > seen or None)
    number = fleet.serving()
    fleet.upstream.answer(lambda _: None)
    boundary = fleet.boundaries[number]
    os.kill(boundary.pid, signal.SIGTERM)
    name = ("one", "two")[number]
    assert until(lambda: told(fleet.healths[number]).get("draining") or None)
    assert told(fleet.healths[number])["status"] == 404
    statuses = [fleet.chat()[0] for _ in range(10)]
    assert statuses == [200] * 10
    fleet.balancer.sees(**{name: "NOLB"})
    thread.join(30)
    assert got[0].endswith(DONE), got
    assert boundary.stop() == 0
    _again(fleet, number)


def test_a_boundary_that_hangs_is_left_out(fleet: Fleet) -> None:
    """Stopped dead, as by a partition: it is noticed in seconds, and others serve meanwhile."""
    pid = fleet.boundaries[1].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        fleet.balancer.sees(one="UP", two="DOWN")
        assert time.monotonic() - begun < 25
        assert {fleet.chat(f"127.0.0.{number}")[0] for number in range(2, 12)} == {200}
    finally:
        os.kill(pid, signal.SIGCONT)
    fleet.balancer.sees(one="UP", two="UP")


def test_calls_end_with_the_balancer_and_go_on_with_the_next(fleet: Fleet) -> None:
    """HAProxy is killed: clients see it at once, each call gets its outcome, boundaries stay."""
    fleet.upstream.answer(lambda _: Reply.events(event({"choices": []}), Pause(60), DONE))
    seen = len(fleet.upstream.requests)
    with haproxy(
        [(b.port, h) for b, h in zip(fleet.boundaries, fleet.healths, strict=True)]
    ) as other:
        other.sees(one="UP", two="UP")
        own = Fleet(other, fleet.boundaries, fleet.healths, fleet.upstream, fleet.state)
        ended: list[float] = []

        def call() -> None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                own.chat(stream=True)
            ended.append(time.monotonic())

        thread = threading.Thread(target=call)
        thread.start()
        until(lambda: len(fleet.upstream.requests) > seen or None)
        killed = time.monotonic()
        other.kill()
        thread.join(20)
        assert ended[0] - killed < 5
        until(lambda: not any(told(port)["open_calls"] for port in fleet.healths) or None)
    fleet.upstream.answer(lambda _: None)
    assert fleet.chat()[0] == 200
    ends = [
        record.predicate["outcome"]["end"]
        for record in read_records(Layout(fleet.state).journal)
        if record.predicate["phase"] == "outcome"
    ]
    assert "client_gone" in ends


def test_a_socket_stays_on_its_boundary(fleet: Fleet) -> None:
    """The upgrade is refused or passed by one boundary; its frames never change sides."""
    before = [boundary.log.count("client connect") for boundary in fleet.boundaries]
    with (
        contextlib.suppress(Exception),
        connect(
            f"ws://127.0.0.1:{fleet.balancer.port}/v1/realtime?model=ordinary", open_timeout=10
        ) as client,
    ):
        client.send("{}")
    after = [boundary.log.count("client connect") for boundary in fleet.boundaries]
    assert sum(after) - sum(before) == 1


def test_health_is_told_over_http(fleet: Fleet) -> None:
    """A few counts to GET and HEAD; no other method, and nothing that isn't HTTP."""
    port = fleet.healths[0]
    assert told(port) == {
        "status": 200, "ready": True, "draining": False, "processes": 1, "of": 1,
        "open_calls": 0, "observing": False, "disk_low": False,
    }  # fmt: skip
    for sent, begins in (
        (b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 "),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 405 "),
        (b"GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n", b"HTTP/1.1 200 "),
        (b"\x16\x03\x01\x00", b""),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n", b""),
    ):
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(sent)
            with contextlib.suppress(ConnectionError):
                assert client.recv(1000).startswith(begins), sent
            if sent.startswith(b"HEAD"):
                assert client.recv(1000) == b""


def test_the_receipts_of_all_verify(fleet: Fleet) -> None:
    """After kills, stops and starts: each writer's chain is whole, each call ended once."""
    layout = Layout(fleet.state)
    keys = [load(layout.keys / "receipt.pem", "receipt").public]
    until(lambda: verify_journal(layout.journal, keys).open_calls == 0 or None, 30)
    requests = [r for r in read_records(layout.journal) if r.predicate["phase"] == "request"]
    assert len(requests) >= len(fleet.upstream.requests)
