"""A call's arguments and a tool's results are anybody's JSON, and no call stands in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from helm_boundary.calls.call import Answer
from helm_boundary.calls.refusal import Refusal
from helm_boundary.dialects import dialect
from helm_boundary.dialects.answer_objects import objects_in
from helm_boundary.policy.decision import ALLOW, Decision
from helm_boundary.streaming.frame_cutter import FrameCutter
from helm_boundary.streaming.gate import Gate
from support.frames import converse
from support.frames import event as framed
from support.gates import Drive, open_gate
from support.responses import typed_event

LIKE_A_CALL: dict[str, Any] = {
    "type": "phone_call", "kind": {"type": "tool_use"}, "tool_calls": [{"name": "x"}],
    "Tool_Call": {"name": "y", "arguments": {}}, "functionCall": {"name": "z", "args": {}},
    "toolUse": {"name": "u", "input": {}}, "Name": "n", "Error": {"input": 1},
    "arguments": {"type": "function_call", "name": "f"}, "name": "v",
}  # fmt: skip
"""What an application may pass to a tool of its own, or get from it."""

LOOK = {"name": "look", "arguments": LIKE_A_CALL}
MESSAGE = {"role": "assistant", "content": "x"}
STEP = {"type": "function_call", "id": "c", **LOOK}
HOSTED = {"type": "google_search_call", "id": "s", "arguments": LIKE_A_CALL}
FOUND = {"type": "mcp_server_tool_result", "call_id": "c", "result": LIKE_A_CALL}
INTERACTION = {"object": "interaction", "status": "completed"}
USE = {"toolUse": {"toolUseId": "t", "name": "look", "input": LIKE_A_CALL}}
GIVEN = {"toolResult": {"toolUseId": "t", "content": [{"json": LIKE_A_CALL}]}}
CITED = {"citations": [{"sources": [{"type": "tool", "id": "s", "tool_output": LIKE_A_CALL}]}]}


def bedrock(*content: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Build a whole answer of Bedrock's."""
    return {"output": {"message": {"role": "assistant", "content": [*content]}}, **more}


def gemini(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Build an answer of Gemini's."""
    return {"candidates": [{"content": {"role": "model", "parts": [*parts]}}], **more}


def chat(**message: Any) -> dict[str, Any]:
    """Build a chat completion."""
    return {"choices": [{"index": 0, "message": {**MESSAGE, **message}}]}


HONEST: dict[str, tuple[str, Any, list[str]]] = {
    "an interaction's arguments": ("interactions", {**INTERACTION, "steps": [STEP]}, ["look"]),
    "a search's arguments": ("interactions", {**INTERACTION, "steps": [HOSTED]}, ["google_search"]),
    "an interaction's result": ("interactions", {**INTERACTION, "steps": [FOUND]}, []),
    "what an interaction repeats of its request": (
        "interactions",
        {**INTERACTION, "input": [STEP, FOUND], "tools": [{"type": "x_call"}], "steps": []},
        [],
    ),
    "Bedrock's input": ("bedrock", bedrock({"text": "x"}, USE), ["look"]),
    "Bedrock's result": ("bedrock", bedrock(USE, GIVEN), ["look"]),
    "Gemini's arguments": (
        "gemini", gemini({"functionCall": {"name": "look", "args": LIKE_A_CALL}}), ["look"],
    ),
    "Gemini's arguments in snake case": (
        "gemini", gemini({"function_call": {"name": "look", "args": LIKE_A_CALL}}), ["look"],
    ),
    "Gemini's result": (
        "gemini", gemini({"functionResponse": {"name": "look", "response": LIKE_A_CALL}}), [],
    ),
    "Ollama's arguments": (
        "ollama", {"message": {**MESSAGE, "tool_calls": [{"function": LOOK}]}}, ["look"],
    ),
    "a chat's arguments that are an object": (
        "chat", chat(tool_calls=[{"type": "function", "function": LOOK}]), ["look"],
    ),
    "arguments of old that are an object": ("chat", chat(function_call=LOOK), ["look"]),
    "what Groq has run": (
        "chat",
        chat(executed_tools=[{**LOOK, "output": LIKE_A_CALL, "search_results": LIKE_A_CALL}]),
        ["look"],
    ),
    "what was found for Groq": (
        "chat",
        chat(executed_tools=[{"arguments": "{}", "output": "", "search_results": LIKE_A_CALL}]),
        [],
    ),
    "a count of calls": ("chat", {**chat(), "usage": {"tool_calls": 2, "tool_use": False}}, []),
    "a completion's message": (
        "completions", chat(tool_calls=[{"type": "function", "function": LOOK}]), ["look"],
    ),
    "what Cohere cites": ("cohere", {"message": {**MESSAGE, **CITED}}, []),
    "a message's input": (
        "messages", {"content": [{"type": "tool_use", "id": "t", "name": "look",
                                  "input": LIKE_A_CALL}]}, ["look"],
    ),
    "a message's result": (
        "messages", {"content": [{"type": "mcp_tool_result", "content": [LIKE_A_CALL]}]}, [],
    ),
    "a shell's action": (
        "responses", {"output": [{"type": "shell_call", "action": LIKE_A_CALL}]}, ["shell"],
    ),
    "a shell's output": (
        "responses", {"output": [{"type": "shell_call_output", "output": [LIKE_A_CALL]}]}, [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HONEST)
def test_what_only_looks_like_a_call_is_data(case: str) -> None:
    """The answer is judged, with the call that it has."""
    name, body, names = HONEST[case]
    answer = dialect(name).read_response(200, body)
    assert [call.name for call in answer.tool_calls] == names


STRAY: dict[str, tuple[str, Any]] = {
    "beside a function's arguments": (
        "interactions", {**INTERACTION, "steps": [{**STEP, "also": [STEP]}]},
    ),
    "in a search's signature": (
        "interactions", {**INTERACTION, "steps": [{**HOSTED, "signature": STEP}]},
    ),
    "beside an interaction's steps": ("interactions", {**INTERACTION, "environment": STEP}),
    "beside Bedrock's input": ("bedrock", bedrock({"toolUse": {**USE["toolUse"], "also": USE}})),
    "beside Bedrock's result": ("bedrock", bedrock({**GIVEN, **USE})),
    "input without a use at Bedrock's": ("bedrock", bedrock({"text": "x"}, input=USE)),
    "beside Gemini's arguments": (
        "gemini", gemini({"functionCall": {"name": "look", "Args": {}, "args": {}}}),
    ),
    "arguments without a call at Gemini's": ("gemini", gemini({"args": {"functionCall": {}}})),
    "beside Ollama's arguments": (
        "ollama",
        {"message": {**MESSAGE, "tool_calls": [{"function": {**LOOK, "tool_calls": []}}]}},
    ),
    "arguments in a chat without a call": ("chat", chat(arguments={"tool_calls": [LOOK]})),
    "output in a chat of nothing that has run": (
        "chat", chat(arguments="{}", output={"tool_calls": [LOOK]}),
    ),
    "beside what Groq has run": ("chat", chat(executed_tools=[{**LOOK, "tool_calls": [LOOK]}])),
    "as a text": ("chat", {**chat(), "tool_calls": "[]"}),
    "beside what Cohere cites": (
        "cohere", {"message": {**MESSAGE, "citations": [{"tool_output": {"tool_calls": []}}]}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", STRAY)
def test_a_call_that_is_no_data_is_refused(case: str) -> None:
    """It stands where some reader may find it."""
    name, body = STRAY[case]
    with pytest.raises(Refusal):
        dialect(name).read_response(200, body)


def steps(*told: dict[str, Any]) -> list[bytes]:
    """Build an interaction's stream of a step each."""
    events: list[dict[str, Any]] = [
        {"event_type": "interaction.created", "interaction": INTERACTION}
    ]
    for at, step in enumerate(told):
        shell = {key: step[key] for key in ("type", "id", "call_id", "name") if key in step}
        said = {key: value for key, value in step.items() if key not in ("id", "call_id", "name")}
        if step["type"] == "function_call":
            said = {"type": "arguments_delta", "arguments": json.dumps(step["arguments"])}
        events += [
            {"event_type": "step.start", "index": at, "step": shell},
            {"event_type": "step.delta", "index": at, "delta": said},
            {"event_type": "step.stop", "index": at},
        ]
    over = {**INTERACTION, "input": [STEP], "steps": [*told]}
    events.append({"event_type": "interaction.completed", "interaction": over})
    return [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]


def results(*told: tuple[str, dict[str, Any]]) -> list[bytes]:
    """Build Bedrock's stream with events of block 2 before its end."""
    own = [framed(kind, {"contentBlockIndex": 2, **value}) for kind, value in told]
    return [*converse()[:-2], *own, *converse()[-2:]]


def chunk(**delta: Any) -> bytes:
    """Build a chat's chunk."""
    choice = {"index": 0, "delta": delta, "finish_reason": "tool_calls"}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


STREAMS: dict[str, tuple[str, list[bytes], list[str]]] = {
    "an interaction's": (
        "interactions", steps(STEP, HOSTED, FOUND), ["look", "google_search"],
    ),
    "Bedrock's input": (
        "bedrock", converse("look", json.dumps(LIKE_A_CALL)), ["look"],
    ),
    "Bedrock's result": (
        "bedrock",
        results(
            ("contentBlockStart", {"start": {"toolResult": {"toolUseId": "t1"}}}),
            ("contentBlockDelta", {"delta": {"toolResult": [{"json": LIKE_A_CALL}]}}),
            ("contentBlockStop", {}),
        ),
        ["look"],
    ),
    "Ollama's": (
        "ollama",
        [json.dumps({"message": {"tool_calls": [{"function": LOOK}]}, "done": True}).encode()
         + b"\n"],
        ["look"],
    ),
    "a chat's": (
        "chat", [chunk(tool_calls=[{"index": 0, "id": "c", "function": LOOK}])], ["look"],
    ),
    "what Cohere cites": (
        "cohere",
        [typed_event({"type": "citation-start", "index": 0, "delta": {"message": {
            "citations": CITED["citations"][0]}}}),
         typed_event({"type": "message-end", "delta": {"finish_reason": "COMPLETE"}})],
        [],
    ),
}  # fmt: skip


def drive(name: str, chunks: Sequence[bytes]) -> tuple[bytes, list[str], Answer]:
    """Send a stream through the gate; say what left, which calls were judged, and what was said."""
    judged: list[str] = []

    def judge(answer: Answer) -> Decision:
        judged.extend(call.name for call in answer.tool_calls)
        return Decision(ALLOW, ())

    stream = dialect(name).open_stream(200)
    assert stream is not None
    gate = Gate(stream, FrameCutter()) if name == "bedrock" else open_gate(name)
    out = Drive(gate, judge, lambda _: b"<error>").run(chunks)
    return out, judged, gate.stream.answer()


@pytest.mark.parametrize("case", STREAMS)
def test_a_stream_with_such_data_passes_as_it_came(case: str) -> None:
    """Each call in it was judged."""
    name, chunks, names = STREAMS[case]
    out, judged, _ = drive(name, chunks)
    assert out == b"".join(chunks)
    assert judged == names


@pytest.mark.parametrize("case", ["an interaction's", "Bedrock's result"])
def test_what_a_tool_gave_back_in_pieces_is_the_tools(case: str) -> None:
    """Rules on what tools say see it."""
    name, chunks, _ = STREAMS[case]
    said = {(text.role, text.text) for text in drive(name, chunks)[2].texts}
    assert ("tool", "n") in said


def test_data_is_not_entered() -> None:
    """What stands beside it is, at any depth, and a list's objects stand in the list's member."""
    value = {"a": [[{"n": 1, "data": {"n": 2}}]], "data": {"n": 3, "b": {"data": {"n": 4}}}}
    found = objects_in(value, lambda member, _: ("data",) if member == "a" else ())
    assert sorted(each["n"] for each in found if "n" in each) == [1, 3, 4]
