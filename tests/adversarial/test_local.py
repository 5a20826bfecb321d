"""What a confined program may not reach by the boundary, which isn't confined itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.boundary import Boundary, StartFailed
from support.scene import CHAT, JSON_BODY, Scene, Wire, assert_refusal, chat_body, plain_scene
from support.upstream import Upstream


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A forward proxy as `exec --confine` starts it."""
    folder = tmp_path_factory.mktemp("scene")
    with plain_scene(folder, options={"helm_local": "none"}) as stage:
        yield stage


NAMES = [
    "127.0.0.1",
    "localhost",
    "127.1",
    "0x7f000001",
    "0.0.0.0",  # noqa: S104 - asked for, not listened on
    "[::ffff:127.0.0.1]",
    "127.2.3.4",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("path", "body"), [(CHAT, chat_body()), ("/internal", b"a=b")], ids=["a call", "not one"]
)
def test_a_local_service_isnt_reached(stage: Scene, name: str, path: str, body: bytes) -> None:
    """By whichever of its names, with a call or with anything else; the refusal has the remedy."""
    authority = f"{name}:{stage.upstream.port}"
    with stage.untouched():
        answer = stage.post(body, path=f"http://{authority}{path}", host=authority)
    assert_refusal(answer, "SANDBOX_VIOLATION")
    remedy = f"--allow-local {name}:{stage.upstream.port}"
    assert remedy in answer.json()["error"]["message"]
    expected = ["DENY", "DENY"] if path == CHAT else []
    assert [
        each["verdict"] for each in stage.records(answer.correlation, len(expected))
    ] == expected


@pytest.mark.parametrize("sni", [None, "localhost", "api.openai.com"])
def test_a_tunnel_doesnt_lead_there(stage: Scene, sni: str | None) -> None:
    """Whatever name is said inside: what counts is where the bytes would go."""
    target = f"127.0.0.1:{stage.upstream.port}"
    with stage.untouched(), stage.tunnel(target, sni=sni) as wire:
        request = stage.request(b"", "http://x/", (), "GET", sni or target)
        wire.send(request.replace(b"http://x/", b"/internal"))
        answer = wire.answer(method="GET")
    assert_refusal(answer, "SANDBOX_VIOLATION")


def test_a_websocket_doesnt_lead_there(stage: Scene) -> None:
    """An upgrade is a request like any other."""
    headers = (
        *(("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    )
    with stage.untouched():
        answer = stage.post(b"", path="/socket", method="GET", headers=headers)
    assert_refusal(answer, "SANDBOX_VIOLATION")


def test_what_is_named_is_reached_and_nothing_beside_it(tmp_path: Path) -> None:
    """A call and other traffic to that address, again on one connection; not to another port."""
    with Upstream() as named, Upstream() as other:
        options = {"helm_local": f"localhost:{named.port}"}
        with Boundary(state=tmp_path, options=options) as boundary, Wire(boundary.port) as wire:
            stage = Scene(boundary, named, is_proxy=True)
            for host in ("127.0.0.1", "localhost", "localhost"):
                authority = f"{host}:{named.port}"
                path = f"http://{authority}/v1/models"
                wire.send(stage.request(b"", path, (), "GET", authority))
                assert wire.answer(method="GET").status == 200
            assert len(named.requests) == 3
            assert named.connections == 2  # one for each name, used again
            authority = f"127.0.0.1:{other.port}"
            answer = stage.post(
                chat_body(), path=f"http://{authority}{CHAT}", headers=JSON_BODY, host=authority
            )
            assert_refusal(answer, "SANDBOX_VIOLATION")
            assert other.connections == 0


@pytest.mark.parametrize("value", ["localhost", "http://localhost:80", "localhost:80/x", ""])
def test_what_is_no_place_is_a_refusal_to_start(tmp_path: Path, value: str) -> None:
    """With what was expected."""
    boundary = Boundary(state=tmp_path, args=["--set", f"helm_local={value}"])
    with pytest.raises(StartFailed) as failed:
        boundary.start()
    assert failed.value.exit_code == 1
    assert any("helm_local: expected HOST:PORT" in line for line in failed.value.log.splitlines())
