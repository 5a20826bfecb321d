"""Realtime sessions through the real mitmdump, with a real WebSocket client and the real SDK."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from support.boundary import Boundary
from support.realtime import RealtimeUpstream, calls, says
from support.scene import verify_all


@pytest.fixture(scope="module")
def realtime() -> Iterator[RealtimeUpstream]:
    """Start the upstream of these tests."""
    with RealtimeUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(
    realtime: RealtimeUpstream, policy: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Boundary]:
    """Start the boundary before the upstream."""
    state = tmp_path_factory.mktemp("state")
    with Boundary(state=state, mode=f"reverse:{realtime.url}", policy=policy) as running:
        yield running
    verify_all(running)


@pytest.fixture
def upstream(realtime: RealtimeUpstream) -> RealtimeUpstream:
    """Return the upstream with nothing recorded."""
    realtime.events.clear()
    realtime.script = lambda _: says("Hello.")
    return realtime


@pytest.fixture
def socket(proxy: Boundary) -> Iterator[ClientConnection]:
    """Open a session through the boundary, and read its greeting."""
    address = proxy.url.replace("http", "ws") + "/v1/realtime?model=gpt-realtime"
    with connect(address, additional_headers={"Authorization": "Bearer none"}) as session:
        assert receive(session)["type"] == "session.created"
        yield session


def receive(socket: ClientConnection) -> dict[str, Any]:
    """Read one event of the server."""
    event: dict[str, Any] = json.loads(socket.recv(timeout=10))
    return event


def response(socket: ClientConnection, event: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Ask for a response; return everything up to its end, or up to an error."""
    socket.send(json.dumps(event or {"type": "response.create"}))
    told = [receive(socket)]
    while told[-1]["type"] not in ("response.done", "error"):
        told.append(receive(socket))
    return told


def words(text: str) -> dict[str, Any]:
    """Return the event that adds a person's words to the conversation."""
    part = {"type": "input_text", "text": text}
    item = {"type": "message", "role": "user", "content": [part]}
    return {"type": "conversation.item.create", "item": item}


def test_an_allowed_response_is_delivered_whole_and_in_order(
    socket: ClientConnection, upstream: RealtimeUpstream
) -> None:
    """Text, and a harmless call, exactly as the upstream sent them."""
    assert response(socket) == says("Hello.")
    upstream.script = lambda _: calls("look", '{"a": 1}')
    assert response(socket) == calls("look", '{"a": 1}')
    assert response(socket) == calls("look", '{"a": 1}')


def test_a_denied_event_is_not_forwarded(
    socket: ClientConnection, upstream: RealtimeUpstream
) -> None:
    """The client gets the error event, and the session goes on."""
    socket.send(json.dumps(words("the password")))
    refused = receive(socket)
    assert refused["type"] == "error"
    assert refused["error"]["code"] == "TAINTED_DATA_EGRESS_DENY"
    assert refused["helm"]["receipt_id"]
    assert response(socket) == says("Hello.")
    assert [event["type"] for event in upstream.events] == ["response.create"]


@pytest.mark.parametrize("event", ["{not json", '{"type":"x","type":"y"}', "[]", '{"a":1}'])
def test_an_event_that_cant_be_read_is_not_forwarded(
    socket: ClientConnection, upstream: RealtimeUpstream, event: str
) -> None:
    """Every doubt about an event is a DENY that says why."""
    socket.send(event)
    assert receive(socket)["error"]["code"] == "SCHEMA_VIOLATION"
    assert upstream.events == []


def test_a_binary_message_is_not_forwarded(
    socket: ClientConnection, upstream: RealtimeUpstream
) -> None:
    """The API speaks JSON as text."""
    socket.send(b"\x00\x01")
    assert receive(socket)["error"]["code"] == "SCHEMA_VIOLATION"
    assert upstream.events == []


def test_nothing_of_a_denied_tool_call_is_delivered(
    socket: ClientConnection, upstream: RealtimeUpstream
) -> None:
    """Not its name, not its arguments, not in response.done; then the session goes on."""
    upstream.script = lambda _: calls("rm_rf", '{"path": "/secret"}')
    told = response(socket)
    assert told[-1]["type"] == "error"
    assert told[-1]["error"]["code"] == "SANDBOX_VIOLATION"
    assert "rm_rf" not in json.dumps(told)
    assert "secret" not in json.dumps(told)
    upstream.script = lambda _: says("Again.")
    assert response(socket) == says("Again.")


def test_audio_passes(socket: ClientConnection, upstream: RealtimeUpstream) -> None:
    """What has no text in it isn't judged, only let through."""
    sound = {"type": "input_audio_buffer.append", "audio": "AAAA" * 1000}
    socket.send(json.dumps(sound))
    response(socket)
    assert upstream.events[0] == sound


DECOYS: list[dict[str, Any]] = [
    {"type": "response.create", "session": {"x": 1}, "response": {"model": "forbidden"}},
    {"type": "session.update", "session": {}, "response": {"tools": []}},
    {"type": "response.create", "response": {}, "item": {"type": "message", "content": []}},
    {"type": "response.create", "response": {}, "model": "forbidden"},
    {"type": "response.create", "tools": [{"type": "mcp", "server_url": "https://a.example"}]},
    {"type": "session.update", "session": "x"},
]


@pytest.mark.parametrize("event", DECOYS)
def test_an_event_with_a_decoy_is_not_forwarded(
    socket: ClientConnection, upstream: RealtimeUpstream, event: dict[str, Any]
) -> None:
    """What one server reads in one member, another may read in the other."""
    socket.send(json.dumps(event))
    assert receive(socket)["error"]["code"] == "SCHEMA_VIOLATION"
    assert upstream.events == []


@pytest.mark.parametrize(
    "audio",
    ["the words of somebody", "AAA=AAA=", "A", {"text": "the words"}, ["AAAA"], 5, None],
)
def test_audio_that_is_not_base64_is_not_forwarded(
    socket: ClientConnection, upstream: RealtimeUpstream, audio: Any
) -> None:
    """It would pass unjudged otherwise."""
    socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
    assert receive(socket)["error"]["code"] == "SCHEMA_VIOLATION"
    assert upstream.events == []


def test_text_in_the_id_of_audio_is_judged(
    socket: ClientConnection, upstream: RealtimeUpstream
) -> None:
    """An id is anybody's to choose; one that says nothing denied passes with its sound."""
    sound = {"type": "input_audio_buffer.append", "audio": "AAAA", "event_id": "the password"}
    socket.send(json.dumps(sound))
    assert receive(socket)["error"]["code"] == "TAINTED_DATA_EGRESS_DENY"
    socket.send(json.dumps(sound | {"event_id": "event_A1b2"}))
    assert response(socket) == says("Hello.")
    assert upstream.events[0] == sound | {"event_id": "event_A1b2"}


def test_the_output_of_a_tool_is_judged(
    socket: ClientConnection, upstream: RealtimeUpstream
) -> None:
    """It is judged like any other text."""
    item = {"type": "function_call_output", "call_id": "c", "output": "the password"}
    socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
    assert receive(socket)["error"]["code"] == "TAINTED_DATA_EGRESS_DENY"
    assert upstream.events == []


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("response.output_item.added", {"name": "wipe"}),
        ("response.output_item.added", {"arguments": '{"wipe": 1}'}),
        ("conversation.item.added", {"name": "wipe"}),
        ("response.function_call_arguments.done", {"name": "wipe"}),
        ("response.function_call_arguments.done", {"arguments": '{"wipe": 1}'}),
        ("conversation.item.done", {"arguments": '{"wipe": 1}'}),
    ],
)
def test_a_tool_call_told_in_two_ways_is_not_delivered(
    socket: ClientConnection, upstream: RealtimeUpstream, kind: str, members: dict[str, Any]
) -> None:
    """The telling that policy didn't hear never reaches the client, and the session goes on."""
    # An item is one object in several events of a script: each gets its own.
    events = json.loads(json.dumps(calls("look", '{"a": 1}')))
    for event in events:
        if event["type"] == kind:
            (event.get("item") or event).update(members)
    upstream.script = lambda _: events
    told = response(socket)
    assert told[-1]["type"] == "error"
    assert "wipe" not in json.dumps(told)
    upstream.script = lambda _: says("Again.")
    assert response(socket)[-1]["type"] == "response.done"


def test_a_denied_model_gets_no_session(proxy: Boundary, upstream: RealtimeUpstream) -> None:
    """The handshake is a call of its own."""
    before = upstream.handshakes
    address = proxy.url.replace("http", "ws") + "/v1/realtime?model=forbidden"
    with pytest.raises(InvalidStatus) as refused, connect(address):
        pass
    assert refused.value.response.status_code == 403
    assert upstream.handshakes == before


# The SDK opens its socket in a way that the websockets library has come to discourage.
@pytest.mark.filterwarnings("ignore:connect:DeprecationWarning")
def test_the_sdks_realtime_client_works(proxy: Boundary, upstream: RealtimeUpstream) -> None:
    """The real SDK's Realtime client sees what the upstream said."""
    client = openai.OpenAI(base_url=proxy.url + "/v1", api_key="none")
    with client.realtime.connect(model="gpt-realtime") as connection:
        assert connection.recv().type == "session.created"
        connection.response.create()
        told = [connection.recv()]
        while told[-1].type != "response.done":
            told.append(connection.recv())
    assert "".join(e.delta for e in told if e.type == "response.output_text.delta") == "Hello."
