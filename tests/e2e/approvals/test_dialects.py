"""Tool calls that need a person, in every dialect: the refusal, the grant, the next call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from support import messages, responses
from support.approvals import approvals, ask, grant, records, write_policy
from support.boundary import Boundary
from support.realtime import RealtimeUpstream, calls
from support.upstream import Upstream
from support.wire import Recorded, Reply

HELLO = [{"role": "user", "content": "clean up"}]
ASKED: dict[str, dict[str, Any]] = {
    "/v1/messages": {"model": "claude-sonnet-4", "max_tokens": 9, "messages": HELLO},
    "/v1/responses": {"model": "gpt-4o", "input": "clean up"},
}


def _reply(request: Recorded) -> Reply:
    if request.path.endswith("/messages"):
        return messages.reply_to_message(request, messages.tool_use("remove", path="/srv/a"))
    return responses.reply_to_response(
        request, responses.function_call("remove", '{"path": "/srv/a"}')
    )


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("path", list(ASKED))
def test_a_tool_call_can_be_granted(
    boundary: Boundary, upstream: Upstream, path: str, stream: bool
) -> None:
    """Refused in the dialect's own form with an approval id; granted, it comes once."""
    upstream.answer(_reply)
    value = {**ASKED[path], "stream": stream}
    refused = ask(boundary, value, path=path)
    assert b"/srv/a" not in refused.body
    identity = _approval(refused.body)
    assert "remove" in approvals(boundary, "show", identity).output
    grant(boundary, identity)
    assert b'"helm"' not in ask(boundary, value, path=path).body
    assert b'"helm"' in ask(boundary, value, path=path).body


@pytest.fixture
def session(tmp_path: Path) -> Iterator[tuple[Boundary, RealtimeUpstream, ClientConnection]]:
    """Open a Realtime session through a boundary that answers at once."""
    policy = write_policy(tmp_path / "policy")
    (policy / "data.yaml").write_text(_SESSIONS)
    with RealtimeUpstream() as upstream:
        mode = f"reverse:{upstream.url}"
        with Boundary(state=tmp_path, mode=mode, policy=policy) as boundary:
            address = boundary.url.replace("http", "ws") + "/v1/realtime?model=gpt-realtime"
            with connect(address) as socket:
                json.loads(socket.recv(timeout=10))
                yield boundary, upstream, socket


_SESSIONS = "operations: {allow_categories: [inference, meta, realtime]}\n"


def test_a_session_continues_after_an_escalation(
    session: tuple[Boundary, RealtimeUpstream, ClientConnection],
) -> None:
    """A session gets an error event, and with the grant the next identical event passes."""
    boundary, upstream, socket = session
    upstream.script = lambda _: calls("remove", '{"path": "/srv/a"}')
    refused = _response(socket)
    assert "/srv/a" not in json.dumps(refused)
    assert refused[-1]["type"] == "error"
    grant(boundary, refused[-1]["helm"]["approval"]["id"])
    assert _response(socket) == calls("remove", '{"path": "/srv/a"}')
    assert _response(socket)[-1]["type"] == "error"
    used = [r for r in records(boundary, "approval") if r.predicate["event"]["kind"] == "used"]
    assert len(used) == 1


def _response(socket: ClientConnection) -> list[dict[str, Any]]:
    socket.send(json.dumps({"type": "response.create"}))
    told = [json.loads(socket.recv(timeout=10))]
    while told[-1]["type"] not in ("response.done", "error"):
        told.append(json.loads(socket.recv(timeout=10)))
    return told


def _approval(body: bytes) -> str:
    """Return the approval's id in a refusal, wherever its dialect has it."""
    start = body.index(b'"apr_') + 1
    return body[start : start + len("apr_0123456789abcdef")].decode()
