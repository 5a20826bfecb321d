"""An answer of a WebSocket session waits for a person, and the session goes on beside it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from support.approvals import approvals, grant, pending, records, said, until, write_policy
from support.boundary import Boundary
from support.realtime import RealtimeUpstream, calls, says

DATA = "operations: {allow_categories: [inference, meta, realtime]}\n"
CALL = calls("remove", '{"path": "/srv/a"}')
ASK = {"type": "response.create"}


@dataclass
class Session:
    """A session through a boundary that holds, whose upstream answers with a tool call."""

    boundary: Boundary
    upstream: RealtimeUpstream
    socket: ClientConnection

    def send(self, event: dict[str, Any]) -> None:
        """Send an event."""
        self.socket.send(json.dumps(event))

    def until(self, *kinds: str) -> list[dict[str, Any]]:
        """Receive events up to one of these types."""
        told = [self.receive()]
        while told[-1]["type"] not in kinds:
            told.append(self.receive())
        return told

    def receive(self) -> dict[str, Any]:
        """Receive an event."""
        value: dict[str, Any] = json.loads(self.socket.recv(timeout=10))
        return value

    def is_silent(self, seconds: float = 0.5) -> bool:
        """Tell whether nothing comes for so long."""
        try:
            self.socket.recv(timeout=seconds)
        except TimeoutError:
            return True
        return False


@pytest.fixture
def session(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Session]:
    """Open a session; the parameter is its path and what the client calls itself."""
    policy = write_policy(tmp_path / "policy")
    (policy / "data.yaml").write_text(DATA)
    options = {"helm_on_escalate": "hold", "helm_hold_seconds": 20}
    with RealtimeUpstream(lambda _: CALL) as upstream:
        mode = f"reverse:{upstream.url}"
        with Boundary(state=tmp_path, mode=mode, policy=policy, options=options) as boundary:
            path, agent = getattr(request, "param", ("/v1/realtime?model=gpt-realtime", "a test"))
            address = boundary.url.replace("http", "ws") + path
            with connect(address, user_agent_header=agent) as socket:
                json.loads(socket.recv(timeout=10))
                yield Session(boundary, upstream, socket)


def ends(session: Session) -> list[str]:
    """Return how the calls of the session ended, in time."""
    return [each.predicate["outcome"]["end"] for each in records(session.boundary, "outcome")]


def test_a_yes_releases_it(session: Session) -> None:
    """Nothing of the call comes before; then all of it, in order."""
    session.send(ASK)
    (entry,) = pending(session.boundary)
    assert session.receive() == CALL[0]
    assert session.is_silent()
    grant(session.boundary, entry.id)
    assert session.until("response.done") == CALL[1:]
    assert said(session.boundary) == ["requested", "granted", "used"]
    until(lambda: len(ends(session)) == 2 or None)
    assert ends(session) == ["complete", "complete"]


def test_a_no_is_an_error_event(session: Session) -> None:
    """And the session goes on with its next response."""
    session.send(ASK)
    (entry,) = pending(session.boundary)
    assert approvals(session.boundary, "deny", "--yes", entry.id).exit_code == 0
    told = session.until("error")
    assert told[-1]["error"]["code"] == "APPROVAL_REFUSED"
    assert "/srv" not in json.dumps(told)
    session.upstream.script = lambda _: says("Hello.")
    session.send({**ASK, "response": {"instructions": "greet"}})
    assert session.until("response.done") == says("Hello.")


def test_the_client_is_heard_meanwhile(session: Session) -> None:
    """What it sends reaches the upstream while its answer waits."""
    session.send(ASK)
    (entry,) = pending(session.boundary)
    session.send({"type": "input_audio_buffer.clear"})
    until(lambda: len(session.upstream.events) == 2 or None)
    grant(session.boundary, entry.id)
    assert CALL[-1] in session.until("response.done")


def test_what_comes_behind_it_stays_behind_it(session: Session) -> None:
    """Events of the server that came meanwhile follow in their order."""
    later = {"type": "rate_limits.updated", "rate_limits": []}
    session.upstream.script = lambda _: [*CALL, later]
    session.send(ASK)
    (entry,) = pending(session.boundary)
    assert session.receive() == CALL[0]
    assert session.is_silent()
    grant(session.boundary, entry.id)
    assert session.until("rate_limits.updated") == [*CALL[1:], later]


def test_a_client_that_leaves_is_noticed(session: Session) -> None:
    """The question is withdrawn, and the call has one outcome."""
    session.send(ASK)
    pending(session.boundary)
    session.socket.close()
    until(lambda: said(session.boundary) == ["requested", "withdrawn"] or None)
    until(lambda: "client_gone" in ends(session) or None)
    assert len([each for each in ends(session) if each == "client_gone"]) == 1


def test_what_comes_behind_it_is_dropped_with_the_session(session: Session) -> None:
    """Once the client has left, what still waits for its turn makes no calls of its own."""
    session.upstream.script = lambda _: [*CALL, *says("Unasked."), *says("Unasked.")]
    session.send(ASK)
    pending(session.boundary)
    session.socket.close()
    until(lambda: "client_gone" in ends(session) or None)
    session.boundary.stop()
    assert ends(session) == ["complete", "client_gone"]


@pytest.mark.parametrize(
    "session", [("/v1/realtime?model=gpt-realtime", "codex_exec/0.171.0")], indirect=True
)
def test_codex_gets_signs_of_life(session: Session) -> None:
    """Codex counts the event `keepalive`; the outcome counts it too."""
    session.send(ASK)
    (entry,) = pending(session.boundary)
    assert session.receive() == CALL[0]
    assert session.receive() == {"type": "keepalive"}
    grant(session.boundary, entry.id)
    assert session.until("response.done") == CALL[1:]
    until(lambda: len(ends(session)) == 2 or None)
    assert records(session.boundary, "outcome")[-1].predicate["outcome"]["keepAlives"] == 1


def test_an_upstream_that_closes_meanwhile(session: Session) -> None:
    """Nothing of the call comes, the question is withdrawn, and the outcome says who broke off."""

    def script(_: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield from CALL
        raise ConnectionClosed(None, None)

    session.upstream.script = script
    session.send(ASK)
    assert session.receive() == CALL[0]
    with pytest.raises(ConnectionClosed):
        session.receive()
    until(lambda: said(session.boundary) == ["requested", "withdrawn"] or None)
    until(lambda: "upstream_error" in ends(session) or None)


ITEM = {"id": "fc_1", "type": "function_call", "name": "remove", "call_id": "call_1",
        "arguments": '{"path": "/srv/a"}', "status": "completed"}  # fmt: skip
RESPONSE: list[dict[str, Any]] = [
    {"type": "response.created", "response": {"id": "resp_1", "output": []}},
    {"type": "response.output_item.added", "output_index": 0,
     "item": {**ITEM, "arguments": "", "status": "in_progress"}},
    {"type": "response.output_item.done", "output_index": 0, "item": ITEM},
    {"type": "response.completed",
     "response": {"id": "resp_1", "status": "completed", "output": [ITEM]}},
]  # fmt: skip


@pytest.mark.parametrize(
    "session", [("/v1/responses", "codex_exec/0.171.0")], indirect=True, ids=["Codex"]
)
@pytest.mark.parametrize("decision", ["approve", "deny"])
def test_a_responses_socket_waits_too(session: Session, decision: str) -> None:
    """As a Realtime session does."""
    session.upstream.script = lambda _: RESPONSE
    session.send({**ASK, "model": "gpt-5-codex", "input": "clean up"})
    (entry,) = pending(session.boundary)
    assert session.receive() == RESPONSE[0]
    assert session.is_silent()
    assert approvals(session.boundary, decision, "--yes", entry.id).exit_code == 0
    told = session.until("response.completed", "error")
    assert (told == RESPONSE[1:]) is (decision == "approve")
    assert ("/srv" in json.dumps(told)) is (decision == "approve")


def test_a_stop_meanwhile_ends_the_session(session: Session) -> None:
    """The client is told before the connection ends; the call is a DENY."""
    session.send(ASK)
    pending(session.boundary)
    session.boundary.stop()
    told = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            told.append(session.receive())
    assert "/srv" not in json.dumps(told)
    assert told[-1]["error"]["code"] == "APPROVAL_TIMEOUT"
    assert records(session.boundary, "outcome")[-1].predicate["verdict"] == "DENY"
