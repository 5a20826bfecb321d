"""Every dialect's stream through the gate: what leaves, what is judged, wherever chunks fall."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helm_boundary.calls.call import Answer, Call
from helm_boundary.dialects import dialect
from helm_boundary.policy.decision import Decision, Reason
from helm_boundary.streaming.sse import EventCutter
from helm_receipts.envelope.statement import VERDICTS, Verdict
from support import chat, messages, responses
from support.gates import END, Drive, open_gate

SECRET_NAME = "launch_missiles"
SECRET_ARGUMENTS = '{"target": "the moon", "é😀": 1}'


@dataclass(frozen=True)
class Run:
    """What came of a stream: the bytes that left, what was judged, whether it was stopped."""

    released: bytes
    judged: tuple[tuple[str, str], ...]
    stopped: bool


def run(name: str, chunks: Sequence[bytes], verdict: Verdict, patience: int = 0) -> Run:
    """Push chunks through a gate of a dialect, with every tool call judged alike.

    Policy decides `patience` chunks after it was asked.
    """
    judged: list[tuple[str, str]] = []

    def judge(answer: Answer) -> Decision:
        judged.extend((call.name, call.arguments_text) for call in answer.tool_calls)
        return Decision(verdict, (Reason("POLICY_VIOLATION", "test", "no", "ungranted"),))

    gate = open_gate(name)
    out = Drive(gate, judge, patience=patience).run(chunks)
    return Run(out, tuple(judged), gate.stopped is not None)


def chat_stream(tool: bool) -> bytes:
    """Build a chat completion with text, and two tool calls where asked for."""
    calls = (chat.ToolCall(SECRET_NAME, SECRET_ARGUMENTS), chat.ToolCall("other")) if tool else ()
    turns = (chat.Turn("héllo 😀", calls), chat.Turn("the second choice"))
    asked = {"model": "m", "messages": [], "stream_options": {"include_usage": True}}
    return b"".join([*chat.stream_of(asked, turns), chat.DONE])


def responses_stream(tool: bool) -> bytes:
    """Build a response with text, a function call and a shell call where asked for."""
    items = [responses.message("héllo 😀")]
    if tool:
        items.append(responses.function_call(SECRET_NAME, SECRET_ARGUMENTS))
        items.append(
            responses.built_in_call("shell_call", call_id="c", action={"commands": ["ls"]})
        )
    return b"".join(responses.response_events({"model": "m"}, items))


def messages_stream(tool: bool) -> bytes:
    """Build a message with text, and two uses of tools where asked for."""
    blocks = [messages.text("héllo 😀")]
    if tool:
        blocks.append(messages.tool_use(SECRET_NAME, target="the moon"))
        blocks.append(messages.tool_use("other"))
    return b"".join(messages.message_events({"model": "m"}, blocks))


STREAMS: dict[str, Callable[[bool], bytes]] = {
    "chat": chat_stream,
    "responses": responses_stream,
    "messages": messages_stream,
}
ENDINGS = {"as it is": b"\n", "with CRLF": b"\r\n", "with CR": b"\r"}


def spelt(stream: bytes, ending: str) -> bytes:
    """Return the same stream with other line endings."""
    return stream.replace(b"\n", ENDINGS[ending])


CASES = [
    pytest.param(name, ending, id=f"{name} {ending}")
    for name, ending in itertools.product(STREAMS, ENDINGS)
]


@pytest.mark.parametrize(("name", "ending"), CASES)
def test_allowed_streams_leave_byte_for_byte(name: str, ending: str) -> None:
    """What policy allows is what the upstream sent."""
    for tool in (False, True):
        stream = spelt(STREAMS[name](tool), ending)
        assert run(name, [stream], "ALLOW").released == stream


@pytest.mark.parametrize(("name", "ending"), CASES)
def test_every_single_byte_split_gives_the_same(
    name: str, ending: str, pytestconfig: pytest.Config
) -> None:
    """Two chunks, cut anywhere, do what one does; so does a byte at a time."""
    step = 13 if pytestconfig.getoption("--slow") else 53
    stream = spelt(STREAMS[name](True), ending)
    for verdict in VERDICTS[:2]:
        whole = run(name, [stream], verdict)
        assert run(name, [stream[at : at + 1] for at in range(len(stream))], verdict) == whole
        for at in range(0, len(stream), step):
            assert run(name, [stream[:at], stream[at:]], verdict) == whole


@pytest.mark.parametrize("name", STREAMS)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_chunks_make_no_difference(name: str, data: st.DataObject) -> None:
    """Decisions and released bytes depend on neither where chunks fall nor when policy decides."""
    stream = spelt(STREAMS[name](True), data.draw(st.sampled_from(sorted(ENDINGS))))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=12)))
    chunks = [stream[a:b] for a, b in itertools.pairwise([0, *cuts, len(stream)])]
    verdict, patience = data.draw(st.sampled_from(VERDICTS)), data.draw(st.integers(0, 13))
    pieces = [chunk for chunk in chunks if chunk]
    assert run(name, pieces, verdict, patience) == run(name, [stream], verdict)


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("verdict", ["DENY", "ESCALATE"])
def test_nothing_of_a_denied_call_leaves(name: str, verdict: Verdict) -> None:
    """Not its name, not its arguments, not in the event that repeats everything."""
    done = run(name, [STREAMS[name](True)], verdict)
    assert done.released.endswith(END)
    assert done.released.count(END) == 1
    assert done.stopped
    for word in (SECRET_NAME, "moon", "target", "tool_use", "function_call"):
        assert word.encode() not in done.released
    assert b"h\\u00e9ll" in done.released


@pytest.mark.parametrize("name", STREAMS)
def test_calls_are_judged_whole_and_once(name: str) -> None:
    """Each call's arguments are complete when policy sees them."""
    judged = run(name, [STREAMS[name](True)], "ALLOW").judged
    assert len(judged) == 2
    assert judged[0][0] == SECRET_NAME
    assert json.loads(judged[0][1])["target"] == "the moon"


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_cut_inside_a_call_ends_in_an_error(name: str) -> None:
    """What never became complete never leaves."""
    stream = STREAMS[name](True)
    cut = run(name, [stream[: stream.index(SECRET_NAME.encode()) + 40]], "ALLOW")
    assert cut.released.endswith(END)
    assert SECRET_NAME.encode() not in cut.released
    assert cut.judged == ()


def event(value: Any) -> bytes:
    """One event without a name."""
    return chat.event(value)


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One chunk of a chat completion."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ITEM = {"type": "function_call", "id": "i", "call_id": "c", "name": "f", "arguments": "{}"}

UNREADABLE: dict[str, tuple[str, bytes]] = {
    "an item in other letters": (
        "responses",
        event({"type": "response.output_item.done", "output_index": 0, "Item": ITEM}),
    ),
    "an item's members in other letters": (
        "responses",
        event(
            {
                "type": "response.output_item.done",
                "output_index": 0,
                "item": {"Type": "function_call", "Name": "f", "Arguments": "{}"},
            }
        ),
    ),
    "a response in other letters": (
        "responses",
        event({"type": "response.completed", "response": {"Output": [ITEM]}}),
    ),
    "a block in letters that fold to its name": (
        "messages",
        event(
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "text", "text": ""},
                "content_bloc\u212a": {"type": "tool_use", "id": "c", "name": "f", "input": {}},
            }
        ),
    ),
    "not JSON": ("chat", b"data: {half\n\n"),
    "a JSON value that is no object": ("chat", b"data: []\n\n"),
    "a key twice": ("chat", b'data: {"choices":[],"choices":[]}\n\n'),
    "choices that are no list": ("chat", event({"choices": {}})),
    "a tool call beside the delta": ("chat", event({"choices": [], "tool_calls": [CALL]})),
    "a tool call deep in an unknown field": (
        "chat",
        event(chunk({"extra": {"tool_calls": [CALL]}})),
    ),
    "a call in a chunk's whole message": (
        "chat",
        event({"choices": [{"delta": {"content": "x"}, "message": {"tool_calls": [CALL]}}]}),
    ),
    "a whole message that is none": ("chat", event({"choices": [{"message": ["x"]}]})),
    "a call where no field of that name belongs": (
        "chat",
        event({"choices": [{"delta": {"content": "x"}}], "service_tier": CALL}),
    ),
    "a call in place of a choice": (
        "chat",
        event({"choices": [{"name": "f", "Arguments": "{}"}]}),
    ),
    "a call after its choice has finished": (
        "chat",
        event(chunk({"content": "x"}, "stop")) + event(chunk({"tool_calls": [CALL]})),
    ),
    "a call without a name": (
        "chat",
        event(chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}, "tool_calls")),
    ),
    "more after the end": ("chat", chat.DONE + event(chunk({"content": "x"}))),
    "a field after a false line end": (
        "chat",
        'data: {"choices":[],"x":"\u2028data: {}"}\n\n'.encode(),
    ),
    "a call within a message's item": (
        "responses",
        responses.typed_event(
            {
                "type": "response.output_item.done",
                "output_index": 0,
                "item": {"type": "message", "content": [ITEM]},
            }
        ),
    ),
    "a call beside an item": (
        "responses",
        responses.typed_event(
            {
                "type": "response.output_item.added",
                "output_index": 0,
                "item": {"type": "message", "content": []},
                "more": [ITEM],
            }
        ),
    ),
    "a call beside a response's output": (
        "responses",
        responses.typed_event(
            {"type": "response.created", "response": {"output": [], "tool_choice": ITEM}}
        ),
    ),
    "a call beside a text": (
        "responses",
        responses.typed_event(
            {
                "type": "response.output_text.delta",
                "output_index": 0,
                "delta": "x",
                "logprobs": ITEM,
            }
        ),
    ),
    "a call in an unknown event": (
        "responses",
        responses.typed_event({"type": "response.surprise", "item": ITEM}),
    ),
    "arguments of a call that never began": (
        "responses",
        responses.typed_event(
            {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{"}
        ),
    ),
    "an event with two names": (
        "responses",
        b'event: response.created\ndata: {"type":"response.output_item.done"}\n\n',
    ),
    "input of a block that is text": (
        "messages",
        responses.typed_event(
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text"}}
        )
        + responses.typed_event(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "input_json_delta", "partial_json": "{}"},
            }
        ),
    ),
    "a block without a type": (
        "messages",
        responses.typed_event(
            {"type": "content_block_start", "index": 0, "content_block": {"name": "f"}}
        ),
    ),
    "a call where a message starts": (
        "messages",
        responses.typed_event(
            {"type": "message_start", "message": {"usage": messages.tool_use("f")}}
        ),
    ),
    "a call where a message stops": (
        "messages",
        responses.typed_event({"type": "message_stop", "content_block": messages.tool_use("f")}),
    ),
    "a call beside a block": (
        "messages",
        responses.typed_event(
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "text", "text": ""},
                "more": messages.tool_use("f"),
            }
        ),
    ),
    "a block that is a call by all but its type": (
        "messages",
        responses.typed_event(
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": 0, "name": "", "input": {}},
            }
        )
        + responses.typed_event({"type": "content_block_stop", "index": 0}),
    ),
    "a message that starts with content": (
        "messages",
        responses.typed_event(
            {"type": "message_start", "message": {"content": [messages.tool_use("f")]}}
        ),
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cant_be_read_is_denied(case: str) -> None:
    """One doubt shuts the gate, and nothing that follows leaves."""
    name, stream = UNREADABLE[case]
    done = run(name, [stream, STREAMS[name](False)], "ALLOW")
    assert done.stopped
    assert done.released.endswith(END)


ODD_BUT_RIGHT: dict[str, tuple[bytes, tuple[tuple[str, str], ...]]] = {
    "comments, ids and retries": (b": hi\n\nid: 1\nretry: 5\n\n", ()),
    "several lines of data": (b'data: {"choices":\ndata: []}\n\n', ()),
    "an empty first list of choices": (event({"choices": [], "prompt_filter_results": []}), ()),
    "a name after its arguments": (
        event(chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}))
        + event(chunk({"tool_calls": [{"index": 0, "function": {"name": "f"}}]}, "tool_calls")),
        (("f", "{}"),),
    ),
    "function_call of old": (
        event(chunk({"function_call": {"name": "f", "arguments": "{"}}))
        + event(chunk({"function_call": {"arguments": "}"}}, "function_call")),
        (("f", "{}"),),
    ),
    "calls interleaved by index": (
        event(chunk({"tool_calls": [CALL, {**CALL, "index": 1, "function": {"name": "g"}}]}))
        + event(chunk({"tool_calls": [{"index": 1, "function": {"arguments": "[1]"}}]}, "stop")),
        (("f", "{}"), ("g", "[1]")),
    ),
    "a whole message beside each delta": (
        event({"choices": [{"delta": {"content": "a"}, "message": {"content": "a"}}]})
        + event({"choices": [{"delta": {"content": "b"}, "message": {"content": "ab"}}]}),
        (),
    ),
    "a finish without tool calls": (event(chunk({}, "tool_calls")), ()),
    "a call that only [DONE] completes": (event(chunk({"tool_calls": [CALL]})), (("f", "{}"),)),
}


@pytest.mark.parametrize("case", ODD_BUT_RIGHT)
def test_odd_forms_are_read(case: str) -> None:
    """What real providers send is judged and leaves as it came."""
    stream, judged = ODD_BUT_RIGHT[case]
    done = run("chat", [stream, chat.DONE], "ALLOW")
    assert done == Run(stream + chat.DONE, judged, False)


def test_a_missing_final_blank_line_is_read_too() -> None:
    """The last event counts, even when the upstream forgot to end it."""
    stream = chat_stream(True)[:-1]
    assert run("chat", [stream], "ALLOW").released == stream


def placed(choice: int, **told: Any) -> bytes:
    """Write a chunk with a part of a tool call in that choice."""
    return event({"choices": [{"index": choice, "delta": {"tool_calls": [told]}}]})


TWO_CHOICES = [
    placed(1, index=0, id="c", function={"name": "ev", "arguments": ""}),
    placed(0, index=0, function={"name": "il", "arguments": "{}"}),
    event({"choices": [{"index": at, "delta": {}, "finish_reason": "stop"} for at in (0, 1)]}),
]


@pytest.mark.parametrize(("choices", "passes"), [(None, False), (1, False), (2, True), (2.0, True)])
def test_calls_stand_in_as_many_choices_as_were_asked_for(choices: Any, passes: bool) -> None:
    """Clients that asked for one take the first of each chunk for it, and would join these."""
    judged: list[str] = []

    def judge(answer: Answer) -> Decision:
        judged.extend(call.name for call in answer.tool_calls)
        return Decision("ALLOW", ())

    gate = open_gate("chat", asked=Call(parameters={"n": choices}))
    out = Drive(gate, judge).run(TWO_CHOICES)
    assert out == (b"".join(TWO_CHOICES) if passes else END)
    assert sorted(judged) == (["ev", "il"] if passes else [])


@pytest.mark.parametrize("first", [0, None, "nothing"])
@pytest.mark.parametrize("second", [0, None, "nothing"])
def test_an_index_comes_always_or_never(first: Any, second: Any) -> None:
    """To some clients null is a place of its own; one that is left out later is the last."""
    named = {} if first == "nothing" else {"index": first}
    grown = {} if second == "nothing" else {"index": second}
    stream = [
        placed(0, id="c", function={"name": "f", "arguments": ""}, **named),
        placed(0, function={"arguments": "{}"}, **grown),
        event(chunk({}, "tool_calls")),
    ]
    out = Drive(open_gate("chat"), lambda _: Decision("ALLOW", ())).run(stream)
    assert out == (
        b"".join(stream) if first == second or (first, second) == (0, "nothing") else END
    )


def test_what_is_held_is_bounded() -> None:
    """A tool call that never ends can't fill the memory."""
    gate = open_gate("chat", max_held=2000)
    piece = event(
        chunk({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "x"}}]})
    )
    assert Drive(gate, lambda _: Decision("ALLOW", ())).run([piece] * 100) == END


def test_an_event_is_bounded_however_it_comes() -> None:
    """An oversized event is refused in one chunk and in many."""
    big = event(chunk({"content": "x" * 5000}))
    for chunks in ([big], [big[at : at + 100] for at in range(0, len(big), 100)]):
        gate = open_gate("chat", max_event=1000)
        assert Drive(gate, lambda _: Decision("ALLOW", ())).run(chunks) == END


def test_a_whole_message_is_judged_by_what_it_says() -> None:
    """What stands in it and in no delta is a text too, and none is there twice."""
    stream = dialect("chat").open_stream(200)
    assert stream is not None
    said = [("a", {"content": "a", "note": "x"}), ("b", {"content": "ab", "note": "xy"})]
    for content, message in said:
        sent = event({"choices": [{"delta": {"content": content}, "message": message}]})
        for each in EventCutter(10_000).feed(sent):
            stream.read(each)
    found = {text.pointer: text.text for text in stream.answer().texts}
    assert found == {"/choices/0/message/content": "ab", "/choices/0/message/note": "xy"}
    assert len(stream.answer().texts) == 2
