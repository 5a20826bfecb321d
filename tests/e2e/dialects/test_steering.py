"""A denied tool call that steers: another call comes in its place, and tells the model why."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from websockets.sync.client import connect

from helm_receipts.envelope.statement import INSTEAD, STREAM
from helm_receipts.export.explain import explain
from helm_receipts.layout import Layout
from helm_receipts.recording.openings import opens
from support import chat, messages, responses
from support.approvals import ask, records
from support.boundary import Boundary
from support.realtime import RealtimeUpstream
from support.upstream import Reply, Upstream

NAME = "helm_boundary_denied"
SECRET = "/srv/secret"
ARGUMENTS = json.dumps({"path": SECRET})
DATA = {
    "rules": {"tools.unlisted": "off", "models.unlisted": "off", "secrets.response": "deny"},
    "tools": {"deny": ["rm_rf"]},
    "operations": {"allow_categories": ["inference", "meta", "realtime"]},
}


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Extend the default policy."""
    folder = tmp_path_factory.mktemp("policy")
    (folder / "data.yaml").write_text(json.dumps(DATA))
    return folder


@pytest.fixture(scope="module", params=["steer"])
def boundary(
    module_upstream: Upstream,
    policy: Path,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Boundary]:
    """Start a boundary that steers every client."""
    options = {"helm_on_tool_denied": request.param, "helm_deadline_ms": 1000}
    state = tmp_path_factory.mktemp("state")
    with Boundary(module_upstream, state=state, policy=policy, options=options) as running:
        yield running


def told(arguments: str) -> dict[str, str]:
    """Read what the model is told."""
    said = json.loads(arguments)
    assert said.keys() == {"tool", "rule", "reason", "next"}
    assert (said["tool"], said["rule"]) == ("rm_rf", "tools.denied")
    return dict(said)


def assert_denied(boundary: Boundary) -> None:
    """Assert that the last outcome is a DENY that says what was sent instead."""
    outcome = records(boundary, "outcome")[-1].predicate
    assert (outcome["verdict"], outcome["outcome"]["end"]) == ("DENY", "denied")
    assert outcome["event"] == {"sentInstead": NAME}


@pytest.fixture
def sdk(boundary: Boundary) -> openai.OpenAI:
    """Return OpenAI's SDK, configured for the boundary."""
    return openai.OpenAI(base_url=boundary.url + "/v1", api_key="none", max_retries=0)


HELLO: Any = [{"role": "user", "content": "clean up"}]


@pytest.mark.parametrize("stream", [False, True])
def test_a_completion_ends_with_a_call_that_says_why(
    boundary: Boundary, upstream: Upstream, sdk: openai.OpenAI, stream: bool
) -> None:
    """It has the id of the denied one; the text before it has come."""
    turn = chat.Turn("Let me see.", (chat.ToolCall("rm_rf", ARGUMENTS),))
    upstream.answer(lambda r: chat.reply_to_chat(r, turn))
    asked: Any = {"model": "gpt-4o", "messages": HELLO}
    if stream:
        with sdk.chat.completions.stream(**asked) as events:
            done: Any = events.get_final_completion()
    else:
        done = sdk.chat.completions.create(**asked)
    (choice,) = done.choices
    (call,) = choice.message.tool_calls
    assert choice.message.content == "Let me see."
    assert (choice.finish_reason, call.function.name) == ("tool_calls", NAME)
    assert told(call.function.arguments)
    assert call.id
    assert SECRET not in done.to_json()
    assert_denied(boundary)


@pytest.mark.parametrize("stream", [False, True])
def test_a_message_ends_with_a_use_that_says_why(
    boundary: Boundary, upstream: Upstream, stream: bool
) -> None:
    """Behind the use that was allowed."""
    denied = messages.tool_use("rm_rf", path=SECRET)
    blocks = (messages.text("Sure."), messages.tool_use("look", a=1), denied)
    upstream.answer(lambda r: messages.reply_to_message(r, *blocks))
    client = anthropic.Anthropic(base_url=boundary.url, api_key="none", max_retries=0)
    asked: Any = {"model": "claude-x", "max_tokens": 99, "messages": HELLO}
    if stream:
        with client.messages.stream(**asked) as events:
            done: Any = events.get_final_message()
    else:
        done = client.messages.create(**asked)
    *before, use = done.content
    assert (done.stop_reason, use.type, use.name, use.id) == (
        "tool_use", "tool_use", NAME, denied["id"],
    )  # fmt: skip
    assert told(json.dumps(use.input))
    assert [block.type for block in before] == (["text", "tool_use"] if stream else ["text"])
    assert SECRET not in done.to_json()
    assert_denied(boundary)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", ["function_call", "custom_tool_call"])
def test_a_response_ends_with_an_item_that_says_why(
    boundary: Boundary, upstream: Upstream, sdk: openai.OpenAI, stream: bool, kind: str
) -> None:
    """Its ids, its index and its kind are those of the denied one."""
    member = "arguments" if kind == "function_call" else "input"
    denied = {**responses.function_call("rm_rf", ARGUMENTS), "type": kind}
    if member == "input":
        denied[member] = denied.pop("arguments")
    upstream.answer(lambda r: responses.reply_to_response(r, responses.message("Sure."), denied))
    asked: Any = {"model": "gpt-4o", "input": "clean up"}
    if stream:
        with sdk.responses.stream(**asked) as events:
            done: Any = events.get_final_response()
    else:
        done = sdk.responses.create(**asked)
    said, item = done.output
    assert (done.status, said.content[0].text) == ("completed", "Sure.")
    assert (item.type, item.name, item.id, item.call_id) == (
        kind, NAME, denied["id"], denied["call_id"],
    )  # fmt: skip
    assert told(getattr(item, member))
    assert SECRET not in done.to_json()
    assert_denied(boundary)


def test_what_is_more_than_a_call_is_an_error(
    boundary: Boundary, upstream: Upstream, sdk: openai.OpenAI
) -> None:
    """A credential in the text beside it; an answer with a form that can't be judged."""
    key = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6"
    turn = chat.Turn(f"Take {key}.", (chat.ToolCall("rm_rf", ARGUMENTS),))
    upstream.answer(lambda r: chat.reply_to_chat(r, turn))
    with pytest.raises(openai.PermissionDeniedError):
        sdk.chat.completions.create(model="gpt-4o", messages=HELLO)


def test_a_client_that_has_the_tool_gets_an_error(
    boundary: Boundary, upstream: Upstream, sdk: openai.OpenAI
) -> None:
    """It would run it."""
    turn = chat.Turn("", (chat.ToolCall("rm_rf", ARGUMENTS),))
    upstream.answer(lambda r: chat.reply_to_chat(r, turn))
    tool: Any = {"type": "function", "function": {"name": NAME}}
    with pytest.raises(openai.PermissionDeniedError):
        sdk.chat.completions.create(model="gpt-4o", messages=HELLO, tools=[tool])


@pytest.mark.parametrize("boundary", ["auto"], indirect=True)
@pytest.mark.parametrize(("agent", "steers"), [("codex_exec/0.171.0", True), ("curl/8", False)])
def test_agents_that_carry_on_are_steered_by_themselves(
    boundary: Boundary, upstream: Upstream, agent: str, steers: bool
) -> None:
    """Others get the error that they raise."""
    turn = chat.Turn("", (chat.ToolCall("rm_rf", ARGUMENTS),))
    upstream.answer(lambda r: chat.reply_to_chat(r, turn))
    sdk = openai.OpenAI(base_url=boundary.url + "/v1", api_key="none", max_retries=0)
    answered = sdk.with_options(default_headers={"user-agent": agent}).chat.completions
    if steers:
        done: Any = answered.create(model="gpt-4o", messages=HELLO)
        assert done.choices[0].message.tool_calls[0].function.name == NAME
    else:
        with pytest.raises(openai.PermissionDeniedError):
            answered.create(model="gpt-4o", messages=HELLO)


@pytest.mark.parametrize("agent", ["curl/8", "codex_exec/0.171.0"])
def test_a_response_over_a_socket_is_steered_too(tmp_path: Path, policy: Path, agent: str) -> None:
    """And the session goes on with the next one.

    Codex sends back what a tool gave and not the call, so it gets one that it quotes.
    """
    tools = [{"type": "function", "name": "write_stdin", "parameters": {"type": "object"}}]
    denied = responses.function_call("rm_rf", ARGUMENTS)
    asked = {"type": "response.create", "model": "gpt-4o", "input": "clean up", "tools": tools}

    def script(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
        item = denied if event["input"] == "clean up" else responses.message("Sure.")
        for each in responses.response_events(event, [item]):
            yield json.loads(each.split(b"data: ")[1])

    options = {"helm_on_tool_denied": "steer", "helm_deadline_ms": 1000}
    with RealtimeUpstream(script) as upstream:
        mode = f"reverse:{upstream.url}"
        with (
            Boundary(state=tmp_path, mode=mode, policy=policy, options=options) as boundary,
            connect(
                boundary.url.replace("http", "ws") + "/v1/responses", user_agent_header=agent
            ) as socket,
        ):
            heard: list[dict[str, Any]] = []
            for words in ("clean up", "hello"):
                socket.send(json.dumps({**asked, "input": words}))
                while not heard or heard[-1]["type"] != "response.completed":
                    heard.append(json.loads(socket.recv(timeout=10)))
                last = heard.pop()
                heard.append({"type": "read", "output": last["response"]["output"]})
            outputs = [each["output"] for each in heard if each["type"] == "read"]
            (item,) = outputs[0]
            name = "write_stdin" if agent.startswith("codex") else NAME
            assert (item["name"], item["call_id"]) == (name, denied["call_id"])
            assert "never allowed" in item["arguments"]
            assert outputs[1][0]["content"][0]["text"] == "Sure."
            assert SECRET not in json.dumps(heard)
            verdicts = [each.predicate["verdict"] for each in records(boundary, "outcome")]
            assert verdicts.count("DENY") == 1


def test_where_denials_close_the_connection_none_steers(tmp_path: Path, upstream: Upstream) -> None:
    """The operator's `helm_on_deny=kill` counts before any form of a no, policy's too."""
    folder = tmp_path / "policy"
    folder.mkdir()
    (folder / "data.yaml").write_text(json.dumps(DATA))
    turn = chat.Turn("", (chat.ToolCall("rm_rf", ARGUMENTS),))
    upstream.answer(lambda r: chat.reply_to_chat(r, turn))
    options = {"helm_on_deny": "kill", "helm_on_tool_denied": "steer"}
    with Boundary(upstream, state=tmp_path, policy=folder, options=options) as running:
        sdk = openai.OpenAI(base_url=running.url + "/v1", api_key="none", max_retries=0)
        with pytest.raises(openai.APIConnectionError):
            sdk.chat.completions.create(model="gpt-4o", messages=HELLO)
        with pytest.raises(openai.APIError) as raised:
            list(sdk.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True))
        assert NAME not in str(raised.value)
        outcomes = [each.predicate for each in records(running, "outcome")]
        assert [each["verdict"] for each in outcomes] == ["DENY", "DENY"]
        assert not any("sentInstead" in each.get("event", {}) for each in outcomes)


@pytest.mark.parametrize("wanted", ["steer", "error"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_credential_in_a_tools_name_is_told_to_nobody(
    tmp_path: Path, upstream: Upstream, wanted: str, stream: bool
) -> None:
    """Neither in what steers, nor in an error, nor in a receipt."""
    key = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6"
    folder = tmp_path / "policy"
    folder.mkdir()
    tools = {"deny_prefixes": ["rm-"]}
    (folder / "data.yaml").write_text(json.dumps({**DATA, "rules": {}, "tools": tools}))
    turn = chat.Turn("", (chat.ToolCall(f"rm-{key}", ARGUMENTS),))
    upstream.answer(lambda r: chat.reply_to_chat(r, turn))
    options = {"helm_on_tool_denied": wanted, "helm_deadline_ms": 1000}
    with Boundary(upstream, state=tmp_path, policy=folder, options=options) as running:
        asked = {"model": "gpt-4o", "messages": HELLO, "stream": stream}
        text = ask(running, asked).body.decode()
        assert "(secret.github)" in text, text
        found = "".join(json.dumps(each.predicate) for each in records(running, "outcome"))
        assert "(secret.github)" in found
        assert key not in text + found


@pytest.mark.parametrize("stream", [False, True])
def test_opencode_is_told_by_the_tool_that_it_has_for_it(
    boundary: Boundary, upstream: Upstream, stream: bool
) -> None:
    """It writes calls of unknown tools anew, as ones of `invalid`, which says what it is given."""
    denied = messages.tool_use("rm_rf", path=SECRET)
    upstream.answer(lambda r: messages.reply_to_message(r, denied))
    agent = {"user-agent": "opencode/1.18.33"}
    client = anthropic.Anthropic(
        base_url=boundary.url, api_key="none", max_retries=0, default_headers=agent
    )
    asked: Any = {"model": "claude-x", "max_tokens": 99, "messages": HELLO}
    if stream:
        with client.messages.stream(**asked) as events:
            done: Any = events.get_final_message()
    else:
        done = client.messages.create(**asked)
    (use,) = done.content
    assert (use.name, use.id, use.input["tool"]) == ("invalid", denied["id"], "rm_rf")
    assert "(tools.denied): The model called a tool that is never allowed." in use.input["error"]
    outcome = records(boundary, "outcome")[-1].predicate
    assert outcome["event"] == {"sentInstead": "invalid"}


@pytest.mark.parametrize("stream", [False, True])
def test_a_gemini_answer_ends_with_a_call_that_says_why(
    boundary: Boundary, upstream: Upstream, stream: bool
) -> None:
    """Behind what it said before."""
    parts: list[Any] = [
        {"text": "Sure."},
        {"functionCall": {"name": "rm_rf", "args": {"path": SECRET}}},
    ]
    answer = gemini_answer(parts)
    upstream.answer(
        lambda _: Reply.events(answer) if stream else Reply.json(json.loads(answer[6:]))
    )
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    body = {"contents": [{"role": "user", "parts": [{"text": "clean up"}]}]}
    got = ask(boundary, body, path=f"/v1beta/models/gemini-2.5-pro:{method}")
    assert got.status == 200, got
    text = got.body.decode()
    told_last = json.loads(text.split("data: ")[-1]) if stream else json.loads(text)
    (candidate,) = told_last["candidates"]
    made = candidate["content"]["parts"][-1]["functionCall"]
    assert (made["name"], candidate["finishReason"]) == (NAME, "STOP")
    assert told(json.dumps(made["args"]))
    assert SECRET not in text
    assert stream or "Sure." in text
    assert_denied(boundary)


@pytest.mark.parametrize("boundary", ["error"], indirect=True)
def test_a_denied_gemini_stream_ends_with_both_forms_of_an_error(
    boundary: Boundary, upstream: Upstream
) -> None:
    """Google's SDK for JavaScript raises on JSON in a chunk of its own, others on an event."""
    answer = gemini_answer([{"functionCall": {"name": "rm_rf", "args": {"path": SECRET}}}])
    upstream.answer(lambda _: Reply.events(answer))
    connection = http.client.HTTPConnection("127.0.0.1", boundary.port, timeout=20)
    body = {"contents": [{"role": "user", "parts": [{"text": "clean up"}]}]}
    path = "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"
    head = {"Content-Type": "application/json"}
    connection.request("POST", path, json.dumps(body), head)
    response = connection.getresponse()
    assert response.fp is not None
    raw = b""
    while not raw.endswith(b"0\r\n\r\n"):
        raw += response.fp.read1()
    chunks = list(chunks_of(raw))
    connection.close()
    bare, event = (json.loads(chunk.removeprefix(b"data: ")) for chunk in chunks)
    assert event["error"] == bare["error"]
    assert (bare["error"]["code"], bare["error"]["rule"]) == (403, "tools.denied")
    assert not chunks[0].startswith(b"data:")
    assert SECRET not in str(chunks)


def gemini_answer(parts: list[dict[str, Any]]) -> bytes:
    """Write an answer of Gemini's as an event."""
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    return b"data: " + json.dumps({"candidates": [candidate]}).encode() + b"\n\n"


def chunks_of(raw: bytes) -> Iterator[bytes]:
    """Yield the chunks of a body (RFC 9112 section 7.1)."""
    while raw:
        size, _, rest = raw.partition(b"\r\n")
        length = int(size, 16)
        if length:
            yield rest[:length]
        raw = rest[length + 2 :]


@pytest.mark.parametrize("stream", [False, True])
def test_a_receipt_has_digests_of_what_was_denied_and_of_what_was_sent(
    boundary: Boundary, upstream: Upstream, stream: bool
) -> None:
    """Neither can be taken for the other, and `explain` says which is which."""
    turn = chat.Turn("Let me see.", (chat.ToolCall("rm_rf", ARGUMENTS),))
    upstream.answer(lambda r: chat.reply_to_chat(r, turn))
    got = ask(boundary, {"model": "gpt-4o", "messages": HELLO, "stream": stream})
    record, keys = records(boundary, "outcome")[-1], Layout(boundary.state).keys
    said = "\n".join(explain(record))
    assert f"{INSTEAD}: what the client was sent in place of a denied tool call" in said
    if not stream:
        assert opens(keys, record, INSTEAD, got.body)
        assert not opens(keys, record, "response", got.body)
        assert "response: the response's body as it came, and went no further" in said
        return
    ends = [at + 2 for at in range(len(got.body)) if got.body.startswith(b"\n\n", at)]
    (left,) = (end for end in ends if opens(keys, record, STREAM, got.body[:end]))
    assert opens(keys, record, INSTEAD, got.body[left:])
