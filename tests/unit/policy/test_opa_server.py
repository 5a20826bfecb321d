"""An OPA server as the engine: the same decisions, and every failure a failure."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from helm_boundary.policy.authoring.bench import sample
from helm_boundary.policy.engines.evaluator import Evaluator
from helm_boundary.policy.engines.opa_client import DECISION
from helm_boundary.policy.engines.opa_server import start_opa_server
from helm_boundary.policy.engines.smoke_test import SAMPLES
from helm_boundary.policy.errors import EngineError, PolicyError
from helm_boundary.policy.sources.default_folder import default_policy_folder
from helm_boundary.policy.sources.policy import read_policy
from support.verifiers import opa

DOCUMENT = sample("a chat request", 100)
ALLOW = {"verdict": "ALLOW", "reasons": []}
ALLOWS = json.dumps(ALLOW).encode()


class Fake:
    """A server on 127.0.0.1 that describes itself as OPA and answers as it is told."""

    def __init__(self) -> None:
        self.status, self.body = 200, json.dumps({"result": ALLOW}).encode()
        self.delay = 0.0
        self.missing = 0  # bytes that are announced and not sent
        self.closes = False
        self.connections: set[Any] = set()
        fake = self

        class Answering(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._send(200, b'{"result": [{"id": "a", "raw": "package helm"}]}')

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                fake.connections.add(self.client_address)
                if "provenance" in self.path:
                    self._send(200, b'{"provenance": {"version": "1.2.3"}}')
                    return
                time.sleep(fake.delay)
                self._send(fake.status, fake.body, fake.missing)

            def _send(self, status: int, body: bytes, missing: int = 0) -> None:
                with contextlib.suppress(OSError):  # a client that is late has gone
                    self.send_response(status)
                    self.send_header("content-length", str(len(body) + missing))
                    self.end_headers()
                    self.wfile.write(body)
                self.close_connection = fake.closes or missing > 0

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def fake() -> Iterator[Fake]:
    server = Fake()
    yield server
    server.close()


def test_a_decision_comes_back(fake: Fake) -> None:
    """Both ways of asking, on connections that are kept."""
    engine = start_opa_server(fake.url, deadline_ms=2_000)
    try:
        assert engine.name == "opa 1.2.3"
        assert engine.decide_now(DOCUMENT).verdict == "ALLOW"
        many = [asyncio.run(engine.decide(DOCUMENT)) for _ in range(30)]
        assert {decision.verdict for decision in many} == {"ALLOW"}
        assert len(fake.connections) <= 8
    finally:
        engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.decide_now(DOCUMENT)


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (200, b"{}", "undefined"),
        (200, b'{"result": null}', "must be an object"),
        (200, b'{"result": {"verdict": "ALLOW"}}', "reasons"),
        (200, b"<html>", "not JSON"),
        (200, b"[]", "not an object"),
        (200, b"", "not JSON"),
        (200, b"[" * 100_000, "not JSON"),
        (200, b'{"result": {"verdict": "DENY"}, "result": ' + ALLOWS + b"}", "twice"),
        (200, b'{"result": {"verdict": "DENY", "verdict": "ALLOW", "reasons": []}}', "twice"),
        (200, b" " * (16 * 1_048_576 + 1), "bytes"),
        (302, b"{}", "answered 302"),
        (400, b'{"result": {"verdict": "ALLOW", "reasons": []}}', "answered 400"),
        (429, b"{}", "answered 429"),
        (500, b'{"result": {"verdict": "ALLOW", "reasons": []}}', "answered 500"),
        (503, b"", "answered 503"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_anything_else_is_an_engine_error(fake: Fake, status: int, body: bytes, says: str) -> None:
    """Also when the body of a failure would have allowed; the next call is judged."""
    engine = start_opa_server(fake.url, deadline_ms=5_000)
    try:
        fake.status, fake.body = status, body
        for ask in (engine.decide_now, lambda d: asyncio.run(engine.decide(d))):
            with pytest.raises(EngineError, match=says):
                ask(DOCUMENT)
        fake.status, fake.body = 200, json.dumps({"result": ALLOW}).encode()
        assert engine.decide_now(DOCUMENT).verdict == "ALLOW"
    finally:
        engine.close()


def test_an_answer_that_is_cut_off_is_an_engine_error(fake: Fake) -> None:
    """Also where what has come is a decision: nobody knows what would have followed."""
    engine = start_opa_server(fake.url, deadline_ms=5_000)
    try:
        fake.missing = 1
        with pytest.raises(EngineError, match="cut off"):
            engine.decide_now(DOCUMENT)
        fake.missing = 0
        assert engine.decide_now(DOCUMENT).verdict == "ALLOW"
    finally:
        engine.close()


def test_a_late_answer_is_an_engine_error(fake: Fake) -> None:
    """The deadline is for the whole answer."""
    engine = start_opa_server(fake.url, deadline_ms=200)
    try:
        fake.delay = 3.0
        started = time.monotonic()
        with pytest.raises(EngineError, match="within 200 ms"):
            engine.decide_now(DOCUMENT)
        with pytest.raises(EngineError, match=r"within 200 ms|can't be asked"):
            asyncio.run(engine.decide(DOCUMENT))
        assert time.monotonic() - started < 2.9
    finally:
        engine.close()


def test_a_closed_connection_is_opened_again(fake: Fake) -> None:
    """A server may end a kept connection at any time."""
    engine = start_opa_server(fake.url, deadline_ms=2_000)
    fake.closes = True
    try:
        for _ in range(5):
            assert engine.decide_now(DOCUMENT).verdict == "ALLOW"
    finally:
        engine.close()


def test_an_unreachable_server_is_refused_at_start() -> None:
    """And an address that is none."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(PolicyError, match="can't be asked"):
        start_opa_server(url, deadline_ms=500)
    for url in ("ftp://x", "http://", "http://u:p@x", "http://x:99999", "x"):
        with pytest.raises(PolicyError, match="expected"):
            start_opa_server(url, deadline_ms=500)


def test_a_real_opa_decides_as_we_do() -> None:
    """`opa run --server` with the shipped policy, asked about every sample."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    folder = default_policy_folder()
    arguments = ["run", "--server", "--addr", address, "--log-level", "error", str(folder)]
    server = subprocess.Popen([opa(), *arguments], stderr=subprocess.DEVNULL)
    try:
        engine = _start_when_ready(f"http://{address}")
        policy = read_policy([])
        evaluator = Evaluator(policy.modules, json.dumps(policy.data))
        for document in SAMPLES.values():
            text = json.dumps(document).encode()
            ours = json.loads(evaluator.judge(text))
            assert engine.decide_now(text).verdict == ours["verdict"]
        assert engine.name.startswith("opa 1.")
        assert len(engine.policy.digest) == 64
        engine.close()
    finally:
        server.terminate()
        server.wait()


def _start_when_ready(url: str) -> Any:
    for _ in range(100):
        try:
            return start_opa_server(url, deadline_ms=5_000)
        except PolicyError as error:
            if "can't be asked" not in str(error):
                raise
            time.sleep(0.1)
    pytest.fail(f"{url} never answered {DECISION}")
