"""Who a client is, behind a balancer: only those who were named say so, and they must."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.boundary import StartFailed
from support.scene import CHAT, Answer, Scene, Wire, chat_body, forward_scene, plain_scene, scene

CLIENT = "203.0.113.9"
V1 = f"PROXY TCP4 {CLIENT} 127.0.0.1 40000 8080\r\n".encode()
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V4 = bytes([203, 0, 113, 9, 127, 0, 0, 1]) + struct.pack("!HH", 40000, 8080)
V2 = SIGNATURE + b"\x21\x11\x00\x0c" + V4
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"
NAMED = {"helm_proxy_protocol_from": "127.0.0.0/8", "block_global": False}

POLICY = {
    "rules.rego": """package helm.rules.addresses

deny contains {
	"code": "POLICY_VIOLATION",
	"rule": "who.am_i",
	"finality": "class_forbidden",
	"message": input.client.address,
} if {
	input.phase == "request"
	input.model == "who-am-i"
}
""",
}


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a reverse proxy to which this machine is a balancer."""
    folder = tmp_path_factory.mktemp("named")
    with scene(folder, options=NAMED, policy=_policy(folder)) as stage:
        yield stage


def _policy(folder: Path) -> Path:
    place = folder / "addresses"
    place.mkdir()
    for name, text in POLICY.items():
        (place / name).write_text(text)
    return place


def _asked(wire: Wire, stage: Scene, header: bytes) -> Answer:
    wire.send(header + stage.request(chat_body(model="who-am-i")))
    return wire.answer()


def _address(answer: Answer) -> str:
    assert answer.status == 403, answer
    told: dict[str, Any] = json.loads(answer.body)
    [own] = [each for each in told["helm"]["reasons"] if each["rule"] == "who.am_i"]
    return str(own["message"])


@pytest.mark.parametrize(
    ("header", "address"),
    [
        (V1, CLIENT),
        (V2, CLIENT),
        (b"PROXY TCP6 2001:db8::9 ::1 40000 8080\r\n", "2001:db8::9"),
        (b"PROXY TCP6 ::ffff:203.0.113.9 ::1 40000 8080\r\n", CLIENT),
        (LOCAL, "127.0.0.1"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (SIGNATURE + b"\x21\x31\x00\xd8" + bytes(216), "127.0.0.1"),
    ],
)
def test_policy_sees_the_client_that_a_balancer_names(
    header: bytes, address: str, named: Scene
) -> None:
    """In the document; with LOCAL, UNKNOWN and Unix sockets it is the balancer's machine."""
    with named.wire() as wire:
        assert _address(_asked(wire, named, header)) == address


def test_a_header_may_come_in_pieces(named: Scene) -> None:
    """And is the connection's, not a request's: the second one is the same client's."""
    with named.wire() as wire:
        for byte in V2:
            wire.send(bytes([byte]))
            time.sleep(0.005)
        assert _address(_asked(wire, named, b"")) == CLIENT
        assert _address(_asked(wire, named, b"")) == CLIENT


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"PROXY TCP4 203.0.113.9 127.0.0.1 40000\r\n",
        b"PROXY TCP4 203.0.113.9 127.0.0.1 40000 8080" + b" " * 100,
        b"PROXY TCP4 203.0.113.9 127.0.0.1 40000 8080\n",
        b"proxy tcp4 203.0.113.9 127.0.0.1 40000 8080\r\n",
        SIGNATURE + b"\x21\x11\xff\xff" + V4,
        SIGNATURE + b"\x21\x11\x00\x0b" + V4[:-1],
        SIGNATURE + b"\x31\x11\x00\x0c" + V4,
        SIGNATURE + b"\x21\x12\x00\x0c" + V4,
        SIGNATURE + b"\x21\x11\x00\x13" + V4 + b"\x03\x00\x04\x00\x00\x00\x00",
        V1[:6] + V2,
    ],
)
def test_a_named_balancer_without_a_true_header_is_closed(first: bytes, named: Scene) -> None:
    """Nothing of what it sends is taken for a call, and the upstream sees nothing."""
    with named.untouched(), named.wire() as wire:
        wire.send(first + named.request(chat_body()))
        assert wire.rest() == b""
    assert "which helm_proxy_protocol_from names: " in named.boundary.log


def test_a_second_header_is_no_header(named: Scene) -> None:
    """A client behind the balancer can't name itself anew: its bytes are a bad request."""
    with named.untouched(), named.wire() as wire:
        wire.send(V1 + b"PROXY TCP4 198.51.100.1 127.0.0.1 1 2\r\n" + named.request(chat_body()))
        assert wire.rest().startswith(b"HTTP/1.1 400 ")


def test_a_header_that_never_comes_is_waited_for_in_vain_for_five_seconds(named: Scene) -> None:
    """One that drips slower than that is cut off too; others are served meanwhile."""
    begun = time.monotonic()
    with named.untouched(), named.wire() as silent, named.wire() as slow:
        slow.send(V2[:20])
        with named.wire() as other:
            assert _address(_asked(other, named, V1)) == CLIENT
        assert (silent.rest(), slow.rest()) == (b"", b"")
    assert 4 < time.monotonic() - begun < 15


def test_whoever_only_connects_fills_no_log(named: Scene) -> None:
    """A balancer's plain TCP check every second isn't worth a line."""
    before = named.boundary.log
    for _ in range(3):
        named.wire().close()
    time.sleep(0.3)
    assert named.boundary.log == before


@pytest.mark.parametrize("header", [V1, V2, LOCAL])
def test_a_header_of_somebody_else_is_not_read(header: bytes, tmp_path: Path) -> None:
    """Whoever isn't named can't choose an address; what it sends isn't HTTP."""
    options = {"helm_proxy_protocol_from": "10.0.0.0/8"}
    with scene(tmp_path, options=options, policy=_policy(tmp_path)) as stage:
        with stage.untouched(), stage.wire() as wire:
            wire.socket.settimeout(3)  # mitmproxy answers, or waits for the end of a line
            wire.send(header + stage.request(chat_body()))
            assert not wire.rest().startswith(b"HTTP/1.1 2")
        with stage.wire() as wire:
            assert _address(_asked(wire, stage, b"")) == "127.0.0.1"


def test_a_client_in_a_tunnel_has_the_named_address(tmp_path: Path) -> None:
    """A forward proxy reads it before CONNECT, once."""
    with forward_scene(tmp_path, options=NAMED, policy=_policy(tmp_path)) as stage:
        with stage.wire() as wire:
            target = f"localhost:{stage.upstream.port}"
            wire.send(V2 + f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
            assert wire.socket.recv(100).startswith(b"HTTP/1.1 200")
        assert f"[{CLIENT}:40000]" in stage.boundary.log


def test_a_socks_client_has_the_named_address(tmp_path: Path) -> None:
    """Its greeting comes after the header."""
    socks = plain_scene(tmp_path, options=NAMED, policy=_policy(tmp_path), mode="socks5")
    with socks as stage, stage.wire() as wire:
        wire.send(V1 + b"\x05\x01\x00")
        assert wire.socket.recv(2) == b"\x05\x00"
        wire.send(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + struct.pack("!H", stage.upstream.port))
        assert wire.socket.recv(10)[:2] == b"\x05\x00"
        request = stage.request(chat_body(model="who-am-i"), path=CHAT)
        wire.send(request.replace(stage.upstream.url.encode(), b"", 1))
        assert _address(wire.answer()) == CLIENT


def test_what_is_no_network_is_a_refusal_to_start(tmp_path: Path) -> None:
    """A name could be anybody's."""
    with (
        pytest.raises(StartFailed) as caught,
        scene(tmp_path, options={"helm_proxy_protocol_from": "balancer.example"}),
    ):
        pass
    assert "helm_proxy_protocol_from: expected a network such as 10.0.0.0/8" in caught.value.log
