"""Codex with a ChatGPT login, and others that open the Responses API's WebSocket under a prefix."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from support.boundary import Boundary
from support.realtime import RealtimeUpstream
from support.scene import Scene, verify_all
from support.upstream import Upstream

PATHS = ["/backend-api/codex/responses", "/responses", "/any/prefix/responses", "/v1/responses"]
HELLO: dict[str, Any] = {"type": "response.create", "model": "gpt-5-codex", "input": "hello"}


def answer(*output: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events of a response with these items."""
    response = {"id": "resp_1", "status": "completed", "model": "gpt-5-codex"}
    items = [
        {"type": f"response.output_item.{step}", "output_index": at, "item": item}
        for at, item in enumerate(output)
        for step in ("added", "done")
    ]
    return [
        {"type": "response.created", "response": {**response, "output": []}},
        *items,
        {"type": "response.completed", "response": {**response, "output": list(output)}},
    ]


def call(name: str) -> dict[str, Any]:
    """Return the item that is a function's call."""
    return {"id": "item_1", "type": "function_call", "name": name, "call_id": "c",
            "arguments": "{}", "status": "completed"}  # fmt: skip


@pytest.fixture(scope="module")
def codex() -> Iterator[RealtimeUpstream]:
    """Start the upstream of these tests."""
    with RealtimeUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(
    codex: RealtimeUpstream, policy: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Boundary]:
    """Start a boundary that governs only hosts that are known by default."""
    state = tmp_path_factory.mktemp("state")
    with Boundary(state=state, mode=f"reverse:{codex.url}", policy=policy) as running:
        yield running
    verify_all(running)


@pytest.fixture(params=PATHS)
def socket(
    request: pytest.FixtureRequest, proxy: Boundary, codex: RealtimeUpstream
) -> Iterator[ClientConnection]:
    """Open a session through the boundary, and read its greeting."""
    codex.events.clear()
    codex.script = lambda _: answer()
    with connect(proxy.url.replace("http", "ws") + request.param) as session:
        assert json.loads(session.recv(timeout=10))["type"] == "session.created"
        yield session


def ask(socket: ClientConnection, event: dict[str, Any]) -> list[dict[str, Any]]:
    """Send an event; return everything up to the end of its response, or an error."""
    socket.send(json.dumps(event))
    told: list[dict[str, Any]] = [json.loads(socket.recv(timeout=10))]
    while told[-1]["type"] not in ("response.completed", "error"):
        told.append(json.loads(socket.recv(timeout=10)))
    return told


def test_a_session_is_judged_under_any_prefix(
    socket: ClientConnection, codex: RealtimeUpstream
) -> None:
    """What is allowed comes as it came, what is denied never leaves, nor does its answer come."""
    codex.script = lambda _: answer(call("look"))
    assert ask(socket, HELLO) == answer(call("look"))
    assert codex.events == [HELLO]
    for denied, code in (
        ({**HELLO, "model": "forbidden"}, "POLICY_VIOLATION"),
        ({**HELLO, "input": "the password"}, "TAINTED_DATA_EGRESS_DENY"),
    ):
        refused = ask(socket, denied)[-1]
        assert (refused["status"], refused["error"]["code"]) == (
            400,
            code,
        )  # Codex waits for a status
    assert codex.events == [HELLO]
    codex.script = lambda _: answer(call("rm_rf"))
    told = ask(socket, HELLO)
    assert told[-1]["error"]["code"] == "SANDBOX_VIOLATION"
    assert "rm_rf" not in json.dumps(told)


@pytest.mark.parametrize(
    "path",
    [
        "/backend-api/codex/Responses",
        "/backend-api/codex//responses",
        "/backend-api/codex/responses/",
        "/backend-api/codex%2Fresponses",
        "/any/REALTIME",
    ],
)
def test_an_ambiguous_path_opens_no_session(
    proxy: Boundary, codex: RealtimeUpstream, path: str
) -> None:
    """As for a POST."""
    before = codex.handshakes
    address = proxy.url.replace("http", "ws") + path
    with pytest.raises(InvalidStatus) as refused, connect(address):
        pass
    assert refused.value.response.status_code == 403
    assert codex.handshakes == before


def test_other_websockets_are_left_alone(proxy: Boundary, codex: RealtimeUpstream) -> None:
    """Whatever is said on them passes, without a receipt."""
    with connect(proxy.url.replace("http", "ws") + "/people/chat") as session:
        session.recv(timeout=10)
        session.send(json.dumps({"type": "words", "text": "the password"}))
        session.send(json.dumps({"type": "response.create"}))
        session.recv(timeout=10)
    assert {"type": "words", "text": "the password"} in codex.events


CHATGPT = "http://chatgpt.com/backend-api/codex"


def test_only_codex_traffic_to_chatgpt_is_governed(tmp_path: Path) -> None:
    """By default, and before anything is connected to."""
    with Upstream() as upstream, Boundary(state=tmp_path) as boundary:
        stage = Scene(boundary, upstream)
        posted = json.dumps({"model": "evil-model-9000", "input": "hello"}).encode()
        with stage.untouched():
            for method, path, body, code in (
                ("POST", "/responses", posted, "POLICY_VIOLATION"),
                ("POST", "/responses/compact", posted, "POLICY_VIOLATION"),
                ("POST", "/Responses", posted, "SCHEMA_VIOLATION"),
                ("POST", "/new-thing", b"{}", "CAPABILITY_UNKNOWN"),
                ("GET", "/new-thing", b"", "CAPABILITY_UNKNOWN"),
            ):
                answer = stage.post(body, path=CHATGPT + path, method=method, host="chatgpt.com")
                assert (answer.status, answer.code) == (403, code), path
