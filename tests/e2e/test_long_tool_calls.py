"""A tool call that takes its model long to write: all of it is held, and its client hears of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from helm_boundary.dialects.keep_alives import CLAUDE_CODE, COMMENT
from support import chat, messages
from support.approvals import records
from support.boundary import Boundary
from support.realtime import RealtimeUpstream, calls
from support.upstream import Upstream
from support.wire import Pause, Reply, Step

FILE = "x" * 24
MESSAGES = [{"role": "user", "content": "Write the file."}]
ASKED: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "gpt-4o", "messages": MESSAGES, "stream": True},
    "/v1/messages": {"model": "claude-x", "max_tokens": 9, "messages": MESSAGES, "stream": True},
}
DATA = 'rules: {tools.unlisted: "off", models.unlisted: "off"}\n'
HELD_SECONDS = 8


@pytest.fixture(scope="module")
def boundary(
    shared_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Boundary]:
    folder = tmp_path_factory.mktemp("long")
    (folder / "policy").mkdir()
    (folder / "policy" / "data.yaml").write_text(DATA)
    with Boundary(shared_upstream, state=folder, policy=folder / "policy") as found:
        yield found


def events_of(path: str) -> list[bytes]:
    if path == "/v1/messages":
        blocks = [messages.text("So."), messages.tool_use("write", text=FILE)]
        return [*messages.message_events(ASKED[path], blocks)]
    call = chat.ToolCall("write", json.dumps({"text": FILE}))
    return [*chat.stream_of(ASKED[path], (chat.Turn("So.", (call,)),)), chat.DONE]


def slowly(events: list[bytes]) -> Iterator[Step]:
    """Send a tool call's arguments with pauses between them."""
    pieces = [at for at, event in enumerate(events) if b"xxx" in event]
    for at, event in enumerate(events):
        if at in pieces:
            yield Pause(HELD_SECONDS / len(pieces))
        yield event


@pytest.mark.parametrize(
    ("path", "agent", "sign"),
    [
        ("/v1/chat/completions", "any/1", COMMENT),
        ("/v1/messages", "claude-cli/2.1.197 (external, cli)", CLAUDE_CODE),
    ],
)
def test_a_client_hears_of_a_call_that_is_held_for_long(
    boundary: Boundary, upstream: Upstream, path: str, agent: str, sign: bytes
) -> None:
    """Between whole events, and what the upstream said arrives as it was said."""
    events = events_of(path)
    upstream.answer(lambda _: Reply.events(*slowly(events)))
    came, silence, last = b"", 0.0, time.monotonic()
    headers = {"user-agent": agent, "authorization": "Bearer made-up"}
    with httpx.Client(trust_env=False, timeout=30) as client:
        sent = client.stream("POST", boundary.url + path, json=ASKED[path], headers=headers)
        with sent as answer:
            for piece in answer.iter_raw():
                came += piece
                silence, last = max(silence, time.monotonic() - last), time.monotonic()
    assert silence < HELD_SECONDS
    assert came.count(sign) == 1
    assert came.index(sign) < came.index(b"write")
    assert came.replace(sign, b"") == b"".join(events)
    (outcome,) = records(boundary, "outcome")[-1:]
    assert outcome.predicate["verdict"] == "ALLOW"
    assert outcome.predicate["outcome"]["keepAlives"] == 1


def test_a_client_of_a_socket_hears_of_it_too(tmp_path: Path) -> None:
    """Codex counts an event of its own."""
    called = calls("write", json.dumps({"text": FILE}))
    slow = [at for at, event in enumerate(called) if event.get("delta") == "x"]

    def answer(_: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for at, event in enumerate(called):
            time.sleep(HELD_SECONDS / len(slow) if at in slow else 0)
            yield event

    (tmp_path / "policy").mkdir()
    allowed = "operations: {allow_categories: [inference, meta, realtime]}\n"
    (tmp_path / "policy" / "data.yaml").write_text(DATA + allowed)
    with RealtimeUpstream(answer) as upstream:
        mode = f"reverse:{upstream.url}"
        with Boundary(state=tmp_path, mode=mode, policy=tmp_path / "policy") as boundary:
            address = boundary.url.replace("http", "ws") + "/v1/realtime?model=gpt-realtime"
            with connect(address, user_agent_header="codex_cli_rs/0.171.0") as socket:
                socket.send(json.dumps({"type": "response.create"}))
                came: list[dict[str, Any]] = []
                while not came or came[-1]["type"] != "response.done":
                    came.append(json.loads(socket.recv(timeout=15)))
    assert [event for event in came[1:] if event["type"] != "keepalive"] == called
    assert len(came) == len(called) + 2
