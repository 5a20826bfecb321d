"""The Responses API over a WebSocket, through the real mitmdump."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from support.boundary import Boundary
from support.realtime import RealtimeUpstream
from support.responses import function_call, message, response_events
from support.scene import verify_all

END = "response.completed"


def events(*output: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events of a response with that output."""
    lines = [each.split(b"data: ")[1] for each in response_events({"model": "m"}, output)]
    return [json.loads(line) for line in lines]


HELLO = {**message("Hello."), "id": "msg_1"}
CALL = {**function_call("look", '{"a": 1}'), "id": "fc_1", "call_id": "call_1"}


@pytest.fixture(scope="module")
def server() -> Iterator[RealtimeUpstream]:
    """Start the upstream of these tests."""
    with RealtimeUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(
    server: RealtimeUpstream, policy: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Boundary]:
    """Start the boundary before the upstream."""
    state = tmp_path_factory.mktemp("state")
    with Boundary(state=state, mode=f"reverse:{server.url}", policy=policy) as running:
        yield running
    verify_all(running)


@pytest.fixture
def upstream(server: RealtimeUpstream) -> RealtimeUpstream:
    """Return the upstream with nothing recorded."""
    server.events.clear()
    server.script = lambda _: events(HELLO)
    return server


@pytest.fixture
def socket(proxy: Boundary) -> Iterator[ClientConnection]:
    """Open a session through the boundary, and read its greeting."""
    with connect(proxy.url.replace("http", "ws") + "/v1/responses") as session:
        assert receive(session)["type"] == "session.created"
        yield session


def receive(socket: ClientConnection) -> dict[str, Any]:
    """Read one event of the server."""
    event: dict[str, Any] = json.loads(socket.recv(timeout=10))
    return event


def ask(socket: ClientConnection, **event: Any) -> list[dict[str, Any]]:
    """Ask for a response; return everything up to its end, or up to an error."""
    socket.send(json.dumps({"type": "response.create", **event}))
    told = [receive(socket)]
    while told[-1]["type"] not in (END, "error"):
        told.append(receive(socket))
    return told


def test_consecutive_responses_are_delivered_unchanged(
    socket: ClientConnection, upstream: RealtimeUpstream
) -> None:
    """Text and calls, also where the same places come again."""
    for output in ([HELLO], [CALL], [HELLO, CALL], [CALL]):
        script = events(*output)
        upstream.script = lambda _, script=script: script  # type: ignore[misc]
        assert ask(socket, model="gpt-5-mini", input="hi") == script


@pytest.mark.parametrize(
    "event",
    [
        {"model": "forbidden", "input": "hi"},
        {"model": "gpt-5-mini", "input": "the password"},
        {"response": {"model": "forbidden", "input": "hi"}},
        {"model": "forbidden", "input": "hi", "response": {"model": "m", "input": "hi"}},
        {"tools": [{"type": "mcp"}], "response": {"model": "m", "input": "hi"}},
        {"model": "forbidden", "response": [1]},
        {"model": "forbidden", "response": ""},
    ],
)
def test_a_denied_event_is_not_forwarded(
    socket: ClientConnection, upstream: RealtimeUpstream, event: dict[str, Any]
) -> None:
    """Nor what is asked for in two places, of which a server reads one."""
    assert ask(socket, **event)[-1]["type"] == "error"
    assert upstream.events == []


def test_a_request_within_response_passes(
    socket: ClientConnection, upstream: RealtimeUpstream
) -> None:
    """Where nothing stands beside it."""
    said = {"response": {"model": "m", "input": "hi"}, "event_id": "e"}
    assert ask(socket, **said)[-1]["type"] == END
    assert upstream.events == [{"type": "response.create", **said}]


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("response.output_item.added", {"name": "wipe"}),
        ("response.output_item.added", {"arguments": '{"wipe": 1}'}),
        ("response.function_call_arguments.done", {"arguments": '{"wipe": 1}'}),
        ("response.output_item.done", {"arguments": '{"wipe": 1}'}),
        ("response.completed", {"output": [{**CALL, "name": "wipe"}]}),
    ],
)
def test_a_tool_call_told_in_two_ways_is_not_delivered(
    socket: ClientConnection, upstream: RealtimeUpstream, kind: str, members: dict[str, Any]
) -> None:
    """The telling that policy didn't hear never reaches the client, and the session goes on."""
    script = events(CALL)
    for event in script:
        if event["type"] == kind:
            (event.get("item") or event.get("response") or event).update(members)
    upstream.script = lambda _: script
    told = ask(socket, model="m", input="hi")
    assert told[-1]["type"] == "error"
    assert "wipe" not in json.dumps(told)
    upstream.script = lambda _: events(HELLO)
    assert ask(socket, model="m", input="hi")[-1]["type"] == END


def test_interleaved_responses_are_refused(
    socket: ClientConnection, upstream: RealtimeUpstream
) -> None:
    """A call of the one would leave with the other's verdict."""
    one, two = events(CALL), events(HELLO)
    upstream.script = lambda _: [*one[:4], *two, *one[4:]]
    told = ask(socket, model="m", input="hi")
    assert told[-1]["error"]["code"] == "SCHEMA_VIOLATION"
    assert "look" not in json.dumps(told)


def test_events_of_another_lane_are_refused(
    socket: ClientConnection, upstream: RealtimeUpstream
) -> None:
    """They would be read into the response that is being told."""
    script = [{**event, "stream_id": "a"} for event in events(HELLO)]
    upstream.script = lambda _: script
    assert ask(socket, model="m", input="hi") == script
    script[4]["stream_id"] = "b"
    assert ask(socket, model="m", input="hi")[-1]["error"]["code"] == "SCHEMA_VIOLATION"


def test_a_response_that_ends_inside_a_call_is_refused(
    socket: ClientConnection, upstream: RealtimeUpstream
) -> None:
    """What never became complete never leaves, and the next response isn't held up by it."""
    script = events(CALL)
    ended = {"type": END, "response": {"output": []}}
    upstream.script = lambda _: [*script[:4], ended]
    assert ask(socket, model="m", input="hi")[-1]["type"] == "error"
    upstream.script = lambda _: events(HELLO)
    assert ask(socket, model="m", input="hi")[-1]["type"] == END
