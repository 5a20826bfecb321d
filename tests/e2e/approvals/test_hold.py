"""Flows that wait for a person, who answers in mitmweb or by command; silence is a no."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from helm_receipts.audit.verify import verify_journal
from helm_receipts.layout import Layout
from helm_receipts.log.published_keys import read_published
from support.approvals import (
    TOOLS,
    Asking,
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
from support.boundary import Boundary, StartFailed
from support.chat import ToolCall, Turn, reply_to_chat
from support.http2 import Multiplexed
from support.scene import forward_scene
from support.upstream import Upstream


@pytest.fixture(scope="module")
def running(
    shared_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Boundary, Web]]:
    """Start mitmweb that holds."""
    with mitmweb(tmp_path_factory.mktemp("hold"), shared_upstream) as found:
        yield found


@pytest.fixture
def boundary(running: tuple[Boundary, Web]) -> Boundary:
    """Return the proxy of the mitmweb that holds."""
    return running[0]


@pytest.fixture
def web(running: tuple[Boundary, Web]) -> Web:
    """Return the page of the mitmweb that holds."""
    return running[1]


def last_outcome(boundary: Boundary) -> tuple[str, str, list[str]]:
    """Return verdict, end and reason codes of the latest outcome receipt."""
    found = records(boundary, "outcome")[-1].predicate
    codes = [reason["code"] for reason in found["reasons"]]
    return found["verdict"], found["outcome"]["end"], codes


def test_resuming_a_flow_approves_it(boundary: Boundary, web: Web, upstream: Upstream) -> None:
    """The flow waits, marked and with a comment; nothing has left until it is resumed."""
    asking = Asking(boundary, body("please, resume"))
    flow = web.held()
    assert flow["marked"] == "✋"
    assert "WAITS for a person: APPROVAL_REQUIRED" in flow["comment"]
    assert upstream.requests == []
    assert "A person must look at this." in web.view(flow, "request", "judgement")
    web.call("POST", f"/flows/{flow['id']}/resume")
    assert asking.result().status == 200
    assert len(upstream.requests) == 1
    assert said(boundary)[-3:] == ["requested", "granted", "used"]
    assert records(boundary, "approval")[-1].predicate["approval"]["by"].endswith("(mitmweb)")
    assert last_outcome(boundary)[:2] == ("ALLOW", "complete")


def test_killing_a_flow_denies_it(boundary: Boundary, web: Web, upstream: Upstream) -> None:
    """The client gets a 403 that says so, and doesn't ask again; the upstream saw nothing."""
    asking = Asking(boundary, body("please, kill"))
    web.call("POST", f"/flows/{web.held()['id']}/kill")
    answer = asking.result()
    assert (answer.status, answer.codes) == (403, ["APPROVAL_REFUSED"])
    assert answer.headers["x-should-retry"] == "false"
    assert upstream.requests == []
    assert said(boundary)[-2:] == ["requested", "refused"]
    assert last_outcome(boundary) == ("DENY", "denied", ["APPROVAL_REFUSED"])


def test_an_edit_is_judged_again(boundary: Boundary, web: Web, upstream: Upstream) -> None:
    """Edited into what policy denies and resumed, it is denied; into what it allows, it passes."""
    asking = Asking(boundary, body("please, edit"))
    flow = web.held()
    web.edit(flow, body("the forbidden"))
    web.call("POST", f"/flows/{flow['id']}/resume")
    answer = asking.result()
    assert (answer.status, answer.helm["verdict"]) == (403, "DENY")
    assert upstream.requests == []
    asking = Asking(boundary, body("please, edit"))
    flow = web.held()
    web.edit(flow, body("something harmless"))
    web.call("POST", f"/flows/{flow['id']}/resume")
    assert asking.result().status == 200
    assert upstream.requests[-1].json() == body("something harmless")


def test_an_edit_that_escalates_needs_an_approval_of_its_own(
    boundary: Boundary, web: Web, upstream: Upstream
) -> None:
    """A yes is to what was shown: what was edited since waits again, and can be granted then."""
    asking = Asking(boundary, body("please, first"))
    flow = web.held()
    first = web.command("helm.pending.ids")
    web.edit(flow, body("please, second"))
    grant(boundary, first[0])
    second = until(lambda: set(web.command("helm.pending.ids")) - set(first) or None).pop()
    assert upstream.requests == []
    assert web.command("helm.approve", second) == f"{second} is granted"
    assert asking.result().status == 200
    assert upstream.requests[-1].json() == body("please, second")


def test_a_replay_does_not_use_a_grant(boundary: Boundary, web: Web, upstream: Upstream) -> None:
    """The Replay of an approved flow in mitmweb is another call, of a client that isn't there."""
    asking = Asking(boundary, body("please, replay"))
    flow = web.held()
    web.call("POST", f"/flows/{flow['id']}/resume")
    assert asking.result().status == 200
    outcomes = len(records(boundary, "outcome"))
    web.call("POST", f"/flows/{flow['id']}/replay")
    until(lambda: len(records(boundary, "outcome")) > outcomes or None)
    assert last_outcome(boundary) == ("DENY", "client_gone", ["CONTEXT_MISMATCH"])
    assert len(upstream.requests) == 1


def test_a_replay_of_an_allowed_flow_is_answered(
    boundary: Boundary, web: Web, upstream: Upstream
) -> None:
    """Replay in mitmweb, long after the client has gone: one call more, judged on both sides."""
    asked = body("harmless, for a replay")
    assert ask(boundary, asked).status == 200
    flow = web.flows()[-1]
    outcomes = len(records(boundary, "outcome"))
    web.call("POST", f"/flows/{flow['id']}/replay")
    until(lambda: len(records(boundary, "outcome")) > outcomes or None)
    assert last_outcome(boundary)[:2] == ("ALLOW", "complete")
    assert [each.json() for each in upstream.requests] == [asked, asked]


def test_an_edited_or_replayed_flow_is_a_call_of_its_own(
    boundary: Boundary, web: Web, upstream: Upstream
) -> None:
    """One flow, three calls in the receipts, each with one outcome: so the journal verifies."""
    before = len(records(boundary, "outcome"))
    asking = Asking(boundary, body("please, thrice"))
    flow = web.held()
    web.edit(flow, body("something harmless"))
    web.call("POST", f"/flows/{flow['id']}/resume")
    assert asking.result().status == 200
    web.call("POST", f"/flows/{flow['id']}/replay")
    until(lambda: len(records(boundary, "outcome")) == before + 3 or None)
    calls = [each.predicate["flow"]["id"] for each in records(boundary, "outcome")[before:]]
    assert len(set(calls)) == 3
    known = read_published(Layout(boundary.state))
    assert not verify_journal(boundary.state / "journal", [known.receipt[-1].key]).torn


def test_an_edited_answer_is_judged_again(boundary: Boundary, web: Web, upstream: Upstream) -> None:
    """Another tool call typed in its place is another question; harmless text is released."""
    turn = Turn("", (ToolCall("remove", '{"path": "/srv/a"}'),))
    upstream.answer(lambda request: reply_to_chat(request, turn))
    asking = Asking(boundary, body("clean up, edited", tools=TOOLS))
    flow, (first,) = web.held(), pending(boundary)
    call = {"id": "c", "type": "function", "function": {"name": "remove", "arguments": "{}"}}
    _edit_answer(web, flow, {"role": "assistant", "tool_calls": [call]})
    until(lambda: [e for e in pending(boundary) if e.id != first.id] or None)
    _edit_answer(web, web.held(), {"role": "assistant", "content": "Nothing was removed."})
    answer = asking.result()
    assert (answer.status, b"Nothing was removed." in answer.body) == (200, True)
    assert b"tool_calls" not in answer.body
    assert said(boundary)[-4:] == ["requested", "withdrawn"] * 2
    assert last_outcome(boundary)[:2] == ("ALLOW", "complete")


def _edit_answer(web: Web, flow: dict[str, Any], message: dict[str, Any]) -> None:
    """Type another answer in, and resume."""
    value = {"model": "gpt-4o", "choices": [{"index": 0, "message": message}]}
    web.call("PUT", f"/flows/{flow['id']}", {"response": {"content": json.dumps(value)}})
    web.call("POST", f"/flows/{flow['id']}/resume")


def test_a_whole_response_is_held(boundary: Boundary, web: Web, upstream: Upstream) -> None:
    """The answer's tool call waits before the client has seen any of it."""
    turn = Turn("", (ToolCall("remove", '{"path": "/srv/a"}'),))
    upstream.answer(lambda request: reply_to_chat(request, turn))
    asking = Asking(boundary, body("clean up", tools=TOOLS))
    flow = web.held()
    assert "-> remove" in web.view(flow, "response", "conversation")
    web.call("POST", f"/flows/{flow['id']}/resume")
    assert b"/srv/a" in asking.result().body
    asking = Asking(boundary, body("clean up again", tools=TOOLS))
    web.call("POST", f"/flows/{web.held()['id']}/kill")
    refused = asking.result()
    assert (refused.status, b"/srv/a" in refused.body) == (403, False)
    assert last_outcome(boundary)[:2] == ("DENY", "denied")


@pytest.mark.parametrize(("text", "calls_upstream"), [("please, bye", 0), ("clean, bye", 1)])
def test_a_held_call_ends_when_its_client_disconnects(
    boundary: Boundary, web: Web, upstream: Upstream, text: str, calls_upstream: int
) -> None:
    """Its request or answer stops waiting, nothing is sent, and the receipts say that it went."""
    turn = Turn("", (ToolCall("remove", "{}"),))
    upstream.answer(lambda request: reply_to_chat(request, turn))
    before, outcomes = len(said(boundary)), len(records(boundary, "outcome"))
    with _send(boundary, text):
        web.held()
    until(lambda: said(boundary)[before:] == ["requested", "withdrawn"] or None)
    (outcome,) = until(lambda: records(boundary, "outcome")[outcomes:] or None)
    assert outcome.predicate["outcome"]["end"] == "client_gone"
    assert len(upstream.requests) == calls_upstream
    assert not any(flow["intercepted"] for flow in web.flows())


def test_a_held_call_ends_when_its_http2_stream_is_reset(tmp_path: Path) -> None:
    """An HTTP/2 client resets the waiting stream and keeps its connection: nothing is sent."""
    options = {"helm_on_escalate": "hold", "helm_hold_seconds": 60}
    policy = write_policy(tmp_path / "asking")
    with (
        forward_scene(tmp_path, policy=policy, options=options) as stage,
        Multiplexed(stage) as client,
    ):
        stream = client.post(body("please, bye"))
        pending(stage.boundary)
        client.h2.reset_stream(stream)
        client.flush()
        until(lambda: said(stage.boundary) == ["requested", "withdrawn"] or None)
        until(lambda: records(stage.boundary, "outcome") or None)
        assert last_outcome(stage.boundary)[:2] == ("DENY", "client_gone")
        client.post(body("please, stay"))
        (entry,) = pending(stage.boundary)
        assert stage.upstream.requests == []
        grant(stage.boundary, entry.id)
        until(lambda: len(stage.upstream.requests) == 1 or None)


def test_a_flow_held_by_an_intercept_filter_is_judged_after_the_edit(
    boundary: Boundary, web: Web, upstream: Upstream
) -> None:
    """A flow that an intercept filter holds is judged after it was edited, and may be killed."""
    web.call("PUT", "/options", {"intercept": "~b mine"})
    try:
        asking = Asking(boundary, body("mine"))
        flow = web.held()
        web.edit(flow, body("the forbidden"))
        web.call("POST", f"/flows/{flow['id']}/resume")
        assert asking.result().helm["verdict"] == "DENY"
        asking = Asking(boundary, body("mine too"))
        web.call("POST", f"/flows/{web.held()['id']}/kill")
        with pytest.raises((OSError, http.client.HTTPException)):
            asking.result()
    finally:
        web.call("PUT", "/options", {"intercept": ""})
    assert upstream.requests == []


def test_mitmdump_holds_too(upstream: Upstream, tmp_path: Path) -> None:
    """Commands answer; silence is DENY; as many wait as may, and then no more."""
    policy = write_policy(tmp_path / "policy")
    options = {"helm_on_escalate": "hold", "helm_hold_seconds": 6, "helm_hold_max": 2}
    with Boundary(upstream, state=tmp_path, policy=policy, options=options) as boundary:
        asking = [Asking(boundary, body(f"please, {word}")) for word in ("yes", "no")]
        waiting = {e.request.summary["texts"][0]["text"]: e.id for e in pending(boundary, 2)}
        third = ask(boundary, body("please, me too"))
        assert (third.status, third.codes) == (403, ["APPROVAL_UNAVAILABLE"])
        grant(boundary, waiting["please, yes"])
        assert approvals(boundary, "deny", "--yes", waiting["please, no"]).exit_code == 0
        assert [each.result().status for each in asking] == [200, 403]
        began = time.monotonic()
        silence = ask(boundary, body("please, anybody?"))
        assert silence.codes == ["APPROVAL_TIMEOUT"]
        assert time.monotonic() - began > 5.9
        assert said(boundary)[-1] == "expired"
        assert len(upstream.requests) == 1


def test_a_thousand_waiting_calls_do_not_block_others(upstream: Upstream, tmp_path: Path) -> None:
    """A hundred wait, the others are denied at once, and ordinary calls pass meanwhile."""
    policy = write_policy(tmp_path / "policy")
    options = {"helm_on_escalate": "hold", "helm_hold_seconds": 60}
    with (
        Boundary(upstream, state=tmp_path, policy=policy, options=options) as boundary,
        ExitStack() as clients,
    ):
        flood = [clients.enter_context(_send(boundary, f"please, {n}")) for n in range(1000)]
        until(lambda: _answered(flood) == 900 or None, 60)
        assert len(pending(boundary, 100)) == 100
        assert ask(boundary, body("hello")).status == 200
        assert _answered(flood) == 900
        assert len(upstream.requests) == 1


def test_waiting_clients_are_answered_at_a_stop(upstream: Upstream, tmp_path: Path) -> None:
    """The client is told at once; the question stays, and its grant holds after the restart."""
    with _holding(upstream, tmp_path) as boundary:
        asking = Asking(boundary, body("please, hold on"))
        (entry,) = pending(boundary)
        boundary.restart()
        assert asking.result().codes == ["APPROVAL_TIMEOUT"]
        assert last_outcome(boundary)[:2] == ("DENY", "denied")
        _is_granted_later(boundary, upstream, entry.id)


def test_a_held_call_is_recorded_as_denied_after_a_crash(
    upstream: Upstream, tmp_path: Path
) -> None:
    """The held flow is a receipted DENY once the boundary is back; the question stays."""
    with _holding(upstream, tmp_path) as boundary:
        asking = Asking(boundary, body("please, hold on"))
        (entry,) = pending(boundary)
        boundary.kill()
        with pytest.raises((OSError, http.client.HTTPException)):
            asking.result()
        boundary.start()
        assert last_outcome(boundary)[:2] == ("DENY", "killed")
        _is_granted_later(boundary, upstream, entry.id)


def test_a_policy_change_withdraws_the_question_of_a_held_call(
    upstream: Upstream, tmp_path: Path
) -> None:
    """What was asked under the old policy can't be approved any more; the new policy judges."""
    with _holding(upstream, tmp_path) as boundary:
        asking = Asking(boundary, body("please, hold on"))
        (entry,) = pending(boundary)
        write_policy(tmp_path / "policy", _NO_HOLDING)
        os.kill(boundary.pid, signal.SIGHUP)
        answer = asking.result()
        assert (answer.status, answer.codes) == (403, ["POLICY_VIOLATION"])
        assert approvals(boundary, "approve", "--yes", entry.id).exit_code == 1
        assert said(boundary) == ["requested", "withdrawn"]
        assert upstream.requests == []


_NO_HOLDING = """
deny contains reason("deny.hold", "POLICY_VIOLATION", "Not now.") if {
	input.phase == "request"
	said("hold on")
}
"""


def test_a_held_answer_is_refused_after_a_policy_change(upstream: Upstream, tmp_path: Path) -> None:
    """Its request was judged by a policy that counts no more: the answer is refused."""
    turn = Turn("", (ToolCall("remove", '{"path": "/srv/a"}'),))
    upstream.answer(lambda request: reply_to_chat(request, turn))
    with _holding(upstream, tmp_path) as boundary:
        asking = Asking(boundary, body("clean up", tools=TOOLS))
        (entry,) = pending(boundary)
        write_policy(tmp_path / "policy", "# another policy\n")
        os.kill(boundary.pid, signal.SIGHUP)
        answer = asking.result()
        assert (answer.codes, b"/srv/a" in answer.body) == (["APPROVAL_TIMEOUT"], False)
        assert approvals(boundary, "approve", "--yes", entry.id).exit_code == 1
        assert last_outcome(boundary)[:2] == ("DENY", "denied")


def test_waiting_clients_are_answered_at_a_stop_after_a_policy_change(
    upstream: Upstream, tmp_path: Path
) -> None:
    """What came to wait again under the new policy is told at once, like all that waits."""
    with _holding(upstream, tmp_path) as boundary:
        asking = Asking(boundary, body("please, hold on"))
        (first,) = pending(boundary)
        write_policy(tmp_path / "policy", "# another policy\n")
        os.kill(boundary.pid, signal.SIGHUP)
        until(lambda: pending(boundary)[0].id != first.id or None)
        boundary.restart()
        assert asking.result().codes == ["APPROVAL_TIMEOUT"]
        assert upstream.requests == []


def _holding(upstream: Upstream, folder: Path) -> Boundary:
    options = {"helm_on_escalate": "hold", "helm_hold_seconds": 60}
    policy = write_policy(folder / "policy")
    return Boundary(upstream, state=folder, policy=policy, options=options)


def _is_granted_later(boundary: Boundary, upstream: Upstream, identity: str) -> None:
    assert upstream.requests == []
    grant(boundary, identity)
    time.sleep(2.1)  # until then the grant is kept for the flow that was held
    assert ask(boundary, body("please, hold on")).status == 200
    assert len(upstream.requests) == 1


def test_a_hold_longer_than_tcp_timeout_prevents_the_start(
    upstream: Upstream, tmp_path: Path
) -> None:
    """helm_hold_seconds beyond tcp_timeout: a line that says so, and no start."""
    options = {"helm_on_escalate": "hold", "helm_hold_seconds": 600}
    with pytest.raises(StartFailed) as failed:
        Boundary(upstream, state=tmp_path, options=options).start()
    assert "helm_hold_seconds: 600 isn't less than tcp_timeout (600)" in failed.value.log
    assert failed.value.exit_code


def _send(boundary: Boundary, text: str) -> socket.socket:
    """Send a request without waiting for its answer."""
    raw = str(body(text)).replace("'", '"').encode()
    client = socket.create_connection(("127.0.0.1", boundary.port))
    client.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(raw), raw)
    )
    return client


def _answered(clients: list[socket.socket]) -> int:
    """Count those that have an answer."""
    count = 0
    for client in clients:
        client.setblocking(False)
        try:
            count += bool(client.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            continue
    return count
