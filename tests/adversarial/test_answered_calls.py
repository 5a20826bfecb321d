"""Calls that another addon answers, or ends: they are calls all the same.

mitmproxy's own map_local, server_replay and block_list can be set while it runs, and any script
can answer a flow. Each such call is judged on its request and receipted, its answer is judged, and
the upstream sees none of it.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http, io
from mitmproxy.test import tflow

from support.boundary import ADDON
from support.scene import CHAT, Answer, Scene, assert_refusal, assert_works, chat_body, scene

SETTER = '''\
"""Answers as a header of the request says, in any hook, and sets options while mitmproxy runs."""
from mitmproxy import ctx, exceptions, flow as mitmflow, http

def _answer(flow):
    kind = flow.request.headers.get("x-type", "application/json")
    headers = {"Content-Type": kind}
    status = int(flow.request.headers.get("x-status", "200"))
    if status == 101:
        headers |= {"Upgrade": "websocket", "Connection": "Upgrade"}
    body = bytes.fromhex(flow.request.headers.get("x-answer", ""))
    return http.Response.make(status, body, headers)

def _act(flow, where):
    for do in flow.request.headers.get("x-do", "").split(","):
        if do == "answer in " + where:
            flow.response = _answer(flow)
        if do == "kill in " + where:
            flow.kill()
        if do == "revive in " + where:
            flow.error = None
        if do == "mark in " + where:
            flow.error = mitmflow.Error("an addon's own words")
        if do == "add a header in " + where:
            flow.response.headers["access-control-allow-origin"] = "*"
        if do == "halt in " + where:
            raise exceptions.AddonHalt

def requestheaders(flow):
    _act(flow, "requestheaders")

def request(flow):
    name, _, value = flow.request.headers.get("x-set", "").partition("=")
    if name:
        ctx.options.update(**{name: [value] if value else []})
    _act(flow, "request")

def responseheaders(flow):
    _act(flow, "responseheaders")

def response(flow):
    _act(flow, "response")
'''


def told(text: str = "Harmless.", **more: Any) -> bytes:
    """Return the body of a chat's answer."""
    message = {"role": "assistant", "content": text, **more}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"model": "ordinary", "choices": [choice]}).encode()


def calling(tool: str) -> bytes:
    """Return an answer that calls a tool."""
    function = {"name": tool, "arguments": "{}"}
    return told("", tool_calls=[{"id": "c", "type": "function", "function": function}])


def streamed(tool: str) -> bytes:
    """Return an answer's events, with a tool call."""
    call = {"index": 0, "id": "c", "type": "function"}
    delta = {"tool_calls": [{**call, "function": {"name": tool, "arguments": "{}"}}]}
    first = {"model": "ordinary", "choices": [{"index": 0, "delta": delta}]}
    last = {"model": "ordinary", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    events = [json.dumps(first), json.dumps(last), "[DONE]"]
    return "".join(f"data: {each}\n\n" for each in events).encode()


FORBIDDEN, UNSPEAKABLE = calling("forbidden"), told("unspeakable")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a boundary beside a script that answers, and mitmproxy's own addons that can."""
    folder = tmp_path_factory.mktemp("answered")
    script = folder / "answers.py"
    script.write_text(SETTER)
    with scene(folder, args=["-s", str(script)]) as stage:
        yield stage


def ask(stage: Scene, *headers: tuple[str, str], path: str = CHAT, **changes: Any) -> Answer:
    """Post a chat that nobody but an addon may answer; the upstream sees nothing of it."""
    with stage.untouched():
        return stage.post(
            chat_body(**changes),
            path=path,
            headers=(("Content-Type", "application/json"), *headers),
        )


def answered(
    body: bytes, where: str = "request", *, kind: str = "", status: int = 200
) -> list[Any]:
    """Return the headers that have the script answer."""
    return [
        ("X-Do", f"answer in {where}"),
        ("X-Answer", body.hex()),
        ("X-Type", kind or "application/json"),
        ("X-Status", str(status)),
    ]


@contextlib.contextmanager
def option(stage: Scene, name: str, value: str) -> Iterator[None]:
    """Set an option of mitmproxy's while it runs."""
    with_option(stage, name, value)
    try:
        yield
    finally:
        with_option(stage, name, "")


def with_option(stage: Scene, name: str, value: str) -> None:
    """Have the script set an option, by a request that is no call and that it answers."""
    headers = [("X-Set", f"{name}={value}"), *answered(b"{}", "requestheaders")]
    assert stage.post(b"", path="/set", method="GET", headers=headers).status in (200, 403)


def ends(stage: Scene, answer: Answer) -> list[tuple[str, str]]:
    """Return the verdict of each of a call's receipts, with how the call ended."""
    return [
        (each["verdict"], each.get("outcome", {}).get("end", ""))
        for each in stage.records(answer.correlation)
    ]


PASSED = [("ALLOW", ""), ("ALLOW", "complete")]
WHERE = ["requestheaders", "request", "request,halt in request", "requestheaders,halt in request"]


@pytest.mark.parametrize("where", WHERE)
def test_an_answer_of_another_addon_is_one_of_the_call(stage: Scene, where: str) -> None:
    """What is allowed on both sides comes as the addon wrote it, and has two receipts."""
    answer = ask(stage, *answered(told(), where))
    assert (answer.status, answer.body) == (200, told())
    assert answer.headers["x-helm-verdict"] == "ALLOW"
    assert ends(stage, answer) == PASSED


@pytest.mark.parametrize("where", WHERE)
def test_a_denied_call_isnt_answered_by_anybody(stage: Scene, where: str) -> None:
    """Its request is judged, whoever would answer it."""
    answer = ask(stage, *answered(told("from the addon"), where), model="denied")
    assert_refusal(answer, "POLICY_VIOLATION")
    assert b"from the addon" not in answer.body
    assert ends(stage, answer) == [("DENY", ""), ("DENY", "denied")]


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (FORBIDDEN, "application/json"),
        (UNSPEAKABLE, "application/json"),
        (streamed("forbidden"), "text/event-stream"),
    ],
    ids=["a tool call", "a text", "a stream"],
)
def test_a_denied_answer_isnt_told_whoever_gives_it(
    stage: Scene, where: str, body: bytes, kind: str
) -> None:
    """An answer is judged, also one that looks like a stream and is whole already."""
    answer = ask(stage, *answered(body, where, kind=kind), stream="event" in kind)
    assert_refusal(answer, "POLICY_VIOLATION")
    assert b"forbidden" not in answer.body
    assert b"unspeakable" not in answer.body
    assert ends(stage, answer) == [("ALLOW", ""), ("DENY", "denied")]


def test_an_allowed_stream_of_another_addon_comes_as_it_is(stage: Scene) -> None:
    """Judged whole, and told event by event as the addon wrote it."""
    body = streamed("harmless")
    answer = ask(stage, *answered(body, kind="text/event-stream"), stream=True)
    assert (answer.status, answer.body) == (200, body)
    assert ends(stage, answer) == PASSED


def test_an_addon_cant_switch_protocols_in_a_servers_place(stage: Scene) -> None:
    """There is nobody behind it whose messages could be judged."""
    handshake = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]
    with stage.untouched():
        answer = stage.post(
            b"", path="/v1/realtime?model=ordinary", method="GET",
            headers=[*handshake, *answered(b"", status=101)],
        )  # fmt: skip
    assert_refusal(answer, "SCHEMA_VIOLATION")


def test_a_refusal_isnt_taken_back_by_another_addon(stage: Scene) -> None:
    """What an addon puts in its place, in a later hook, isn't what the client gets."""
    for where in ("responseheaders", "response"):
        answer = ask(stage, *answered(told("from the addon"), where), model="denied")
        assert_refusal(answer, "POLICY_VIOLATION")
        assert b"from the addon" not in answer.body


def test_another_addon_may_add_headers_to_a_refusal(stage: Scene) -> None:
    """A page in a browser can't read it otherwise."""
    answer = ask(stage, ("X-Do", "add a header in response"), model="denied")
    assert_refusal(answer, "POLICY_VIOLATION")
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("where", ["request", "requestheaders", "request,halt in request"])
def test_a_call_that_another_addon_kills_has_a_receipt(stage: Scene, where: str) -> None:
    """The client gets nothing, and the journal says that nothing was judged."""
    answer = ask(stage, ("X-Do", f"kill in {where}"))
    assert answer.status == 0
    request, outcome = stage.records(answer.correlation)
    assert request["reasons"][0]["code"] == "CONTEXT_MISMATCH"
    assert outcome["outcome"]["end"] == "denied"


def test_a_killed_call_that_is_revived_stays_refused(stage: Scene) -> None:
    """Whoever takes the kill back in a later hook gets our reply."""
    do = "kill in requestheaders,revive in request"
    answer = ask(stage, *answered(told("from the addon"))[1:], ("X-Do", do), model="denied")
    assert answer.status in (0, 403)
    assert b"from the addon" not in answer.body


def test_an_error_that_is_only_noted_keeps_no_call_from_its_judgement(stage: Scene) -> None:
    """Mitmproxy goes on with a flow that has any error but a kill."""
    answer = ask(stage, ("X-Do", "mark in requestheaders"), model="denied")
    assert_refusal(answer, "POLICY_VIOLATION")
    assert ends(stage, answer) == [("DENY", ""), ("DENY", "denied")]


def test_map_local_answers_only_what_is_allowed(stage: Scene, tmp_path: Path) -> None:
    """Set while it runs: a file for a call's answer, with its verdicts and receipts."""
    file = tmp_path / "answer.json"
    file.write_bytes(told("From a file."))
    with option(stage, "map_local", f"|chat/completions|{file}"):
        answer = ask(stage)
        assert (answer.status, answer.body) == (200, told("From a file."))
        assert ends(stage, answer) == PASSED
        assert_refusal(ask(stage, model="denied"), "POLICY_VIOLATION")
        file.write_bytes(FORBIDDEN)
        denied = ask(stage)
        assert_refusal(denied, "POLICY_VIOLATION")
        assert ends(stage, denied) == [("ALLOW", ""), ("DENY", "denied")]
    assert_works(stage)


def recorded(stage: Scene, answer: bytes, **changes: Any) -> http.HTTPFlow:
    """Return a flow with a chat and its answer, as it was recorded from the upstream."""
    flow = tflow.tflow(resp=True)
    address = stage.upstream.url + CHAT
    flow.request = http.Request.make("POST", address, chat_body(**changes))
    flow.request.headers["content-type"] = "application/json"
    flow.response = http.Response.make(200, answer, {"Content-Type": "application/json"})
    return flow


def test_server_replay_answers_only_what_is_allowed(stage: Scene, tmp_path: Path) -> None:
    """A recorded answer for the same request: judged on both sides, and no server asked."""
    file, fine = tmp_path / "recorded.flows", told("Recorded.")
    with file.open("wb") as opened:
        for model, body in (("recorded", fine), ("denied", fine), ("worse", FORBIDDEN)):
            io.FlowWriter(opened).add(recorded(stage, body, model=model))
    with option(stage, "server_replay", str(file)):
        answer = ask(stage, model="recorded")
        assert (answer.status, answer.body) == (200, fine)
        assert ends(stage, answer) == PASSED
        denied = ask(stage, model="denied")
        assert_refusal(denied, "POLICY_VIOLATION")
        assert ends(stage, denied) == [("DENY", ""), ("DENY", "denied")]
        worse = ask(stage, model="worse")
        assert_refusal(worse, "POLICY_VIOLATION")
        assert ends(stage, worse) == [("ALLOW", ""), ("DENY", "denied")]


def test_block_list_blocks_with_a_receipt(stage: Scene) -> None:
    """A status for an answer is judged as one; a closed connection is refused in writing."""
    with option(stage, "block_list", "|chat/completions|404"):
        answer = ask(stage)
        assert answer.status == 404
        assert [verdict for verdict, _ in ends(stage, answer)] == ["ALLOW", "ALLOW"]
        assert_refusal(ask(stage, model="denied"), "POLICY_VIOLATION")
    with option(stage, "block_list", "|chat/completions|444"):
        answer = ask(stage)
        assert answer.status == 0
        assert ends(stage, answer) == [("DENY", ""), ("DENY", "denied")]
    assert_works(stage)


def test_what_is_no_call_is_answered_as_before(tmp_path: Path) -> None:
    """A page that an addon serves, through a forward proxy: no header, no receipt of ours."""
    script = tmp_path / "answers.py"
    script.write_text(SETTER)
    with scene(tmp_path, mode="regular", args=["-s", str(script)]) as stage:
        for where in WHERE:
            correlation = str(uuid.uuid4())
            with stage.untouched(), stage.wire() as wire:
                headers = answered(b"<p>A page.", where, kind="text/html")
                path = f"{stage.upstream.url}/page"
                wire.send(stage.request(b"", path, headers, "GET", correlation=correlation))
                answer = wire.answer(correlation, "GET")
            assert (answer.status, answer.body) == (200, b"<p>A page.")
            assert not [name for name in answer.headers if name.startswith("x-helm")]
            assert stage.records(correlation, expected=0) == []


def test_observed_calls_pass_as_they_were_answered(tmp_path: Path) -> None:
    """What would be denied is written down, and the addon's answer comes."""
    script = tmp_path / "answers.py"
    script.write_text(SETTER)
    options = {"helm_mode": "observe"}
    with scene(tmp_path, options=options, args=["-s", str(script)]) as stage:
        answer = ask(stage, *answered(FORBIDDEN), model="denied")
        assert answer.body == FORBIDDEN
        assert [verdict for verdict, _ in ends(stage, answer)] == ["DENY", "DENY"]


def test_a_script_that_comes_first_changes_nothing(tmp_path: Path) -> None:
    """The order of scripts on the command line doesn't decide who is judged."""
    script = tmp_path / "answers.py"
    script.write_text(SETTER)
    args = ["-s", str(script), "-s", str(ADDON)]
    options = {"helm_state": tmp_path / "helm"}
    with scene(tmp_path, addon=None, args=args, options=options) as stage:
        assert_refusal(ask(stage, *answered(FORBIDDEN)), "POLICY_VIOLATION")
        assert ask(stage, *answered(told())).body == told()
