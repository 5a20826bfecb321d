"""Observe mode: everything passes unchanged, and the receipts say what would have been done."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from support.boundary import Boundary
from support.realtime import RealtimeUpstream, calls, says
from support.scene import Scene, chat_body, scene, verify_all
from support.scripted_policy import write_scripted_policy
from support.upstream import DONE, Framing, Pause, Reply, Script, Upstream, event

OBSERVED = {"helm_mode": "observe", "helm_hosts": "127.0.0.1", "helm_deadline_ms": 1000}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a boundary that only observes, for which every request is a call."""
    with scene(tmp_path_factory.mktemp("observed"), options=OBSERVED) as stage:
        yield stage


@pytest.fixture
def stage(shared: Scene) -> Scene:
    """Return the observing boundary, with an upstream that answers by itself."""
    shared.upstream.answer(lambda _: None)
    return shared


def always(reply: Reply) -> Script:
    """Return a script that answers everything with this."""
    return lambda _: reply


SDP = ("content-type", "application/sdp")
UNREAD: dict[str, tuple[str, str, bytes, str]] = {
    "a call by WebRTC": ("POST", "/v1/realtime/calls", b"v=0\r\n", "CAPABILITY_UNKNOWN"),
    "a framing that can't be judged": (
        "POST", "/endpoints/e/invocations-response-stream", b"{}", "CAPABILITY_UNKNOWN"),
    "two readings of a path": ("POST", "/v1/chat%2Fcompletions", chat_body(), "SCHEMA_VIOLATION"),
    "two readings of a body": (
        "POST", "/v1/chat/completions", b'{"model": 1, "model": 2}', "SCHEMA_VIOLATION"),
    "no JSON": ("POST", "/v1/responses", b"{", "SCHEMA_VIOLATION"),
    "a form that is none": ("POST", "/v1/files", b"x", "SCHEMA_VIOLATION"),
    "a batch that is none": ("POST", "/v1/messages/batches", b"{}", "SCHEMA_VIOLATION"),
    "models as nobody can tell": (
        "POST", "/v1/chat/completions", chat_body(models=[{"id": "x"}]), "CAPABILITY_UNKNOWN"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNREAD)
@pytest.mark.parametrize("kind", ["text", "bytes", "stream", "error"])
def test_an_unreadable_request_passes_and_its_receipts_say_so(
    stage: Scene, case: str, kind: str
) -> None:
    """Nothing of it was judged, and nothing enforced."""
    method, path, body, code = UNREAD[case]
    reply = {
        "text": Reply(201, (SDP, ("location", "/v1/realtime/calls/c")), (b"v=0\r\n",)),
        "bytes": Reply.of(bytes(range(256)), "image/png"),
        "stream": Reply.events(b"data: {not json\n\n", b"\x00\xff"),
        "error": Reply.of(b"<html>", "text/html", status=503),
    }[kind]
    stage.upstream.answer(always(reply))
    answer = stage.post(body, path=path, method=method)
    assert (answer.status, answer.body) == (reply.status, b"".join(map(bytes_of, reply.steps)))
    assert answer.headers["x-helm-status"] == "OBSERVED"
    assert stage.upstream.requests[-1].body == body
    request, outcome = stage.records(answer.correlation)
    for receipt in (request, outcome):
        assert (receipt["verdict"], receipt["enforcement"]) == ("DENY", "observed")
        assert receipt["reasons"][0]["code"] == code
        assert receipt["coverage"]["request"] == "none"
        assert receipt["coverage"]["response"] == "none"
    assert outcome["outcome"]["end"] == "complete" if kind != "error" else True


def bytes_of(step: object) -> bytes:
    """Return a reply's bytes, which have no pauses."""
    assert isinstance(step, bytes)
    return step


UNREADABLE: dict[str, Reply] = {
    "no JSON": Reply.of(b"{", "application/json"),
    "a coding that nobody knows": Reply(
        200, (("content-type", "application/json"), ("content-encoding", "rot13")), (b"{}",)),
    "a stream in a coding": Reply(
        200, (("content-type", "text/event-stream"), ("content-encoding", "br")), (b"\x00\x01",)),
    "a charset": Reply.of(b"{}", "application/json; charset=utf-7"),
    "a stream that is none": Reply.events(b"data: {\n\n", DONE),
    "a tool call out of place": Reply.json({"choices": [], "tool_calls": []}),
    "a redirect": Reply(307, (("location", "http://127.0.0.1:9/"),), (b"",)),
}  # fmt: skip


@pytest.mark.parametrize("case", UNREADABLE)
def test_an_unreadable_answer_passes(stage: Scene, case: str) -> None:
    """Byte for byte, with its headers."""
    reply = UNREADABLE[case]
    stage.upstream.answer(always(reply))
    answer = stage.chat()
    assert (answer.status, answer.body) == (reply.status, b"".join(map(bytes_of, reply.steps)))
    assert reply.headers[0] in answer.headers.items()
    request, outcome = stage.records(answer.correlation)
    assert (request["verdict"], outcome["enforcement"]) == ("ALLOW", "observed")
    if case != "a stream that is none":
        assert outcome["verdict"] == "DENY"


@pytest.mark.parametrize("path", ["/v1/realtime/calls", "/v1/unknown", "/v1/embeddings"])
def test_an_unknown_stream_is_not_delayed(stage: Scene, path: str) -> None:
    """Its first event comes while it still runs."""
    first = event({"text": "first"})
    stage.upstream.answer(always(Reply.events(first, Pause(3), event({"text": "last"}))))
    with stage.wire() as wire:
        wire.send(
            stage.request(b'{"model": "m", "input": "x"}', path, correlation=str(uuid.uuid4()))
        )
        began, found = time.monotonic(), b""
        while first not in found:
            found += wire.socket.recv(4096)
        assert time.monotonic() - began < 2.5


def test_a_streams_content_length_is_kept(stage: Scene) -> None:
    """A stream of known length stays one."""
    told = event({"choices": [{"index": 0, "delta": {"content": "x"}}]}) + DONE
    reply = Reply(200, (("content-type", "text/event-stream"),), (told,), Framing.LENGTH)
    stage.upstream.answer(always(reply))
    answer = stage.chat(stream=True)
    assert (answer.body, answer.headers["content-length"]) == (told, str(len(told)))


@pytest.fixture(scope="module")
def realtime() -> Iterator[RealtimeUpstream]:
    """Start an upstream of WebSockets."""
    with RealtimeUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(
    realtime: RealtimeUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Boundary]:
    """Start a boundary that observes the upstream."""
    state = tmp_path_factory.mktemp("sockets")
    policy = write_scripted_policy(state / "policy")
    mode = f"reverse:{realtime.url}"
    with Boundary(state=state, mode=mode, policy=policy, options=OBSERVED) as running:
        yield running
    verify_all(running)


@contextmanager
def greeted(proxy: Boundary, path: str, correlation: str) -> Iterator[ClientConnection]:
    """Open a session, and read its greeting."""
    headers = {"X-Helm-Correlation-Id": correlation}
    address = proxy.url.replace("http", "ws") + path
    with connect(address, additional_headers=headers) as session:
        assert json.loads(session.recv(timeout=10))["type"] == "session.created"
        yield session


@pytest.mark.parametrize(
    "path", ["/v1/unknown", "/", "/v1/chat/completions", "/v1/Realtime", "/x/responses/"]
)
def test_an_unknown_websocket_passes(
    proxy: Boundary, realtime: RealtimeUpstream, path: str
) -> None:
    """With all that is said on it; the receipts say that it wasn't judged."""
    correlation = str(uuid.uuid4())
    realtime.script = lambda _: says("unspeakable")
    with greeted(proxy, path, correlation) as session:
        session.send(json.dumps({"type": "response.create", "model": "denied"}))
        told = [json.loads(session.recv(timeout=10)) for _ in says("unspeakable")]
    assert told == says("unspeakable")
    request, outcome = Scene(proxy, Upstream()).records(correlation)
    for receipt in (request, outcome):
        assert (receipt["verdict"], receipt["enforcement"]) == ("DENY", "observed")
        assert receipt["coverage"]["response"] == "none"


ODD: list[str | bytes] = ["{not json", "[]", b"\x00\xff"]


def test_a_session_passes_whatever_it_says(proxy: Boundary, realtime: RealtimeUpstream) -> None:
    """Denied events, denied calls, what is no event at all: in order, on both sides."""
    correlation = str(uuid.uuid4())
    denied: dict[str, Any] = {"type": "response.create", "response": {"model": "denied"}}
    strange = {"type": "response.function_call_arguments.delta", "item_id": "nobody", "delta": "x"}
    script = [*calls("forbidden", "{}"), strange, *says("unspeakable")]
    realtime.script = lambda _: script
    realtime.events.clear()
    with greeted(proxy, "/v1/realtime?model=denied", correlation) as session:
        session.send(json.dumps(denied))
        told = [json.loads(session.recv(timeout=10)) for _ in script]
    assert told == script
    assert realtime.events == [denied]
    found = Scene(proxy, Upstream()).records(correlation, expected=4)
    assert {each["enforcement"] for each in found} == {"observed"}
    assert "DENY" in {each["verdict"] for each in found}


@pytest.mark.parametrize("message", ODD)
def test_a_malformed_event_passes(
    proxy: Boundary, realtime: RealtimeUpstream, message: str | bytes
) -> None:
    """The upstream, which can't read it either, ends the session."""
    with greeted(proxy, "/v1/realtime?model=m", str(uuid.uuid4())) as session:
        session.send(message)
        with pytest.raises(Exception, match="1011"):
            session.recv(timeout=10)
