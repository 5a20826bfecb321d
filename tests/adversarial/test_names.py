"""Where bytes go, and what that is called: either makes a host governed.

A client of SOCKS may name an address, and diverted traffic has nothing else; the name of a governed
host is then in the request alone. With TLS it is the other way round: the name counts, and an
address may be the governed one.
"""

from __future__ import annotations

import socket
import ssl
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.scene import (
    CHAT,
    JSON_BODY,
    Answer,
    Scene,
    Wire,
    assert_refusal,
    chat_body,
    forward_scene,
    plain_scene,
)
from support.upstream import Reply

GOVERNED = "api.governed.example"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a SOCKS proxy with the default policy, before a server without TLS."""
    folder = tmp_path_factory.mktemp("socks")
    options = {"helm_hosts": GOVERNED}
    with plain_scene(folder, mode="socks5", options=options, policy=None) as stage:
        yield stage


def by_address(stage: Scene) -> Wire:
    """Open a connection to the upstream by SOCKS, that names an address (RFC 1928)."""
    wire = stage.wire()
    wire.send(b"\x05\x01\x00")
    assert _read(wire, 2) == b"\x05\x00"
    wire.send(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + stage.upstream.port.to_bytes(2, "big"))
    assert _read(wire, 10)[1] == 0
    return wire


def _read(wire: Wire, size: int) -> bytes:
    return wire.socket.recv(size, socket.MSG_WAITALL)


def ask(stage: Scene, host: str, path: str, method: str = "GET", body: bytes = b"") -> Answer:
    """Send one request by SOCKS to the upstream's address, under that Host."""
    correlation = str(uuid.uuid4())
    head = [
        f"{method} {path} HTTP/1.1",
        *(f"Host: {each}" for each in host.split("|")),
        f"X-Helm-Correlation-Id: {correlation}",
        *(": ".join(each) for each in JSON_BODY if body),
        f"Content-Length: {len(body)}",
    ]
    with by_address(stage) as wire:
        wire.send("\r\n".join((*head, "", "")).encode() + body)
        return wire.answer(correlation, method)


ASKED = [
    ("DELETE", "/v1/files/file-1"),
    ("GET", "/v1/organization/admin_api_keys"),
    ("POST", "/v1/anything/new"),
    ("GET", "/somewhere"),
]


@pytest.mark.parametrize(("method", "path"), ASKED)
def test_a_request_by_address_is_governed_by_its_name(stage: Scene, method: str, path: str) -> None:
    """What nobody knows, what deletes and what makes keys is denied as it is by name."""
    with stage.untouched():
        answer = ask(stage, GOVERNED, path, method)
    assert answer.status == 403
    assert [each["verdict"] for each in stage.records(answer.correlation)] == ["DENY", "DENY"]


SPELLINGS = [
    GOVERNED.upper(),
    f"{GOVERNED}.",
    f"{GOVERNED}:",
    f"{GOVERNED}:443",
    f"someone@{GOVERNED}",
    f"  {GOVERNED}\t",
    f"{GOVERNED}|elsewhere.example",
    f"elsewhere.example|{GOVERNED}",
    f"elsewhere.example, {GOVERNED}",
    f"{GOVERNED}, elsewhere.example",
]


@pytest.mark.parametrize("host", SPELLINGS)
def test_a_name_in_any_spelling_governs(stage: Scene, host: str) -> None:
    """Whatever some server might read as that name."""
    with stage.untouched():
        answer = ask(stage, host, "/somewhere")
    assert answer.status in (400, 403)


@pytest.mark.parametrize(
    ("host", "target"), [("elsewhere.example", GOVERNED), (GOVERNED, "elsewhere.example")]
)
def test_the_name_in_an_absolute_request_line_governs_too(
    stage: Scene, host: str, target: str
) -> None:
    """Some servers take the name from there, others from Host: two names are refused."""
    with stage.untouched():
        answer = ask(stage, host, f"http://{target}/somewhere")
    assert_refusal(answer, "SCHEMA_VIOLATION")


def test_an_honest_call_by_address_passes(stage: Scene) -> None:
    """A client that resolves names itself: the name in Host doesn't disagree with an address."""
    answer = ask(stage, GOVERNED, CHAT, "POST", chat_body(model="gpt-4o"))
    assert answer.status == 200
    request, _ = stage.records(answer.correlation)
    assert request["flow"]["host"] == f"127.0.0.1:{stage.upstream.port}"


@pytest.mark.parametrize("host", ["elsewhere.example", "127.0.0.1", f"not{GOVERNED}"])
def test_other_traffic_by_address_is_left_alone(stage: Scene, host: str) -> None:
    """Under another name, or none: it passes as it came, without a receipt."""
    stage.upstream.answer(lambda _: Reply.of(b"<html>", "text/html"))
    answer = ask(stage, host, "/somewhere")
    assert (answer.status, answer.body) == (200, b"<html>")
    assert stage.upstream.requests[-1].header("host") == host
    assert stage.records(answer.correlation, expected=0) == []


@pytest.fixture(scope="module")
def by_ip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a SOCKS proxy that governs an address, before a server with TLS."""
    options = {"helm_hosts": "127.0.0.1"}
    folder = tmp_path_factory.mktemp("address")
    with forward_scene(folder, mode="socks5", options=options, policy=None) as stage:
        yield stage


@pytest.mark.parametrize("sni", ["localhost", None])
def test_an_address_that_is_governed_is_so_under_any_name(by_ip: Scene, sni: str | None) -> None:
    """The name that TLS verifies is what is judged; where the bytes go governs all the same."""
    correlation = str(uuid.uuid4())
    context = ssl.create_default_context(cafile=str(by_ip.boundary.ca_file))
    context.check_hostname = False
    with by_ip.untouched(), by_address(by_ip) as wire:
        wire.socket = context.wrap_socket(wire.socket, server_hostname=sni)
        host = f"{sni or '127.0.0.1'}:{by_ip.upstream.port}"
        wire.send(by_ip.request(b"", "/somewhere", (), "GET", host, correlation))
        answer = wire.answer(correlation, "GET")
    assert_refusal(answer, "CAPABILITY_UNKNOWN")


def test_a_port_that_only_the_name_has_governs(tmp_path: Path) -> None:
    """Diverted traffic reaches a port that isn't the one it was sent to."""
    options = {"helm_hosts": f"{GOVERNED}:8443"}
    with plain_scene(tmp_path, mode="socks5", options=options, policy=None) as stage:
        with stage.untouched():
            assert_refusal(ask(stage, f"{GOVERNED}:8443", "/somewhere"), "CAPABILITY_UNKNOWN")
        stage.upstream.answer(lambda _: Reply.of(b"<html>", "text/html"))
        assert ask(stage, f"{GOVERNED}:1234", "/somewhere").status == 200


@pytest.mark.parametrize("host", ["", f"127.0.0.1:{1}"])
def test_plain_http_by_name_is_governed_in_forward_mode(tmp_path: Path, host: str) -> None:
    """Absolute form through an HTTP proxy: the request line is where the bytes go."""
    options = {"helm_hosts": "localhost"}
    with plain_scene(tmp_path, options=options, policy=None) as stage, stage.untouched():
        path = f"http://localhost:{stage.upstream.port}/somewhere"
        named = host or f"localhost:{stage.upstream.port}"
        answer = stage.post(b"", path=path, method="GET", headers=(), host=named)
    assert answer.status == 403
