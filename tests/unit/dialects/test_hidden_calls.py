"""Calls and words in odd places of providers' own answers: refused, or judged; honest ones pass."""

from __future__ import annotations

from typing import Any

import pytest

from helm_boundary.calls.call import Answer, Operation
from helm_boundary.calls.refusal import Refusal
from helm_boundary.dialects import dialect, reader_of
from helm_boundary.streaming.sse import EventCutter
from helm_boundary.wire import strict_json

WIPE: dict[str, Any] = {"name": "wipe", "args": {"path": "/"}}
SAYS: dict[str, Any] = {"name": "wipe", "arguments": "{}"}


def read(name: str, body: dict[str, Any]) -> Answer:
    """Read a whole answer, as its operation does."""
    loose = name == "watsonx"
    operation = Operation("x", "inference", name, "POST", "/x", loose=loose)
    return reader_of(operation).read_response(200, body)


def judged(name: str, values: list[dict[str, Any]]) -> set[str]:
    """Name the calls of a stream's events; raises Refusal."""
    stream = dialect(name).open_stream(200)
    assert stream is not None
    for value in values:
        kind = value.get("event", "") if name == "bedrock" else ""
        told = value["payload"] if name == "bedrock" else value
        head = f"event: {kind}\n".encode() if kind else b""
        for event in EventCutter(1 << 20).feed(head + b"data: " + strict_json.dump(told) + b"\n\n"):
            stream.read(event)
    return {call.name for call in stream.answer().tool_calls}


def gemini(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Build one of Gemini's answers."""
    content = {"role": "model", "parts": [*parts]}
    return {"candidates": [{"content": content, "index": 0, "finishReason": "STOP"}], **more}


def block(**members: Any) -> dict[str, Any]:
    """Build one of Bedrock's answers, of one block."""
    return {"output": {"message": {"role": "assistant", "content": [members]}}}


HIDDEN: dict[str, tuple[str, dict[str, Any]]] = {
    "Gemini's functionCalls": ("gemini", gemini({"text": "a"}, functionCalls=[WIPE])),
    "another API's tool call": ("gemini", gemini({"mcpServerToolCall": WIPE})),
    "a hosted call with a name": ("gemini", gemini({"toolCall": {**WIPE, "toolType": "URL"}})),
    "a hosted call without a type": ("gemini", gemini({"tool_call": WIPE})),
    "a call in a function's response": (
        "gemini",
        gemini({"functionResponse": {"name": "x", "parts": [{"functionCall": WIPE}]}}),
    ),
    "Bedrock's use in snake case": ("bedrock", block(tool_use={**WIPE, "input": {}})),
    "Bedrock's uses": ("bedrock", block(toolUses=[{**WIPE, "input": {}}])),
    "Bedrock's use in capitals": ("bedrock", block(ToolUse={**WIPE, "input": {}})),
    "Gemini's call at Bedrock": ("bedrock", block(functionCall=WIPE)),
    "an entry without arguments": (
        "conversations",
        {"outputs": [{"type": "function.call", "name": "wipe", "tool_call_id": "x"}]},
    ),
    "an entry in capitals": (
        "conversations",
        {"outputs": [{"Type": "function.call", "Name": "wipe", "Arguments": "{}"}]},
    ),
    "one entry for a list": ("conversations", {"outputs": {"type": "function.call", **SAYS}}),
    "a plugin's call": (
        "dashscope",
        {"output": {"choices": [{"message": {"plugin_call": SAYS}}]}},
    ),
    "a call beside a text": (
        "watsonx",
        {"results": [{"generated_text": "", "tool_calls": [SAYS]}]},
    ),
    "choices in capitals": (
        "watsonx",
        {"Choices": [{"message": {"tool_calls": [{"function": SAYS}]}}]},
    ),
}


@pytest.mark.parametrize("case", HIDDEN)
def test_a_call_in_an_odd_place_is_refused_or_judged(case: str) -> None:
    """Whatever reader might find it there."""
    name, body = HIDDEN[case]
    try:
        found = {call.name for call in read(name, body).tool_calls}
    except Refusal:
        return
    assert "wipe" in found


def use(**members: Any) -> dict[str, Any]:
    """Build an event of Bedrock's, of one block."""
    kind = "contentBlockStart" if "start" in members else "contentBlockDelta"
    return {"event": kind, "payload": {"contentBlockIndex": 0, **members}}


def entry(**members: Any) -> dict[str, Any]:
    """Build an event of Mistral's, with the next words of a call."""
    return {"type": "function.call.delta", "id": "f", "tool_call_id": "c", **members}


def repeated(name: str, words: str) -> dict[str, Any]:
    """Build an event of DashScope's, with a call so far."""
    call = {"index": 0, "id": "c", "function": {"name": name, "arguments": words}}
    return {"output": {"choices": [{"message": {"tool_calls": [call]}}]}}


TWICE: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "Bedrock's delta has a name": (
        "bedrock",
        [
            use(start={"toolUse": {"toolUseId": "t", "name": "look"}}),
            use(delta={"toolUse": {"name": "wipe", "input": "{}"}}),
        ],
    ),
    "the first name": ("conversations", [entry(**SAYS), entry(name="look", arguments=" ")]),
    "the last name": ("conversations", [entry(name="look", arguments=""), entry(**SAYS)]),
    "the names together": (
        "conversations",
        [entry(name="wi", arguments=""), entry(name="pe", arguments="{}")],
    ),
    "the first repeated": ("dashscope", [repeated("wipe", ""), repeated("look", "{}")]),
    "Cohere's old event": (
        "cohere",
        [{"type": "tool-calls-chunk", "tool_call_delta": {"name": "wipe", "parameters": "{}"}}],
    ),
}


@pytest.mark.parametrize("case", TWICE)
def test_a_call_that_is_told_in_two_ways_is_judged_as_both(case: str) -> None:
    """Clients take the first name, the last, or add them up."""
    name, values = TWICE[case]
    try:
        found = judged(name, values)
    except Refusal:
        return
    assert "wipe" in found


def test_the_last_arguments_count_by_themselves_where_events_repeat_them() -> None:
    """A client that didn't ask for words takes what the last event says."""
    stream = dialect("dashscope").open_stream(200)
    assert stream is not None
    for words in ('{"path": "/tmp"}', '{"path": "/"}'):
        value = strict_json.dump(repeated("wipe", words))
        for event in EventCutter(1 << 20).feed(b"data: " + value + b"\n\n"):
            stream.read(event)
    assert {"path": "/"} in [call.arguments for call in stream.answer().tool_calls]


WORDS = "secret words that nobody claims"
TOLD: dict[str, tuple[str, dict[str, Any]]] = {
    "a role": ("gemini", {"candidates": [{"content": {"role": WORDS, "parts": [{"text": "a"}]}}]}),
    "beside parts": ("gemini", {"candidates": [{"content": {"note": WORDS, "parts": []}}]}),
    "in a call": ("gemini", gemini({"functionCall": {"name": "look", "args": {}, "note": WORDS}})),
    "in an Ollama call": (
        "ollama",
        {"message": {"tool_calls": [{"name": WORDS, "function": {"name": "look"}}]}, "done": True},
    ),
}


@pytest.mark.parametrize("case", TOLD)
def test_words_in_an_odd_place_are_judged_where_they_stand(case: str) -> None:
    """A pointer leads to them, so that policy may cut them out."""
    name, body = TOLD[case]
    assert WORDS in {text.text for text in read(name, body).texts}


@pytest.mark.parametrize(
    ("name", "body", "pointer"),
    [
        ("gemini", gemini({"text": "x"}, {"text": WORDS}), "/candidates/0/content/parts/1/text"),
        (
            "gemini",
            gemini({"functionCall": {"name": "look", "args": {"to": WORDS}}}),
            "/candidates/0/content/parts/0/functionCall/args/to",
        ),
        (
            "ollama",
            {
                "message": {
                    "tool_calls": [{"function": {"name": "look", "arguments": {"to": WORDS}}}]
                }
            },
            "/message/tool_calls/0/function/arguments/to",
        ),
        ("ollama", {"message": {"content": WORDS}, "done": True}, "/message/content"),
    ],
)
def test_a_whole_answers_texts_have_their_own_pointers(
    name: str, body: dict[str, Any], pointer: str
) -> None:
    """Else what policy rewrites is a misfit, and the answer is lost."""
    assert [text.pointer for text in read(name, body).texts if text.text == WORDS] == [pointer]
    value: Any = body
    for step in pointer.split("/")[1:]:
        value = value[int(step)] if isinstance(value, list) else value[step]
    assert value == WORDS


HONEST: dict[str, tuple[str, dict[str, Any], set[str]]] = {
    "what Google's tools did": (
        "gemini",
        gemini(
            {"toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["q"]}, "id": "a"}},
            {"toolResponse": {"toolType": "GOOGLE_SEARCH_WEB", "response": {"x": 1}, "id": "a"}},
            {"text": "x", "thoughtSignature": "AbC+/=="},
        ),
        {"google_search"},
    ),
    "a function that was called wrongly": (
        "gemini",
        {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "call: f("}]},
        set(),
    ),
    "a blocked prompt": ("gemini", {"promptFeedback": {"blockReason": "SAFETY"}}, set()),
    "what a tool took in tokens": (
        "gemini",
        gemini({"text": "a"}, usageMetadata={"toolUsePromptTokensDetails": [{"tokenCount": 1}]}),
        set(),
    ),
    "reasoning and citations": (
        "bedrock",
        block(reasoningContent={"reasoningText": {"text": "hm", "signature": "s"}}),
        set(),
    ),
    "a chat at watsonx": (
        "watsonx",
        {"model_id": "m", "choices": [{"index": 0, "message": {"content": "a"}}], "system": {}},
        set(),
    ),
    "a text at watsonx": (
        "watsonx",
        {"model_id": "m", "results": [{"generated_text": "a"}]},
        set(),
    ),
    "an app's thoughts": ("dashscope", {"output": {"text": "a", "thoughts": [{"x": "y"}]}}, set()),
}


@pytest.mark.parametrize("case", HONEST)
def test_what_providers_say_passes(case: str) -> None:
    """From their references and their SDKs' types."""
    name, body, calls = HONEST[case]
    found = read(name, body).tool_calls
    assert {call.name for call in found} == calls
    assert all(call.type == "hosted" for call in found)


SYSTEM = {"parts": {"text": "You are a cat."}}


def test_geminis_lists_may_be_one_object() -> None:
    """As in Google's own examples for curl; the pointers lead to where the words stand."""
    asked = {"system_instruction": SYSTEM, "contents": {"parts": {"text": "Hello"}}}
    call = dialect("gemini").read_request(asked)
    told = [(text.role, text.text) for text in call.texts]
    assert sorted(told) == [("system", "You are a cat."), ("user", "Hello")]
    assert "/contents/parts/text" in {text.pointer for text in call.texts}
    assert [message.text for message in call.messages] == ["You are a cat.", "Hello"]
