"""Forms that agents were seen to need: signs of life, errors, and calls in place of denied ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helm_boundary.calls.call import Operation, ToolCall
from helm_boundary.dialects.calls_instead import NAME, Denial, call_instead
from helm_boundary.dialects.error_events import error_events
from helm_boundary.dialects.gemini_steering import body, events
from helm_boundary.dialects.gemini_stream import GeminiStream
from helm_boundary.dialects.keep_alives import CLAUDE_CODE, CODEX, COMMENT, keep_alive

DENIAL = Denial("sh", "tools.denied", "Never.", "Stop.")
SENTENCE = "helm-boundary denied sh (tools.denied): Never. Stop."


def call(kind: str = "function", identity: str | None = "1") -> ToolCall:
    """Return a call that is denied."""
    return ToolCall(identity, "sh", "{}", {}, True, 0, "/candidates/0/content/parts/1", kind)


@pytest.mark.parametrize(
    ("agent", "dialect", "offered", "kind", "name"),
    [
        ("opencode/1.18", "messages", (), "function", "invalid"),
        ("codex_exec/0.171", "responses_socket", ("write_stdin",), "function", "write_stdin"),
        ("codex_exec/0.171", "responses_socket", ("write_stdin",), "custom", NAME),
        ("codex_exec/0.171", "responses_socket", (), "function", NAME),
        ("codex_exec/0.171", "responses", ("write_stdin",), "function", NAME),
        ("curl/8", "responses_socket", ("write_stdin",), "function", NAME),
    ],
)
def test_a_client_is_told_by_what_it_quotes(
    agent: str, dialect: str, offered: tuple[str, ...], kind: str, name: str
) -> None:
    """The reason is in the arguments, whichever tool is called."""
    instead = call_instead(call(kind), DENIAL, dialect, agent, offered)
    told = json.loads(instead.arguments)
    assert instead.name == name
    assert SENTENCE in told.values() if name != NAME else told["reason"] == "Never."
    assert not str(told.get("session_id", "no")).isdecimal()


@pytest.mark.parametrize(
    ("dialect", "agent", "event"),
    [
        ("messages", "claude-cli/2.1", CLAUDE_CODE),
        ("responses", "codex_exec/0.171", CODEX),
        ("gemini", "GeminiCLI-tui/0.61", b"\n"),
        ("gemini", None, b"\n"),
        ("chat", "OpenAI/Python", COMMENT),
    ],
)
def test_a_client_that_waits_hears_what_it_counts(
    dialect: str, agent: str | None, event: bytes
) -> None:
    """And nothing that it takes for half an event."""
    operation = Operation("id", "inference", dialect, "POST", "/path")
    assert keep_alive(operation, agent) == event


def test_an_error_ends_a_stream_once_but_for_geminis() -> None:
    """There it comes as JSON alone, too, as the API itself sends it."""
    told: dict[str, Any] = {"error": {"message": "m", "type": "d", "code": "C"}, "helm": {}}
    assert len(error_events("chat", told)) == 1
    bare, event = error_events("gemini", told)
    assert json.loads(bare)["error"] == json.loads(event.removeprefix(b"data: "))["error"]
    assert json.loads(bare)["error"]["code"] == 403


def test_an_answer_of_geminis_keeps_what_came_before_the_call() -> None:
    """One candidate, and its call's id; what else there is can't be steered."""
    parts: list[Any] = [{"text": "Sure."}, {"functionCall": {"id": "1", "name": "sh", "args": {}}}]
    answer = {"candidates": [{"content": {"parts": parts}}], "modelVersion": "m"}
    told: Any = body(answer, call(), NAME, '{"a": 1}')
    (candidate,) = told["candidates"]
    made = {"functionCall": {"id": "1", "name": NAME, "args": {"a": 1}}}
    assert candidate["content"]["parts"] == [{"text": "Sure."}, made]
    assert told["modelVersion"] == "m"
    assert body({"candidates": [{}, {}]}, call(), NAME, "{}") is None
    assert body(answer, call("hosted"), NAME, "{}") is None
    assert body([answer], call(), NAME, "{}") is None
    assert events(GeminiStream(200), call("hosted"), NAME, "{}") is None
    written = events(GeminiStream(200), call(identity=None), NAME, "{}")
    assert written is not None
    assert b'"functionCall":{"name"' in b"".join(written)
