"""Forward mode: what goes through CONNECT, and every name that a request can give its target."""

from __future__ import annotations

import contextlib
import ssl
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.scene import CHAT, Answer, Scene, assert_refusal, chat_body, forward_scene
from support.upstream import Reply

HOSTILE = """\
from mitmproxy import tls
from mitmproxy.proxy import layers

def tls_clienthello(data):
    if data.client_hello.sni == "ignored.localhost":
        data.ignore_connection = True

def next_layer(data):
    if b"RAW" in data.data_client() or data.context.client.sni == "raw.localhost":
        data.layer = layers.TCPLayer(data.context)
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a forward proxy behind a script that would tunnel some names."""
    folder = tmp_path_factory.mktemp("forward")
    script = folder / "hostile.py"
    script.write_text(HOSTILE)
    with forward_scene(folder, args=["-s", str(script)]) as stage:
        yield stage


def ask(
    stage: Scene,
    *,
    target: str = "",
    sni: str | None = "localhost",
    host: str = "",
    path: str = CHAT,
    model: str = "ordinary",
) -> Answer:
    """Send one chat completion through a tunnel."""
    correlation = str(uuid.uuid4())
    host = host or f"localhost:{stage.upstream.port}"
    with stage.tunnel(target, sni=sni) as wire:
        wire.send(
            stage.request(chat_body(model=model), path=path, host=host, correlation=correlation)
        )
        return wire.answer(correlation)


def assert_passes(stage: Scene) -> None:
    """Assert that an ordinary call still gets through."""
    seen = len(stage.upstream.requests)
    assert ask(stage).status == 200
    assert len(stage.upstream.requests) == seen + 1


def test_an_ordinary_call_passes_under_the_generated_authority(stage: Scene) -> None:
    """CONNECT, our TLS, the upstream's TLS: one request arrives, and two receipts are written."""
    answer = ask(stage)
    assert answer.status == 200
    request, outcome = stage.records(answer.correlation)
    assert request["flow"]["tlsInspected"] is True
    assert request["flow"]["host"] == f"localhost:{stage.upstream.port}"
    assert outcome["outcome"]["end"] == "complete"


def test_a_denied_call_contacts_no_upstream(stage: Scene) -> None:
    """Not even the connection is opened before the verdict, in a tunnel that asked for it."""
    with stage.untouched():
        answer = ask(stage, model="denied")
    assert_refusal(answer, "POLICY_VIOLATION")
    assert_passes(stage)


def test_a_tunnel_alone_contacts_no_upstream(stage: Scene) -> None:
    """CONNECT and TLS without a request open nothing upstream."""
    with stage.untouched(), stage.tunnel():
        pass


@pytest.mark.parametrize("first", [b"RAW bytes\r\n", b"\x00\x01\x02", b"SSH-2.0-x\r\n", b"\n\n"])
def test_raw_bytes_after_connect_are_not_forwarded(stage: Scene, first: bytes) -> None:
    """What isn't HTTP can't be judged, so it isn't carried, whatever another addon says."""
    with stage.untouched(), stage.tunnel(sni=None) as wire:
        wire.socket.settimeout(0.5)
        wire.send(first * 100)
        wire.rest()
    assert_passes(stage)


@pytest.mark.parametrize("sni", ["ignored.localhost", "raw.localhost"])
def test_no_addon_can_make_a_connection_bypass_the_boundary(stage: Scene, sni: str) -> None:
    """A denied call in a tunnel that an addon would leave uninspected stays denied."""
    with stage.untouched(), contextlib.suppress(ssl.SSLError, ConnectionError):
        answer = ask(stage, sni=sni, model="denied")
        assert answer.status != 200
    assert_passes(stage)


def test_plain_http_through_the_proxy_is_judged(stage: Scene) -> None:
    """Absolute-form, no tunnel: the same verdict."""
    with stage.untouched():
        target = f"http://localhost:{stage.upstream.port}"
        answer = stage.post(
            chat_body(model="denied"),
            path=target + CHAT,
            host=target.partition("//")[2],
        )
    assert_refusal(answer, "POLICY_VIOLATION")


DISAGREEMENTS = {
    "another Host": {"host": "api.openai.com"},
    "another port in Host": {"host": "localhost:1"},
    "another SNI": {"sni": "api.openai.com"},
    "another SNI and Host": {"sni": "api.openai.com", "host": "api.openai.com"},
    "another Host behind an address": {"target": "address", "host": "example.com"},
    "a Host with a user": {"host": "localhost@example.com"},
}


@pytest.mark.parametrize("name", DISAGREEMENTS)
def test_host_names_that_disagree_are_refused(stage: Scene, name: str) -> None:
    """Two names for one destination are two readings of where the call goes."""
    given = dict(DISAGREEMENTS[name])
    if given.pop("target", None):
        given["target"] = f"127.0.0.1:{stage.upstream.port}"
    with stage.untouched():
        answer = ask(stage, **given)
    assert answer.status in (400, 403), answer
    if answer.status == 403:
        assert_refusal(answer, "SCHEMA_VIOLATION")
    assert_passes(stage)


def test_absolute_form_with_another_host_is_refused(stage: Scene) -> None:
    """The request line names one host and the Host header another."""
    with stage.untouched():
        answer = stage.post(
            chat_body(), path=f"http://localhost:{stage.upstream.port}{CHAT}", host="example.com"
        )
    assert_refusal(answer, "SCHEMA_VIOLATION")
    assert_passes(stage)


def test_absolute_form_to_another_host_inside_a_tunnel_is_refused(stage: Scene) -> None:
    """A request line with another authority inside a tunnel isn't one that we pass."""
    with stage.untouched():
        answer = ask(stage, path=f"https://example.com{CHAT}")
    assert answer.status in (400, 403)
    assert_passes(stage)


def test_two_host_headers_are_refused(stage: Scene) -> None:
    """Which of them counts is the reader's choice."""
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost:{stage.upstream.port}\r\nHost: example.com\r\n"
    body = chat_body()
    with stage.untouched(), stage.tunnel() as wire:
        wire.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = wire.answer()
    assert answer.status in (400, 403)
    assert_passes(stage)


def test_every_request_to_a_governed_host_is_a_call(tmp_path: Path) -> None:
    """Whatever the path: what the catalogue doesn't know is the operation `unknown`."""
    with forward_scene(tmp_path, options={"helm_hosts": "localhost"}, policy=None) as stage:
        with stage.untouched():
            answer = ask(stage, path="/some/other/path", model="gpt-4o")
        assert_refusal(answer, "CAPABILITY_UNKNOWN")
        (request, _) = stage.records(answer.correlation)
        assert request["flow"]["operation"] == "unknown"


def test_other_traffic_is_left_alone(stage: Scene) -> None:
    """Not OpenAI-shaped: it passes as it came, with no header of ours and no receipt."""
    stage.upstream.answer(lambda _: Reply.of(b"<html>", "text/html"))
    correlation = str(uuid.uuid4())
    with stage.tunnel() as wire:
        request = stage.request(
            b"", path="/index.html", method="GET", host=f"localhost:{stage.upstream.port}",
            correlation=correlation,
        )  # fmt: skip
        wire.send(request)
        answer = wire.answer(correlation, "GET")
    assert (answer.status, answer.body) == (200, b"<html>")
    assert not [name for name in answer.headers if name.startswith("x-helm")]
    assert stage.records(correlation, expected=0) == []


def test_a_protocol_upgrade_of_a_call_is_refused(stage: Scene) -> None:
    """Bytes after a 101 would never be judged."""
    upgrade = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"))
    with stage.untouched(), stage.tunnel() as wire:
        host = f"localhost:{stage.upstream.port}"
        wire.send(stage.request(chat_body(), headers=upgrade, host=host))
        answer = wire.answer()
    assert answer.status == 403
    assert_passes(stage)


@pytest.mark.parametrize("protocol", ["websocket", "raw"])
@pytest.mark.parametrize("path", [CHAT, "/v1/embeddings", "/anything"])
def test_no_raw_bytes_pass_after_an_upgrade(stage: Scene, protocol: str, path: str) -> None:
    """On a call's path it is refused; elsewhere only WebSockets go on, no raw bytes."""
    host = f"localhost:{stage.upstream.port}"
    upgrade = (
        ("Upgrade", protocol),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    )
    switched = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\nConnection: Upgrade\r\n\r\n"
    stage.upstream.answer(lambda _: Reply.raw(switched + b"secret raw bytes"))
    seen = stage.upstream.bytes_received
    with stage.tunnel() as wire:
        request = stage.request(b"", path=path, method="GET", headers=upgrade, host=host)
        wire.send(request)
        wire.socket.settimeout(1)
        if path == "/anything":
            first = wire.socket.recv(1 << 16)
            wire.send(b"raw bytes that nobody has judged")
            assert b"secret raw" not in first + wire.rest()
            assert stage.upstream.requests[-1].path == path
        else:
            assert wire.answer(method="GET").status == 403
            assert stage.upstream.bytes_received == seen
    stage.upstream.answer(lambda _: None)
    assert_passes(stage)


def test_an_unrequested_101_is_refused(stage: Scene) -> None:
    """The upstream changes protocols: the client gets an error object, not raw bytes."""
    stage.upstream.answer(
        lambda _: Reply.raw(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\nConnection: Upgrade\r\n\r\n"
            b"secret raw bytes"
        )
    )
    answer = ask(stage)
    assert b"secret raw" not in answer.body
    assert answer.status == 403
    stage.upstream.answer(lambda _: None)
    assert_passes(stage)
