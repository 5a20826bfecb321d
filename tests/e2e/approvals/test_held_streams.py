"""A streamed tool call waits for a person: what comes before it flows, what comes after waits."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support import chat, messages, responses
from support.approvals import (
    TOOLS,
    Web,
    approvals,
    ask,
    body,
    grant,
    mitmweb,
    pending,
    records,
    said,
    until,
    write_policy,
)
from support.boundary import Boundary
from support.http2 import Multiplexed
from support.listening import Listening
from support.scene import forward_scene
from support.upstream import Upstream
from support.wire import Break, Recorded, Reply, Step

CALL = chat.ToolCall("remove", '{"path": "/srv/a"}')

_numbers = itertools.count(1)


def asked() -> dict[str, Any]:
    """Make a call like no other, so that no grant and no refusal of another fits it."""
    return body(f"clean up {next(_numbers)}", tools=TOOLS, stream=True)


STREAM = [*chat.stream_of(asked(), (chat.Turn("Let me see.", (CALL,)),)), chat.DONE]
SECRETS = (b"remove", b"/srv", b"tool_calls")


def other_call(path: str) -> Reply:
    """Make an answer with a call of its own: one that is refused stays so, whatever is asked."""
    call = chat.ToolCall("remove", json.dumps({"path": f"/srv/{path}"}))
    events = chat.stream_of(asked(), (chat.Turn("Let me see.", (call,)),))
    return Reply.events(*events, chat.DONE)


def streams(*more: Step) -> Reply:
    """Make the upstream's answer: text, a tool call, its end, and more."""
    return Reply.events(*STREAM, *more)


@pytest.fixture(scope="module")
def running(
    shared_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Boundary, Web]]:
    """Mitmweb that holds."""
    folder = tmp_path_factory.mktemp("held")
    with mitmweb(folder, shared_upstream, helm_max_body="256k") as found:
        yield found


@pytest.fixture
def boundary(running: tuple[Boundary, Web], upstream: Upstream) -> Boundary:
    """Its proxy, before an upstream whose answer calls a tool that needs a person."""
    upstream.answer(lambda request: streams() if b"clean up" in request.body else None)
    return running[0]


@pytest.fixture
def web(running: tuple[Boundary, Web]) -> Web:
    """Its page."""
    return running[1]


def last_outcome(boundary: Boundary, count: int) -> tuple[str, str, list[str]]:
    """Verdict, end and reason codes of the latest outcome receipt, once there are so many."""
    outcomes = until(lambda: found if len(found := records(boundary, "outcome")) >= count else None)
    found = outcomes[-1].predicate
    codes = [reason["code"] for reason in found["reasons"]]
    return found["verdict"], found["outcome"]["end"], codes


def count(boundary: Boundary) -> int:
    """Count the outcome receipts that there will be after the next call."""
    return len(records(boundary, "outcome")) + 1


def test_a_yes_in_mitmweb_releases_it(boundary: Boundary, web: Web) -> None:
    """Text has left already; the flow is shown as one that waits; then all of it, as it came."""
    due = count(boundary)
    with Listening(boundary, asked()) as client:
        flow = web.held()
        assert flow["marked"] == "✋"
        assert "WAITS for a person" in flow["comment"]
        heard = client.hears(b"see.")
        assert not any(word in heard for word in SECRETS)
        web.call("POST", f"/flows/{flow['id']}/resume")
        assert client.result() == b"".join(STREAM)
    assert said(boundary)[-3:] == ["requested", "granted", "used"]
    assert records(boundary, "approval")[-1].predicate["approval"]["by"].endswith("(mitmweb)")
    assert last_outcome(boundary, due)[:2] == ("ALLOW", "complete")


def test_a_no_in_mitmweb_is_an_error_event(
    boundary: Boundary, upstream: Upstream, web: Web
) -> None:
    """The client is told why, in its stream, and has nothing of the call."""
    due = count(boundary)
    upstream.answer(lambda _: other_call("refused in mitmweb"))
    with Listening(boundary, asked()) as client:
        web.call("POST", f"/flows/{web.held()['id']}/kill")
        heard = client.result()
    assert b"APPROVAL_REFUSED" in heard
    assert not any(word in heard for word in SECRETS)
    assert last_outcome(boundary, due) == ("DENY", "denied", ["APPROVAL_REFUSED"])


@pytest.mark.parametrize(("decision", "verdict"), [("approve", "ALLOW"), ("deny", "DENY")])
def test_a_command_decides(
    boundary: Boundary, upstream: Upstream, decision: str, verdict: str
) -> None:
    """As for any call that waits."""
    due = count(boundary)
    stream = other_call(decision)
    upstream.answer(lambda _: stream)
    with Listening(boundary, asked()) as client:
        (entry,) = pending(boundary)
        assert approvals(boundary, decision, "--yes", entry.id).exit_code == 0
        whole = b"".join(each for each in stream.steps if isinstance(each, bytes))
        assert (client.result() == whole) is (verdict == "ALLOW")
    assert last_outcome(boundary, due)[0] == verdict


def test_a_grant_for_a_time_outlives_the_call_that_waited(
    boundary: Boundary, upstream: Upstream
) -> None:
    """The next one like it doesn't wait."""
    stream = other_call("for a time")
    upstream.answer(lambda _: stream)
    with Listening(boundary, asked()) as client:
        (entry,) = pending(boundary)
        assert approvals(boundary, "approve", "--yes", "--for", "1h", entry.id).exit_code == 0
        first = client.result()
    with Listening(boundary, asked()) as client:
        assert client.result() == first
    assert said(boundary)[-4:] == ["requested", "granted", "used", "used"]


def test_others_go_on_meanwhile(boundary: Boundary) -> None:
    """On connections of their own."""
    with Listening(boundary, asked()) as client:
        (entry,) = pending(boundary)
        assert ask(boundary, body("hello")).status == 200
        grant(boundary, entry.id)
        assert client.result() == b"".join(STREAM)


def test_a_client_that_leaves_is_noticed(boundary: Boundary) -> None:
    """The question is withdrawn at once, and the outcome says that the client went."""
    due = count(boundary)
    with Listening(boundary, asked()) as client:
        pending(boundary)
        client.leave()
    until(lambda: said(boundary)[-1] == "withdrawn" or None)
    assert last_outcome(boundary, due)[1] == "client_gone"


def test_an_upstream_that_breaks_off_meanwhile(boundary: Boundary, upstream: Upstream) -> None:
    """What was held leaves with the yes; that the upstream broke off is seen after it."""
    due = count(boundary)
    upstream.answer(lambda _: Reply.events(*STREAM[:-1], Break.RESET))
    with Listening(boundary, asked()) as client:
        (entry,) = pending(boundary)
        time.sleep(0.3)  # the upstream's end has come
        grant(boundary, entry.id)
        assert b"/srv" in client.result()
        assert client.error is not None
    assert last_outcome(boundary, due)[1] in ("upstream_error", "complete")


def test_what_comes_meanwhile_is_bounded(boundary: Boundary, upstream: Upstream) -> None:
    """An upstream that sends on and on ends the waiting."""
    due = count(boundary)
    flood = chat.event({"choices": [{"index": 0, "delta": {"content": "x" * 60_000}}]})
    upstream.answer(lambda _: streams(*[flood] * 10))
    with Listening(boundary, asked()) as client:
        heard = client.result()
    assert b"SCHEMA_VIOLATION" in heard
    assert b"xxx" not in heard
    assert not any(word in heard for word in SECRETS)
    assert said(boundary)[-1] == "withdrawn"
    assert last_outcome(boundary, due)[:2] == ("DENY", "denied")


def test_two_calls_in_one_stream_wait_one_after_the_other(
    boundary: Boundary, upstream: Upstream
) -> None:
    """A grant is for the calls that were shown; the next question is another one."""
    items = [responses.function_call("remove", f'{{"path": "/srv/{name}"}}') for name in "ab"]
    upstream.answer(lambda request: responses.reply_to_response(request, *items))
    value = {"model": "gpt-4o", "input": "clean up twice", "stream": True}
    with Listening(boundary, value, path="/v1/responses") as client:
        (one,) = pending(boundary)
        grant(boundary, one.id)
        client.hears(b"/srv/a")
        assert b"/srv/b" not in client.heard
        two = until(lambda: next((e for e in pending(boundary) if e.id != one.id), None))
        grant(boundary, two.id)
        assert b"/srv/b" in client.result()


@pytest.fixture
def holding(upstream: Upstream, tmp_path: Path) -> Boundary:
    """Prepare a boundary that holds, without starting it."""
    upstream.answer(lambda _: streams())
    policy = write_policy(tmp_path / "policy")
    options = {"helm_on_escalate": "hold", "helm_hold_seconds": 3}
    return Boundary(upstream, state=tmp_path, policy=policy, options=options)


def test_silence_is_a_no(holding: Boundary) -> None:
    """After helm_hold_seconds."""
    with holding, Listening(holding, asked()) as client:
        heard = client.result()
        assert b"APPROVAL_TIMEOUT" in heard
        assert not any(word in heard for word in SECRETS)
        assert said(holding) == ["requested", "expired"]


def test_a_stop_meanwhile_is_told(holding: Boundary) -> None:
    """The client gets the error event before the boundary ends."""
    with holding, Listening(holding, asked()) as client:
        pending(holding)
        holding.restart()
        assert b"the boundary stopped while this call waited" in client.result()
        assert last_outcome(holding, 1) == ("DENY", "denied", ["APPROVAL_TIMEOUT"])


def test_an_http2_stream_waits_alone(tmp_path: Path) -> None:
    """Another stream of the same connection is answered meanwhile."""
    options = {"helm_on_escalate": "hold", "helm_hold_seconds": 20}
    policy = write_policy(tmp_path / "asking")
    with forward_scene(tmp_path, policy=policy, options=options) as stage:
        stage.upstream.answer(lambda r: streams() if b"clean up" in r.body else None)
        with Multiplexed(stage) as client:
            waiting = client.post(asked())
            (entry,) = pending(stage.boundary)
            other = client.post(body("hello"))
            client.hears(other, b"}")
            assert not any(word in client.heard[waiting] for word in SECRETS)
            grant(stage.boundary, entry.id)
            assert client.hears(waiting, chat.DONE) == b"".join(STREAM)


def test_an_http2_stream_that_is_reset_is_withdrawn(tmp_path: Path) -> None:
    """The connection stays, and its next stream is answered."""
    options = {"helm_on_escalate": "hold", "helm_hold_seconds": 20}
    policy = write_policy(tmp_path / "asking")
    with forward_scene(tmp_path, policy=policy, options=options) as stage:
        stage.upstream.answer(lambda r: streams() if b"clean up" in r.body else None)
        with Multiplexed(stage) as client:
            waiting = client.post(asked())
            pending(stage.boundary)
            client.h2.reset_stream(waiting)
            client.flush()
            until(lambda: said(stage.boundary) == ["requested", "withdrawn"] or None)
            assert last_outcome(stage.boundary, 1)[1] == "client_gone"
            client.hears(client.post(body("hello")), b"}")


AGENTS = {
    "an SDK": ("/v1/chat/completions", "OpenAI/Python 2.0", b": waiting for a verdict\n\n"),
    "Codex": ("/v1/responses", "codex_exec/0.171.0", b'data: {"type":"keepalive"}\n\n'),
    "Claude Code": ("/v1/messages", "claude-cli/2.1.197 (external, cli)", b'"stop_reason":null'),
}


def test_a_client_that_waits_gets_signs_of_life(tmp_path: Path, upstream: Upstream) -> None:
    """Every five seconds, in the form that it counts; the receipt says how many there were."""
    upstream.answer(_call_of_any_dialect)
    policy = write_policy(tmp_path / "policy")
    options = {"helm_on_escalate": "hold", "helm_hold_seconds": 30}
    with (
        Boundary(upstream, state=tmp_path, policy=policy, options=options) as boundary,
        ExitStack() as clients,
    ):
        waiting = {
            sign: clients.enter_context(
                Listening(boundary, _asked_at(path), path=path, agent=agent)
            )
            for path, agent, sign in AGENTS.values()
        }
        entries = pending(boundary, len(AGENTS))
        for sign, client in waiting.items():
            client.hears(sign)
        for entry in entries:
            grant(boundary, entry.id)
        for client in waiting.values():
            assert b"remove" in client.result()
        outcomes = until(
            lambda: found if len(found := records(boundary, "outcome")) == len(AGENTS) else None
        )
        assert all(each.predicate["outcome"]["keepAlives"] >= 1 for each in outcomes)


def _asked_at(path: str) -> dict[str, Any]:
    value = asked()
    if path.endswith("responses"):
        return {"model": "gpt-4o", "input": "clean up", "stream": True}
    return (
        {**value, "model": "claude-sonnet-4", "max_tokens": 9, "tools": []}
        if (path.endswith("messages"))
        else value
    )


def _call_of_any_dialect(request: Recorded) -> Reply:
    if request.path.endswith("messages"):
        return messages.reply_to_message(
            request, messages.text("x"), messages.tool_use("remove", path="/srv/a")
        )
    if request.path.endswith("responses"):
        call = responses.function_call("remove", '{"path": "/srv/a"}')
        return responses.reply_to_response(request, call)
    return streams()
