"""The summary that a person is shown: redacted, shortened, without control characters."""

from __future__ import annotations

import json
import time
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from helm_boundary.approvals.entry import Entry
from helm_boundary.approvals.report import seconds_left, sentences
from helm_boundary.approvals.summary import MAX_CHARACTERS, redact, summarise, tools_of
from helm_boundary.calls.call import HttpRequest
from helm_boundary.dialects import chat, mcp
from helm_boundary.policy.detectors.detectors import Finding, compile_detectors
from support.asked import request
from support.mcp import tool_call

DETECTORS = compile_detectors(
    b"detectors:\n  - name: secret.word\n    pattern: 'sesame[0-9]+'\n"
    b"    description: A made-up secret.\n"
)
SENT = HttpRequest("POST", "https", "api.openai.com", 443, "/v1/chat/completions", "", (), b"")


def test_findings_are_cut_out() -> None:
    """In prompts, in the model's text and in tool calls' arguments; before anything is cut off."""
    call = chat.read_request(
        {"model": "m", "messages": [{"role": "user", "content": "x" * 595 + "sesame12345"}]}
    )
    arguments = json.dumps({"password": "sesame99"})
    message = {
        "content": "sesame1",
        "tool_calls": [{"function": {"name": "f", "arguments": arguments}}],
    }
    answer = chat.read_response(200, {"choices": [{"message": message}]})
    shown = json.dumps(summarise(SENT, call, answer, DETECTORS))
    assert "sesame" not in shown
    assert shown.count("[secret.word]") == 2
    assert "[sec" in shown


def test_names_are_redacted_too() -> None:
    """A client can write a secret into a path, a model's name, a role, a tool or a pointer."""
    secret = "sesame12345"
    tools = [{"function": {"name": secret}}]
    said = [{"role": secret, "content": "hello"}]
    call = chat.read_request({"model": secret, "messages": said, "tools": tools, secret: "x"})
    message = {"tool_calls": [{"function": {"name": secret, "arguments": "{}"}}]}
    answer = chat.read_response(200, {"choices": [{"message": message}]})
    sent = replace(SENT, path=f"/{secret}")
    for told in (None, answer):
        summary = json.dumps(summarise(sent, call, told, DETECTORS, [f"/{secret}"]))
        assert "sesame" not in summary
    assert summary.count("[secret.word]") == 5


@given(
    st.text(max_size=30),
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=6),
)
def test_redaction_leaves_nothing_of_any_finding(text: str, spans: list[tuple[int, int]]) -> None:
    """However findings overlap, what is left is what no finding covers, in order."""
    findings = [Finding("d", "", at, min(at + n, len(text))) for at, n in spans if at < len(text)]
    covered = {i for found in findings for i in range(found.start, found.end)}
    left = "".join(c for i, c in enumerate(text) if i not in covered)
    assert redact(text, findings).replace("[d]", "") == left.replace("[d]", "")


def test_long_texts_are_shortened() -> None:
    """A person sees the beginning, and how much more there is."""
    call = chat.read_request(
        {"model": "m", "messages": [{"role": "user", "content": "y" * 10_000}]}
    )
    (text,) = summarise(SENT, call, None, DETECTORS)["texts"]
    assert len(text["text"]) == MAX_CHARACTERS
    assert text["omitted"] == 10_000 - MAX_CHARACTERS


def test_what_is_not_shown_is_said() -> None:
    """Earlier messages, the rest of long texts and arguments, more tool calls: each is counted."""
    said = [{"role": "user", "content": f"{n}"} for n in range(20)]
    call = chat.read_request({"model": "m", "messages": [*said, {"content": "y" * 10_000}]})
    arguments = [json.dumps({"path": "/srv" * 1000, "n": n}) for n in range(60)]
    calls = [{"function": {"name": "remove", "arguments": text}} for text in arguments]
    answer = chat.read_response(200, {"choices": [{"message": {"tool_calls": calls}}]})
    summary = summarise(SENT, call, answer, DETECTORS, ["/choices/0/message/tool_calls/1"])
    lines = sentences(Entry(request(1, summary=summary)), time.time_ns())
    assert "  NOT SHOWN   9 more earlier messages" in lines
    assert f"  NOT SHOWN   {10_000 - MAX_CHARACTERS} more characters of this text" in lines
    assert "  NOT SHOWN   10 more tool calls" in lines
    cut = len(arguments[0]) - len(summary["answer"]["tool_calls"][0]["arguments"])
    assert f"  NOT SHOWN   {cut} more characters of these arguments" in lines
    assert sum(line.startswith("  tool call") for line in lines) == 50


def test_a_tool_call_is_shown_once_and_first() -> None:
    """Its arguments, up to some length, are whole: they are what is decided on."""
    call = chat.read_request({"model": "m", "messages": [{"role": "user", "content": "do it"}]})
    arguments = json.dumps({"path": "/srv" * 900})
    tool_call = {"id": "call_1", "function": {"name": "remove", "arguments": arguments}}
    message = {"content": "I will.", "tool_calls": [tool_call]}
    answer = chat.read_response(200, {"choices": [{"message": message}]})
    pointer = "/choices/0/message/tool_calls/0"
    summary = summarise(SENT, call, answer, DETECTORS, [pointer])
    lines = sentences(Entry(request(1, summary=summary)), time.time_ns())
    assert sum(arguments in line for line in lines) == 1
    shown = [line for line in lines if line.startswith(("  tool call", "  answered", "  says"))]
    assert [line.split()[0] for line in shown] == ["tool", "answered", "says"]


def test_a_call_to_a_server_is_shown_with_all_that_it_says() -> None:
    """The tool by the name that data has for it, its arguments once, and what else is said."""
    asked = tool_call("create_issue", title="It crashes")
    asked["params"]["_meta"] = {"note": "psst"}
    call = mcp.with_server(mcp.read_request(asked), "github")
    summary = summarise(SENT, call, None, DETECTORS)
    [shown] = summary["tool_calls"]
    assert shown["name"] == "mcp.github.create_issue"
    assert shown["arguments"] == '{"title": "It crashes"}'
    assert "psst" in [text["text"] for text in summary["texts"]]
    assert "It crashes" not in json.dumps(summary["texts"])
    assert tools_of(summary, 9) == ['mcp.github.create_issue {"title":']


def test_whatever_a_client_names_a_summary_stays_small() -> None:
    """A model, a path or a tool of a million characters is still a question that can be kept."""
    long = "\U0001f600" * 1_000_000
    tools = [{"function": {"name": long}} for _ in range(60)]
    value = {"model": long, "messages": [{"role": "user", "content": long}] * 30, "tools": tools}
    calls = [{"function": {"name": long, "arguments": long}}] * 60
    answer = chat.read_response(200, {"choices": [{"message": {"tool_calls": calls}}]})
    sent = replace(SENT, path="/" + "p" * 1_000_000)
    summary = summarise(sent, chat.read_request(value), answer, DETECTORS)
    assert len(json.dumps(summary)) < 900_000


def test_the_conversation_is_shown_and_what_is_meant() -> None:
    """Tools don't crowd the messages out, and what a reason points at is shown wherever it is."""
    tools = [{"function": {"name": f"t{n}", "description": f"Does {n}."}} for n in range(30)]
    call = chat.read_request(
        {"model": "m", "messages": [{"role": "user", "content": "hello"}], "tools": tools}
    )
    texts = summarise(SENT, call, None, DETECTORS, ["/tools/3/function/description"])["texts"]
    assert [text["text"] for text in texts] == ["Does 3.", "hello"]


def test_terminals_are_not_steered() -> None:
    """Escapes and line breaks in what a client wrote can't imitate lines of ours."""
    summary = {"texts": [{"role": "user", "pointer": "/x", "text": "a\x1b[2J\nApproval granted"}]}
    lines = sentences(Entry(request(1, summary=summary)), time.time_ns())
    assert "\x1b" not in "".join(lines)
    assert [line for line in lines if line.startswith("Approval")] == [lines[0]]
    assert "            | Approval granted" in lines


def test_seconds_left_end_at_zero() -> None:
    """Whole seconds, rounded up, never negative."""
    asked = Entry(request(1, seconds=10))
    assert seconds_left(asked, asked.request.created_ns) == 10
    assert seconds_left(asked, asked.expires_ns - 1) == 1
    assert seconds_left(asked, asked.expires_ns + 10**9) == 0
