"""Streams that are odd and legal: they pass as they came, their call is judged, denied it stays.

Each is written twice, with a tool that is allowed and one that isn't, and cut in four ways.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from helm_boundary.calls.call import Answer
from helm_boundary.policy.decision import ALLOW, DENY, Decision, Reason
from support.gates import Drive, open_gate
from support.responses import typed_event

NO = Reason("POLICY_VIOLATION", "test", "no", "ungranted")
SECRET = {"city": "Oslo"}
WORDS = json.dumps(SECRET)
DONE = b"data: [DONE]\n\n"
type Chunks = list[bytes]


def events(*values: Any, end: bytes = b"\n", head: bytes = b"") -> Chunks:
    """Build events without names, with line ends and a field before them as told."""
    return [head + b"data: " + json.dumps(each).encode() + end * 2 for each in values]


def lines(*messages: dict[str, Any], end: bytes = b"\n") -> Chunks:
    """Build Ollama's lines, the last of which says so."""
    values = [{"model": "m", "message": each, "done": False} for each in messages]
    values.append({"model": "m", "message": {"content": ""}, "done": True, "eval_count": 1})
    return [json.dumps(each).encode() + end for each in values]


def ollama(name: str) -> dict[str, Chunks]:
    """Empty lines, other line ends, thoughts, orders of members."""
    call = {"function": {"name": name, "arguments": SECRET}}
    told = {"role": "assistant", "content": "", "tool_calls": [call]}
    bare = {"tool_calls": [{"function": {"arguments": {}, "name": name}}], "content": ""}
    last = {"model": "m", "done": True, "message": told}
    return {
        "empty lines": [b"\n", b"\r\n", *lines(told)[:1], b"\n\n", *lines()],
        "CRLF": lines({"content": "H"}, {**told, "thinking": "hm"}, end=b"\r\n"),
        "without arguments": lines(bare),
        "in the last line": [json.dumps(last).encode() + b"\n"],
        "no last line end": [*lines(told)[:-1], lines()[0].strip()],
    }


def gemini(name: str) -> dict[str, Chunks]:
    """Both spellings, several candidates, data over several lines, comments."""

    def said(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"candidates": [{"content": {"role": "model", "parts": [*parts]}, **more}]}

    call = {"functionCall": {"name": name, "args": SECRET}}
    snake = {"function_call": {"name": name, "args": SECRET}, "thought_signature": "QUJD"}
    second = {"index": 1, "content": {"parts": [call]}, "finishReason": "STOP"}
    wide = json.dumps(said(call), indent=1).replace("\n", "\ndata:")
    return {
        "CRLF": events(said({"text": "a"}), said(call, finishReason="STOP"), end=b"\r\n"),
        "no arguments": events(said({"functionCall": {"name": name}}), said({"text": ""})),
        "a thought before": events(said({"text": "hm", "thought": True}), said(call)),
        "snake case": events(said(snake, finish_reason="STOP")),
        "a second candidate": events({"candidates": [{"content": {"parts": []}}, second]}),
        "comments": [b": hi\n\n", *events(said(call), head=b"id: 7\nretry: 9\nevent: x\n")],
        "data over lines": [b"data:" + wide.encode() + b"\n\n"],
    }


def cohere(name: str) -> dict[str, Chunks]:
    """Plans, thoughts, citations, events without names."""

    def told(kind: str, index: int = 0, **message: Any) -> dict[str, Any]:
        return {"type": kind, "index": index, "delta": {"message": message}}

    begun = {"id": "c", "type": "function", "function": {"name": name, "arguments": ""}}
    plan = told("tool-plan-delta", tool_plan="p")
    start = told("tool-call-start", tool_calls=begun)
    delta = told("tool-call-delta", tool_calls={"function": {"arguments": WORDS}})
    over = {"type": "tool-call-end", "index": 0}
    end = {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL"}}
    source = {"type": "tool", "id": "t:0", "tool_output": {"x": "y"}}
    cited = told("citation-start", citations={"start": 0, "text": "a", "sources": [source]})
    thought = told("content-delta", content={"thinking": "hm"})
    return {
        "a plan": [typed_event(each) for each in (plan, start, delta, over, end)],
        "no names": events(start, delta, over, end),
        "no arguments": [typed_event(each) for each in (start, over, end)],
        "citations": [typed_event(each) for each in (thought, start, delta, over, cited, end)],
        "DONE at the end": [*events(start, delta, over, end), DONE],
    }


def conversations(name: str) -> dict[str, Chunks]:
    """Arguments as an object, references and thoughts beside."""

    def entry(arguments: Any, **more: Any) -> bytes:
        known = {"type": "function.call.delta", "id": "f", "tool_call_id": "c", "name": name}
        return typed_event({**known, "arguments": arguments, **more})

    def output(content: Any) -> bytes:
        return typed_event({"type": "message.output.delta", "id": "m", "content": content})

    reference = {"type": "tool_reference", "tool": "web_search", "title": "t"}
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    end = typed_event({"type": "conversation.response.done", "usage": {"total_tokens": 2}})
    return {
        "an object": [entry(SECRET), end],
        "a reference": [output(reference), entry(WORDS[:4]), entry(WORDS[4:]), end],
        "a thought": [output(thought), entry(WORDS, output_index=1), end],
    }


def chat(name: str) -> dict[str, Chunks]:
    """As Mistral, Databricks, watsonx.ai and LM Studio stream a chat completion."""

    def chunk(delta: dict[str, Any], reason: str | None = None, **more: Any) -> dict[str, Any]:
        return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more}

    call = {"index": 0, "id": "c", "function": {"name": name, "arguments": WORDS}}
    made = {"tool_calls": [call]}
    bare = {"tool_calls": [{**call, "function": {"name": name, "arguments": ""}}]}
    thought = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]
    summary = [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}]
    second = {"choices": [{"index": 1, "delta": made, "finish_reason": "tool_calls"}]}
    stop = chunk({}, "tool_calls", usage={"prompt_tokens": 1})
    return {
        "Mistral's thought": [*events(chunk({"content": thought}), chunk(made), stop), DONE],
        "Mistral's padding": [*events(chunk(made, "tool_calls", p="abcdef")), DONE],
        "Databricks' summary": events(chunk({"content": summary}), chunk(made), stop),
        "no arguments": [*events(chunk(bare), stop), DONE],
        "watsonx' names": events(chunk({}), chunk(made), stop, head=b"id: 1\nevent: message\n"),
        "a second choice": [*events(chunk({"content": "a"}), second, chunk({}, "stop")), DONE],
        "LM Studio's stats": [*events(chunk(made), {**stop, "stats": {}}), DONE],
    }


FAMILIES = (ollama, gemini, cohere, conversations, chat)


def cases() -> Iterator[Any]:
    """Yield each dialect's streams: with the tool that is allowed, and with the other."""
    for family in FAMILIES:
        allowed, denied = family("look"), family("wipe")
        for case in allowed:
            yield pytest.param(
                family.__name__, allowed[case], denied[case], id=f"{family.__name__}: {case}"
            )


def run(name: str, chunks: Sequence[bytes]) -> tuple[bytes, set[str]]:
    """Say what leaves the gate, and which tools policy was asked about."""
    judged: set[str] = set()

    def judge(answer: Answer) -> Decision:
        names = {call.name for call in answer.tool_calls}
        judged.update(names)
        return Decision(DENY if "wipe" in names else ALLOW, (NO,))

    return Drive(open_gate(name), judge, lambda _: b"<error>").run(chunks), judged


@pytest.mark.parametrize(("name", "allowed", "denied"), [*cases()])
def test_an_odd_stream_is_judged_as_any(name: str, allowed: Chunks, denied: Chunks) -> None:
    """Wherever it is cut."""
    for size in (0, 1, 7, 1 << 20):

        def cut(chunks: Chunks, size: int = size) -> Chunks:
            whole = b"".join(chunks)
            return [whole[at : at + size] for at in range(0, len(whole), size)] if size else chunks

        assert run(name, cut(allowed)) == (b"".join(allowed), {"look"})
        left, judged = run(name, cut(denied))
        assert judged == {"wipe"}
        assert b"wipe" not in left
        assert b"Oslo" not in left
