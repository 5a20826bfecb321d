"""Calls that clients read in several ways: each reading is judged, and then the bytes pass."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from helm_boundary.calls.call import Answer, ToolCall
from helm_boundary.dialects import dialect
from helm_boundary.dialects.event_data import write_event
from helm_boundary.dialects.partial_json import completions, documents
from helm_boundary.policy.decision import ALLOW, Decision
from support import chat, messages
from support.gates import Drive, open_gate
from support.responses import typed_event

OSLO, ROME = '{"city":"Oslo"}', '{"city":"Rome"}'


def run(name: str, chunks: Sequence[bytes]) -> tuple[bytes, list[ToolCall], bool]:
    """Say what leaves the gate, which calls policy heard of (all allowed), and whether it shut."""
    judged: list[ToolCall] = []

    def judge(answer: Answer) -> Decision:
        judged.extend(answer.tool_calls)
        return Decision(ALLOW, ())

    gate = open_gate(name)
    out = Drive(gate, judge, lambda _: b"").run(chunks)
    return out, judged, gate.stopped is not None


def tool(arguments: Any = "", name: str | None = None, **call: Any) -> dict[str, Any]:
    """Build a fragment of a call; without an index unless it is given one."""
    function = {"arguments": arguments} | ({} if name is None else {"name": name})
    return {"type": "function", "function": function, **call}


def chunk(*tools: dict[str, Any], finish: str | None = None) -> bytes:
    """Build a chunk with these fragments."""
    delta = {"tool_calls": [*tools]} if tools else {}
    return chat.event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def custom(words: str, name: str | None = None, **call: Any) -> dict[str, Any]:
    """Build a fragment of a custom tool's call."""
    said = {"input": words} | ({} if name is None else {"name": name})
    return {"type": "custom", "custom": said, **call}


def nowhere(*tools: dict[str, Any], **choice: Any) -> bytes:
    """Build a chunk with these fragments, whose choice has no index unless it is given one."""
    return chat.event({"choices": [{"delta": {"tool_calls": [*tools]}, **choice}]})


FINISH = chunk(finish="tool_calls")
ONE, TWO = ("look", OSLO), ("look", ROME)

READ: dict[str, tuple[list[bytes], set[tuple[str, str]]]] = {
    "an index of null": ([chunk(tool(OSLO, "look", index=None, id="a")), FINISH], {ONE}),
    "no index, two calls": (
        [chunk(tool(OSLO, "look", id="a")), chunk(tool(ROME, "look", id="b")), FINISH],
        {ONE, TWO},
    ),
    "no index, two calls in one chunk": (
        [chunk(tool(OSLO, "look", id="a"), tool(ROME, "look", id="b")), FINISH],
        {ONE, TWO},
    ),
    "no index, arguments in pieces": (
        [chunk(tool("", "look", id="a")), chunk(tool(OSLO[:5])), chunk(tool(OSLO[5:])), FINISH],
        {ONE},
    ),
    "no index, pieces of the second call": (
        [
            chunk(tool(OSLO, "look", id="a")),
            chunk(tool("", "look", id="b")),
            chunk(tool(ROME)),
            FINISH,
        ],
        {ONE, TWO},
    ),
    "two calls at index 0": (
        [
            chunk(tool(OSLO, "look", index=0, id="a")),
            chunk(tool(ROME, "look", index=0, id="b")),
            FINISH,
        ],
        {ONE, TWO},
    ),
    "two calls at index 0, without ids": (
        [chunk(tool(OSLO, "look", index=0)), chunk(tool(ROME, "look", index=0)), FINISH],
        {ONE, TWO},
    ),
    "two tools at index 0": (
        [
            chunk(tool(OSLO, "look", index=0, id="a")),
            chunk(tool(ROME, "go", index=0, id="b")),
            FINISH,
        ],
        {(name, said) for name in ("look", "go", "lookgo") for said in (OSLO, ROME)},
    ),
    "an id that changes": (
        [
            chunk(tool("", "look", index=0, id="a")),
            chunk(tool(OSLO[:5], index=0, id="b")),
            chunk(tool(OSLO[5:], index=0, id="c")),
            FINISH,
        ],
        {ONE, ("look", "")},
    ),
    "a name with every piece": (
        [
            chunk(tool(OSLO[:5], "look", index=0)),
            chunk(tool(OSLO[5:], "look", index=0)),
            FINISH,
        ],
        {ONE},
    ),
    "a name and an id with every piece": (
        [
            chunk(tool(OSLO[:5], "look", index=0, id="a")),
            chunk(tool(OSLO[5:], "look", index=0, id="a")),
            FINISH,
        ],
        {ONE},
    ),
    "calls by turns": (
        [
            chunk(tool(OSLO[:5], "look", index=0, id="a"), tool(ROME[:5], "go", index=1, id="b")),
            chunk(tool(OSLO[5:], index=0), tool(ROME[5:], index=1)),
            FINISH,
        ],
        {ONE, ("go", ROME)},
    ),
    "a function and a custom tool by turns": (
        [
            chunk(tool("", "look", index=0, id="a")),
            chunk(custom("", "go", index=1, id="b")),
            chunk(tool(OSLO, index=0)),
            chunk(custom("Rome", index=1)),
            FINISH,
        ],
        {ONE, ("go", "Rome")},
    ),
    "two custom tools by turns": (
        [
            chunk(custom("", "look", index=0, id="a"), custom("", "go", index=1, id="b")),
            chunk(custom("Oslo", index=0), custom("Rome", index=1)),
            FINISH,
        ],
        {("look", "Oslo"), ("go", "Rome"), ("look", ""), ("go", "OsloRome")},
    ),
    "a custom tool's call told once more at once": (
        [
            chunk(custom(OSLO, "look", index=0, id="a")),
            chunk(custom(ROME, "look", index=0, id="a")),
            FINISH,
        ],
        {ONE, TWO, ("look", OSLO + ROME)},
    ),
    "an id that comes late": (
        [
            chunk(tool(OSLO[:5], index=0)),
            chunk(tool("", "look", index=0, id="a")),
            chunk(tool(OSLO[5:], index=0)),
            FINISH,
        ],
        {ONE, ("look", OSLO[5:])},
    ),
    "arguments of which some are no text": (
        [
            chunk(tool('{"n":1', "look", index=0, id="a")),
            chunk(tool(2, index=0)),
            chunk(tool("}", index=0)),
            FINISH,
        ],
        {("look", '{"n":12}'), ("look", '{"n":1}')},
    ),
    "a choice without an index": (
        [nowhere(tool(OSLO[:5], "look", index=0, id="a")), nowhere(tool(OSLO[5:], index=0))],
        {ONE},
    ),
    "a choice whose index is null": (
        [
            nowhere(tool(OSLO[:5], "look", index=0, id="a"), index=None),
            nowhere(tool(OSLO[5:], index=0), index=None),
        ],
        {ONE},
    ),
    "arguments that are an object": (
        [chunk(tool(json.loads(OSLO), "look", index=0, id="a")), FINISH],
        {("look", '{"city": "Oslo"}')},
    ),
    "arguments that are null": (
        [chunk(tool(None, "look", index=0, id="a")), FINISH],
        {("look", "")},
    ),
    "an end on every chunk of calls": (
        [
            chunk(tool(OSLO, "look", index=0, id="a"), finish="tool_calls"),
            chunk(tool(ROME, "look", index=1, id="b"), finish="tool_calls"),
        ],
        {ONE, TWO},
    ),
    "one call that goes on after an end": (
        [
            chunk(tool(OSLO[:5], "look", index=0, id="a"), finish="tool_calls"),
            chunk(tool(OSLO[5:], index=0), finish="tool_calls"),
        ],
        {ONE, ("look", OSLO[:5])},
    ),
    "no calls after the end": ([chunk(finish="stop"), chunk(finish=None)], set()),
    "an entry that says nothing": (
        [chunk({"index": 0, "function": {"name": "", "arguments": ""}}), chunk(finish="stop")],
        set(),
    ),
    "what the provider has run": (
        [
            chat.event({"choices": [{"index": 0, "delta": {"executed_tools": [
                {"type": "mcp", "name": "look", "arguments": OSLO, "output": "rain"}]}}]}),
            chunk(finish="stop"),
        ],
        {ONE},
    ),
    "a whole answer as an event": (
        [chat.event({"choices": [{"message": {"tool_calls": [tool(OSLO, "look", id="a")]},
                                  "finish_reason": "tool_calls"}]})],
        {ONE},
    ),
}  # fmt: skip


@pytest.mark.parametrize("dialect_name", ["chat", "completions"])
@pytest.mark.parametrize("case", READ)
def test_every_reading_is_judged_and_then_it_passes(case: str, dialect_name: str) -> None:
    """Byte for byte, and nobody's call was missed; Mistral streams chunks of a chat for code."""
    stream, calls = READ[case]
    out, judged, stopped = run(dialect_name, [*stream, chat.DONE])
    assert not stopped
    assert out == b"".join([*stream, chat.DONE])
    assert {(call.name, call.arguments_text) for call in judged} == calls


FIRST, REST = tool(OSLO[:5], "look", index=0, id="a"), tool(OSLO[5:], index=0)
CHOSEN_AT_TIMES: dict[str, list[bytes]] = {
    "null, then an index": [nowhere(FIRST, index=None), chunk(REST), FINISH],
    "an index, then nothing": [chunk(FIRST), nowhere(REST), FINISH],
    "nothing, then null": [nowhere(FIRST), nowhere(REST, index=None)],
    "two without": [
        chat.event({"choices": [{"delta": {"tool_calls": [each]}} for each in (FIRST, REST)]})
    ],
}


@pytest.mark.parametrize("case", CHOSEN_AT_TIMES)
def test_a_call_in_a_choice_that_clients_find_in_two_ways_is_refused(case: str) -> None:
    """Some keep choices by their index, null as well, and some by their place in the list."""
    out, judged, stopped = run("chat", [*CHOSEN_AT_TIMES[case], chat.DONE])
    assert (out, judged, stopped) == (b"", [], True)


AFTER_THE_END: dict[str, tuple[str, list[bytes], bool]] = {
    "what it cost": ("chat", [chat.DONE, chat.event({"choices": [], "cost": "0.1"})], True),
    "another end": ("chat", [chat.DONE, chat.DONE], True),
    "another text": ("chat", [chat.DONE, chunk(finish="stop")], False),
    "a ping": (
        "messages",
        [typed_event({"type": "message_stop"}), typed_event({"type": "ping", "cost": "0.1"})],
        True,
    ),
    "a block": (
        "messages",
        [
            typed_event({"type": "message_stop"}),
            typed_event({"type": "content_block_start", "index": 0,
                         "content_block": {"type": "text", "text": "x"}}),
        ],
        False,
    ),
    "a ping after a response": (
        "responses",
        [
            typed_event({"type": "response.completed", "response": {"output": []}}),
            typed_event({"type": "ping", "cost": "0.1"}),
        ],
        True,
    ),
    "a text after a response": (
        "responses",
        [
            typed_event({"type": "response.completed", "response": {"output": []}}),
            typed_event({"type": "response.output_text.delta", "delta": "x"}),
        ],
        False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", AFTER_THE_END)
def test_what_tells_nothing_of_the_answer_may_follow_its_end(case: str) -> None:
    """Its cost, a sign of life; but no words of it."""
    name, stream, passes = AFTER_THE_END[case]
    out, _, stopped = run(name, stream)
    assert stopped is not passes
    assert (out == b"".join(stream)) is passes


@pytest.mark.parametrize("name", ["chat", "completions", "messages", "responses"])
@pytest.mark.parametrize("data", [b"data:\n\n", b"data: \n\n", b"data\n\n", b": x\n\n"])
def test_an_event_without_words_keeps_a_line_alive(name: str, data: bytes) -> None:
    """It passes in every dialect."""
    assert run(name, [data]) == (data, [], False)


CUT = '{"name": "a'


def used(*pieces: str, reason: str | None, stops: bool) -> list[bytes]:
    """Build a message that ends inside its use of a tool."""
    block = messages.tool_use("make_file") | {"input": {}}
    told: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"content": [], "model": "m"}},
        {"type": "content_block_start", "index": 0, "content_block": block},
    ]
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    told += [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas]
    told += [{"type": "content_block_stop", "index": 0}] if stops else []
    told.append({"type": "message_delta", "delta": {"stop_reason": reason}})
    return [typed_event(value) for value in [*told, {"type": "message_stop"}]]


def function(arguments: str, status: str) -> list[bytes]:
    """Build a response whose function call has that status."""
    item = {"type": "function_call", "id": "i", "call_id": "c", "name": "make_file"}
    begun, ended = {**item, "arguments": ""}, {**item, "arguments": arguments, "status": status}
    return [
        typed_event({"type": "response.output_item.added", "output_index": 0, "item": begun}),
        typed_event({"type": "response.output_item.done", "output_index": 0, "item": ended}),
        typed_event({"type": "response.incomplete", "response": {"output": [ended]}}),
    ]


def converse(reason: str) -> list[bytes]:
    """Build Bedrock's stream that ends inside its use of a tool."""
    at = {"contentBlockIndex": 0}
    told: list[tuple[str, dict[str, Any]]] = [
        (
            "contentBlockStart",
            {**at, "start": {"toolUse": {"toolUseId": "t", "name": "make_file"}}},
        ),
        ("contentBlockDelta", {**at, "delta": {"toolUse": {"input": CUT}}}),
        ("contentBlockStop", at),
        ("messageStop", {"stopReason": reason}),
    ]
    return [write_event(value, kind) for kind, value in told]


def cohere(reason: str) -> list[bytes]:
    """Build Cohere's stream whose call ends before its arguments do."""
    begun = {"id": "c", "type": "function", "function": {"name": "make_file", "arguments": ""}}
    goes_on = {"function": {"arguments": CUT}}
    told: list[dict[str, Any]] = [
        {"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": begun}}},
        {"type": "tool-call-delta", "index": 0, "delta": {"message": {"tool_calls": goes_on}}},
        {"type": "tool-call-end", "index": 0},
        {"type": "message-end", "delta": {"finish_reason": reason}},
    ]
    return [typed_event(value) for value in told]


def interaction(status: str) -> list[bytes]:
    """Build a Gemini interaction that ends inside a call's arguments."""
    step = {"type": "function_call", "id": "c", "name": "make_file", "arguments": {}}
    delta = {"type": "arguments_delta", "arguments": CUT}
    told: list[dict[str, Any]] = [
        {"event_type": "step.start", "index": 0, "step": step},
        {"event_type": "step.delta", "index": 0, "delta": delta},
        {"event_type": "step.stop", "index": 0},
        {"event_type": "interaction.completed", "interaction": {"status": status}},
    ]
    return [write_event(value) for value in told]


def conversation() -> list[bytes]:
    """Build a Mistral conversation that ends inside a call's arguments, and doesn't say why."""
    call = {"type": "function.call.delta", "id": "i", "name": "make_file", "arguments": CUT}
    return [typed_event(call), typed_event({"type": "conversation.response.done"})]


CUT_OFF: dict[str, tuple[str, list[bytes]]] = {
    "a chat": (
        "chat",
        [chunk(tool(CUT, "make_file", index=0, id="a")), chunk(finish="length"), chat.DONE],
    ),
    "a chat of Mistral's": (
        "chat",
        [chunk(tool(CUT, "make_file", index=0)), chunk(finish="model_length"), chat.DONE],
    ),
    "a message, with its block open": ("messages", used(CUT, reason="max_tokens", stops=False)),
    "a message, with its block closed": ("messages", used(CUT, reason="max_tokens", stops=True)),
    "a response": ("responses", function(CUT, "incomplete")),
    **{
        f"Bedrock's, {reason}": ("bedrock", converse(reason))
        for reason in ("max_tokens", "guardrail_intervened", "content_filtered")
    },
    **{
        f"Cohere's, {reason}": ("cohere", cohere(reason))
        for reason in ("MAX_TOKENS", "TIMEOUT", "ERROR")
    },
    "an interaction": ("interactions", interaction("incomplete")),
    "an interaction to be continued": ("interactions", interaction("requires_continuation")),
    "a conversation": ("conversations", conversation()),
}


@pytest.mark.parametrize("case", CUT_OFF)
def test_a_call_that_was_cut_off_is_judged_as_partial_parsers_read_it(case: str) -> None:
    """With and without its last value; it isn't complete, and passes."""
    name, stream = CUT_OFF[case]
    out, judged, stopped = run(name, stream)
    assert not stopped
    assert out == b"".join(stream)
    assert [(c.arguments, c.valid_json, c.complete) for c in judged] == [
        (None, False, False),
        ({"name": "a"}, True, False),
        ({}, True, False),
    ]


@pytest.mark.parametrize("arguments", ['{"a": 1,}', '{"a": 1, "a": 2}', "{'a': 1", '"{}"', "{}{}"])
def test_what_isnt_the_beginning_of_json_wasnt_cut_off(arguments: str) -> None:
    """Whatever the end of the answer claims: policy is told that it can't be read."""
    whole = {"tool_calls": [tool(arguments, "look", id="a")]}
    body = {"choices": [{"message": whole, "finish_reason": "length"}]}
    streams: list[tuple[str, list[bytes]]] = [
        ("chat", [chunk(tool(arguments, "look", index=0)), chunk(finish="length")]),
        ("messages", used(arguments, reason="max_tokens", stops=True)),
        ("responses", function(arguments, "incomplete")),
    ]
    found = [dialect("chat").read_response(200, body).tool_calls[0]]
    found += [run(name, stream)[1][0] for name, stream in streams]
    for call in found:
        assert (call.valid_json, call.arguments, call.complete) == (False, None, True)


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        ("bedrock", converse("tool_use")),
        ("cohere", cohere("TOOL_CALL")),
        ("interactions", interaction("requires_action")),
    ],
)
def test_a_call_that_wasnt_cut_off_cant_be_read(name: str, stream: list[bytes]) -> None:
    """Where the answer says that it is whole, policy is told that its arguments are none."""
    out, judged, _ = run(name, stream)
    assert out == b"".join(stream)
    assert [(c.valid_json, c.complete) for c in judged] == [(False, True)]


def test_a_conversation_is_complete_with_its_last_event() -> None:
    """So that its tokens are known, and needn't be estimated."""
    gate = open_gate("conversations")
    for event in conversation():
        assert not gate.stream.done
        list(gate.feed(event))
    assert gate.stream.done


def test_a_message_may_begin_with_what_is_whole() -> None:
    """As after a program's call; nothing follows it, and a second message doesn't."""
    block = messages.tool_use("roll", player="a")
    begun = typed_event({"type": "message_start", "message": {"content": [block]}})
    stop = typed_event({"type": "message_stop"})
    out, judged, stopped = run("messages", [begun, stop])
    assert (out, stopped) == (begun + stop, False)
    assert [(call.name, call.arguments) for call in judged] == [("roll", {"player": "a"})]
    text = {"type": "content_block_start", "index": 1, "content_block": {"type": "text"}}
    for more in (begun, typed_event(text)):
        assert run("messages", [begun, more])[2]


def test_a_listed_tools_schema_has_no_call_in_it() -> None:
    """Whatever its parameters are called; a call beside the schema is one."""
    schema = {"type": "object", "properties": {"name": {}, "arguments": {"type": "object"}}}
    listed = {"name": "query", "input_schema": schema}
    item = {"type": "mcp_list_tools", "id": "l", "server_label": "s", "tools": [listed]}
    told = typed_event({"type": "response.output_item.done", "output_index": 0, "item": item})
    assert run("responses", [told]) == (told, [], False)
    call = {"type": "function_call", "name": "wipe", "arguments": "{}"}
    hidden = {**item, "tools": [listed | {"annotations": call}]}
    told = typed_event({"type": "response.output_item.done", "output_index": 0, "item": hidden})
    assert run("responses", [told])[2]


COMPLETED: dict[str, list[str]] = {
    '{"a": "b': ['{"a": "b"}', "{}"],
    '{"a": tr': ['{"a": true}', "{}"],
    '{"a": 1.': ['{"a": 1}', "{}"],
    '{"a": -': ["{}"],
    '{"a": [1, 2': ['{"a": [1, 2]}', '{"a": [1]}'],
    '{"a": {"b": 1}, "c': ['{"a": {"b": 1}}'],
    '{"a":': ["{}"],
    '{"a": 1,': ['{"a": 1}'],
    '{"a": "\\ud83d': ['{"a": ""}', "{}"],
    '{"a": "x\\u00': ['{"a": "x"}', "{}"],
    '{"a": "x\\\\': ['{"a": "x\\\\"}', "{}"],
    "[": ["[]"],
    '{"a": 1}}': [],
    '{"a": 1 2': [],
    '{"a" "b"': [],
    '{"a": nix': [],
    "hello": [],
    '"a': [],
    "": [],
}


@pytest.mark.parametrize("text", COMPLETED)
def test_a_text_is_completed_as_partial_parsers_do(text: str) -> None:
    """With its last value as far as it came, and without."""
    assert completions(text) == COMPLETED[text]


def test_values_one_after_another_are_taken_apart() -> None:
    """Where each is an object or a list that can be read."""
    assert documents(OSLO + " \n" + ROME) == [OSLO, ROME]
    for text in (OSLO, "", "1 2", OSLO + "x", OSLO + '{"a": 1, "a": 2}'):
        assert documents(text) == []


ALIKE: dict[str, list[bytes]] = {
    "at two indexes": [
        chunk(tool(OSLO, "look", index=0, id="a"), tool(OSLO, "look", index=1, id="b")),
        FINISH,
    ],
    "without an index": [
        chunk(tool(OSLO, "look", id="a")),
        chunk(tool(OSLO, "look", id="b")),
        FINISH,
    ],
    "one after the other was judged": [
        chunk(tool(OSLO, "look", index=0, id="a"), finish="tool_calls"),
        chunk(tool(OSLO, "look", index=1, id="b"), finish="tool_calls"),
    ],
}


@pytest.mark.parametrize("name", ALIKE)
def test_two_calls_that_are_alike_are_two(name: str) -> None:
    """Policy may count them, and receipts do."""
    out, judged, was_shut = run("chat", ALIKE[name])
    assert (out, was_shut) == (b"".join(ALIKE[name]), False)
    assert [(call.name, call.arguments_text) for call in judged] == [ONE, ONE]
