"""The ways that clients and networks really come: HTTP/2, chains of proxies, SOCKS, pipelines."""

from __future__ import annotations

import concurrent.futures
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.boundary import Boundary
from support.chat import Turn, event
from support.scene import CHAT, Scene, chat_body, forward_scene, scene, verify_all
from support.scripted_policy import write_scripted_policy
from support.upstream import DONE, Pause, Reply, Upstream, reply_to_chat
from support.wire import Recorded

CURL = shutil.which("curl")
needs_curl = pytest.mark.skipif(CURL is None, reason="curl isn't installed")


@pytest.fixture(scope="module")
def forward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a forward proxy before an upstream that speaks TLS."""
    with forward_scene(tmp_path_factory.mktemp("forward")) as stage:
        yield stage


@pytest.fixture(scope="module")
def reverse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a reverse proxy."""
    with scene(tmp_path_factory.mktemp("reverse")) as stage:
        yield stage


def curl(stage: Scene, *arguments: str, model: str = "ordinary") -> tuple[str, str]:
    """Post a chat with curl; return the status with the protocol's version, and the body."""
    url = f"https://localhost:{stage.upstream.port}{CHAT}"
    command = [
        str(CURL), "--silent", "--max-time", "10", "--cacert", str(stage.boundary.ca_file),
        "--header", "Content-Type: application/json", "--data-binary", "@-",
        "--write-out", "\n%{http_code} %{http_version}", *arguments, url,
    ]  # fmt: skip
    done = subprocess.run(command, input=chat_body(model=model), capture_output=True, check=True)
    body, _, status = done.stdout.decode().rpartition("\n")
    return status, body


@needs_curl
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_http1_and_http2_clients_are_judged(forward: Scene, version: str) -> None:
    """Over HTTP/2 as over HTTP/1.1, an allowed call passes and a denied one goes nowhere."""
    proxy = ("--proxy", forward.boundary.proxy_url, version)
    number = "2" if version == "--http2" else "1.1"
    assert curl(forward, *proxy)[0] == f"200 {number}"
    with forward.untouched():
        status, body = curl(forward, *proxy, model="denied")
    assert status == f"403 {number}"
    assert json.loads(body)["helm"]["receipt_id"]


@needs_curl
def test_socks_is_judged(tmp_path: Path) -> None:
    """Where the proxy is told nothing but an address, as in transparent mode."""
    with forward_scene(tmp_path, mode="socks5") as stage:
        proxy = ("--proxy", f"socks5h://127.0.0.1:{stage.boundary.port}", "--http1.1")
        assert curl(stage, *proxy)[0].startswith("200")
        with stage.untouched():
            assert curl(stage, *proxy, model="denied")[0].startswith("403")


@needs_curl
def test_a_chain_of_proxies_is_judged(tmp_path: Path, forward: Scene) -> None:
    """Upstream mode: what passes goes on to the next proxy, what doesn't never gets there."""
    settings = {"ssl_verify_upstream_trusted_ca": forward.boundary.ca_file}
    mode = f"upstream:{forward.boundary.proxy_url}"
    policy = forward.boundary.state.parent / "policy"
    with Boundary(state=tmp_path, mode=mode, policy=policy, options=settings) as first:
        stage = Scene(first, forward.upstream)
        proxy = ("--proxy", first.proxy_url, "--http1.1")
        assert curl(stage, *proxy)[0].startswith("200")
        with stage.untouched():
            assert curl(stage, *proxy, model="denied")[0].startswith("403")
    verify_all(first)


def test_expect_100_continue_is_judged_whole(reverse: Scene) -> None:
    """The client is told to go on, and then judged by what it sends."""
    head, body = reverse.request(
        chat_body(model="denied"), headers=[("Expect", "100-continue")]
    ).split(b"\r\n\r\n", 1)
    with reverse.untouched(), reverse.wire() as wire:
        wire.send(head + b"\r\n\r\n")
        assert wire.socket.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.send(body)
        assert wire.answer().status == 403


def test_pipelined_requests_are_judged_one_by_one(reverse: Scene) -> None:
    """Three in one packet: the denied one in the middle goes nowhere, the others pass."""
    seen = len(reverse.upstream.requests)
    with reverse.wire() as wire:
        wire.send(
            b"".join(
                reverse.request(chat_body(model=model)) for model in ("first", "denied", "third")
            )
        )
        assert [wire.answer().status for _ in range(3)] == [200, 403, 200]
    models = [request.json()["model"] for request in reverse.upstream.requests[seen:]]
    assert models == ["first", "third"]


EVENTS, RATE = 25, 50


def slowly(request: Recorded) -> Reply:
    """Stream at a natural pace."""
    if not request.json().get("stream"):
        return reply_to_chat(request, Turn())
    chunk = event({"choices": [{"index": 0, "delta": {"content": "word "}}]})
    return Reply.events(*[step for _ in range(EVENTS) for step in (chunk, Pause(1 / RATE))], DONE)


def test_many_streams_at_once_keep_their_pace(tmp_path: Path) -> None:
    """Two hundred streams of 50 events a second: each comes whole, none waits for another."""

    def read(_: int) -> bytes:
        return stage.chat(stream=True).body

    with scene(tmp_path) as stage:
        stage.upstream.answer(slowly)
        with concurrent.futures.ThreadPoolExecutor(200) as pool:
            begun = time.monotonic()
            bodies = list(pool.map(read, range(200)))
            seconds = time.monotonic() - begun
    assert all(body.count(b"word ") == EVENTS for body in bodies)
    assert all(body.endswith(DONE) for body in bodies)
    print(f"200 streams of {EVENTS / RATE:.2f} s took {seconds:.2f} s")


def test_a_missing_upstream_gives_an_error_object(tmp_path: Path) -> None:
    """The client gets JSON that says what happened, and the journal its two receipts."""
    with Upstream() as gone:
        mode = f"reverse:{gone.url}"
    policy = tmp_path / "policy"

    with Boundary(state=tmp_path, mode=mode, policy=write_scripted_policy(policy)) as boundary:
        stage = Scene(boundary, gone)
        answer = stage.chat()
        assert answer.status == 502
        assert answer.code == "UPSTREAM_UNAVAILABLE"
        request, outcome = stage.records(answer.correlation)
        assert (request["verdict"], outcome["outcome"]["end"]) == ("ALLOW", "upstream_error")
