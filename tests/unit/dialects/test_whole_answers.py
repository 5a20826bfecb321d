"""Whole answers: a tool call is where the dialect has them, or the answer can't be judged."""

from __future__ import annotations

from typing import Any

import pytest

from helm_boundary.calls.refusal import Refusal
from helm_boundary.dialects import dialect
from helm_boundary.dialects.chat_call_signs import signs_of_calls
from helm_boundary.streaming.sse import EventCutter
from support.chat import event

FUNCTION = {"name": "f", "arguments": "{}"}
CALL = {"id": "c", "type": "function", "function": FUNCTION}
ITEM = {"type": "function_call", "id": "i", "call_id": "c", **FUNCTION}
BLOCK = {"type": "tool_use", "id": "t", "name": "f", "input": {"input": 1}}
TEXT = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]}


def chat(message: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Build a chat completion of one choice."""
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], **more}


STRAY: dict[str, tuple[str, dict[str, Any]]] = {
    "beside the choices": ("chat", chat({"content": "x"}, service_tier=CALL)),
    "under another name in the message": ("chat", chat({"content": "x", "calls": [FUNCTION]})),
    "in other letters": ("chat", chat({"content": "x", "calls": [{"Name": "f", "ARGUMENTS": ""}]})),
    "within a text's part": ("chat", chat({"content": [{"type": "text", "text": CALL}]})),
    "beside an error that is none": (
        "chat",
        {"error": None, "message": {"role": "assistant", "tool_calls": [CALL]}, "done": True},
    ),
    "beside an error and no choices": ("chat", {"error": "x", "choices": [], "calls": [FUNCTION]}),
    "within an error": ("chat", {"error": {"message": "x", "function_call": FUNCTION}}),
    "beside an error and a message": ("chat", chat({"content": "x"}, error={"tool_calls": []})),
    "in a delta": ("chat", {"choices": [{"message": {}, "delta": {"tool_calls": [CALL]}}]}),
    "in a completion": ("completions", {"choices": [{"text": "x", "tool_calls": [CALL]}]}),
    "in a completion's delta": (
        "completions",
        {"choices": [{"text": "x", "delta": {"tool_calls": [CALL]}}]},
    ),
    "within several messages": ("chat", {"choices": [{"messages": [{"x": CALL}]}]}),
    "in a list of a completion's messages": (
        "completions",
        {"choices": [{"text": "x", "message": [{"tool_calls": [CALL]}]}]},
    ),
    "beside a completion's choices": ("completions", {"choices": [], "message": {"x": FUNCTION}}),
    "beside a completion's error": (
        "completions",
        {"error": None, "message": {"tool_calls": [CALL]}},
    ),
    "of another API beside a message": (
        "messages",
        {"content": [], "choices": [{"message": {"tool_calls": [CALL]}}]},
    ),
    "within a message's item": ("responses", {"output": [{"type": "message", "content": [ITEM]}]}),
    "beside the output": ("responses", {"output": [TEXT], "reasoning": {"item": ITEM}}),
    "as the choice of a tool": ("responses", {"output": [TEXT], "tool_choice": ITEM}),
    "beside a message's blocks": ("messages", {"content": [], "container": BLOCK}),
    "within a block of text": ("messages", {"content": [{"type": "text", "text": BLOCK}]}),
}

KNOWN: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "in a message": ("chat", chat({"content": None, "tool_calls": [CALL]}), ["f"]),
    "as of old": ("chat", chat({"content": None, "function_call": FUNCTION}), ["f"]),
    "what a provider has run, without a name": (
        "chat",
        chat({"content": "x", "executed_tools": [{"type": "search", "arguments": "{}"}]}),
        [],
    ),
    "in a completion's message": (
        "completions",
        {"choices": [{"text": "x", "message": {"content": "y", "tool_calls": [CALL]}}]},
        ["f"],
    ),
    "none in a completion's message": (
        "completions",
        {"choices": [{"message": {"role": "assistant", "content": "y", "tool_calls": None}}]},
        [],
    ),
    "in Mistral's several messages": (
        "chat",
        {"choices": [{"index": 0, "messages": [{"content": "x"}, {"tool_calls": [CALL]}]}]},
        ["f"],
    ),
    "in a message and in several": (
        "chat",
        {"choices": [{"message": {"tool_calls": [CALL]}, "messages": [{"tool_calls": [CALL]}]}]},
        ["f", "f"],
    ),
    "in a completion's several messages": (
        "completions",
        {"choices": [{"index": 0, "messages": [{"tool_calls": [CALL]}]}]},
        ["f"],
    ),
    "an item": ("responses", {"output": [TEXT, ITEM]}, ["f"]),
    "a block": ("messages", {"content": [{"type": "text", "text": "x"}, BLOCK]}, ["f"]),
    "what repeats the request": (
        "responses",
        {
            "output": [TEXT],
            "instructions": [ITEM],
            "tools": [{"type": "function", "name": "f", "parameters": {"arguments": {}}}],
            "text": {"format": {"schema": {"properties": {"arguments": {}}}}},
        },
        [],
    ),
}


@pytest.mark.parametrize("case", STRAY)
def test_a_call_out_of_place_is_refused(case: str) -> None:
    """Some reader may find it there."""
    name, body = STRAY[case]
    with pytest.raises(Refusal, match="tool call"):
        dialect(name).read_response(200, body)


@pytest.mark.parametrize("case", KNOWN)
def test_a_call_in_its_place_is_read(case: str) -> None:
    """And what only looks like one is none."""
    name, body, names = KNOWN[case]
    answer = dialect(name).read_response(200, body)
    assert [call.name for call in answer.tool_calls] == names


LETTERS: dict[str, tuple[str, dict[str, Any]]] = {
    "choices": ("chat", {"choices": [], "Choices": []}),
    "a choice's message": ("chat", {"choices": [{"message": {}, "Message": {}}]}),
    "a message's content": ("chat", chat({"content": "x", "Content": "y"})),
    "a message's tool calls": ("chat", chat({"content": "x", "Tool_Calls": []})),
    "a tool call's function": ("chat", chat({"tool_calls": [{**CALL, "Function": FUNCTION}]})),
    "a function's name": ("chat", chat({"tool_calls": [{"function": {**FUNCTION, "Name": "g"}}]})),
    "a choice's end": ("chat", {"choices": [{"message": {}, "Finish_Reason": "stop"}]}),
    "usage": ("chat", chat({"content": "x"}, usage={}, Usage={})),
    "counts": ("chat", chat({"content": "x"}, usage={"Prompt_Tokens": 1})),
    "a completion's text": ("completions", {"choices": [{"text": "x", "Text": "y"}]}),
    "a completion's counts": ("completions", {"choices": [], "usage": {"COMPLETION_TOKENS": 1}}),
    "blocks": ("messages", {"content": [], "Content": [BLOCK]}),
    "a block's input": ("messages", {"content": [{**BLOCK, "Input": {}}]}),
    "a block's text": ("messages", {"content": [{"type": "text", "text": "x", "Text": "y"}]}),
    "a message's counts": ("messages", {"content": [], "usage": {"Input_Tokens": 1}}),
    "items": ("responses", {"output": [], "Output": [ITEM]}),
    "an item's arguments": ("responses", {"output": [{**ITEM, "Arguments": "{}"}]}),
    "an item's server": ("responses", {"output": [{**ITEM, "Server_Label": "x"}]}),
    "a response's counts": ("responses", {"output": [], "usage": {"Output_Tokens": 1}}),
}


@pytest.mark.parametrize("case", LETTERS)
def test_a_name_that_differs_in_letter_case_only_is_refused(case: str) -> None:
    """Clients in Go take both for the same, and the last one counts."""
    name, body = LETTERS[case]
    with pytest.raises(Refusal, match="letter case"):
        dialect(name).read_response(200, body)


def test_an_error_is_read_as_a_text() -> None:
    """Beside choices or without them, in every dialect."""
    for name, body in (
        ("chat", chat({"content": "x"}, error={"message": "told"})),
        ("chat", {"error": {"message": "told"}}),
        ("chat", {"error": None, "message": {"content": "told"}}),
        ("completions", {"choices": [{"text": "x"}], "error": {"message": "told"}}),
        ("completions", {"error": {"message": "told"}}),
        ("messages", {"content": [], "error": {"message": "told"}}),
        ("messages", {"content": [], "output_text": "told"}),
        ("responses", {"output": [], "error": {"message": "told"}}),
    ):
        assert "told" in [t.text for t in dialect(name).read_response(200, body).texts], name


def test_signs_of_calls_are_counted_in_any_letters() -> None:
    """Each member counts, also one that differs from another in letter case only."""
    found = {"tool_calls": [CALL], "Tool_Calls": [], "x": [[{"NAME": 1, "Arguments": 2}]]}
    assert signs_of_calls(found) == (2, 2)
    assert signs_of_calls([]) == signs_of_calls(None) == signs_of_calls("name") == (0, 0)


def test_what_a_provider_adds_is_a_text_too() -> None:
    """Perplexity's citations and search results are read by people, whole or streamed."""
    added = {"citations": ["https://e.example/a"], "search_results": [{"title": "A title"}]}
    told = {"/citations/0": "https://e.example/a", "/search_results/0/title": "A title"}
    whole = dialect("chat").read_response(200, chat({"content": "x"}, id="i", **added))
    stream = dialect("chat").open_stream(200)
    assert stream is not None
    for content in ("x", ""):
        sent = {"id": "i", "choices": [{"delta": {"content": content}}], **added}
        for each in EventCutter(10_000).feed(event(sent)):
            stream.read(each)
    for answer in (whole, stream.answer()):
        texts = [(text.pointer, text.text) for text in answer.texts]
        assert {"/choices/0/message/content": "x", **told}.items() <= dict(texts).items()
        assert len(dict(texts)) == len(texts)
