"""Streams that two readers would read differently: the gate shuts before the second reading."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from helm_boundary.calls.call import Answer
from helm_boundary.calls.refusal import Refusal
from helm_boundary.policy.decision import ALLOW, DENY, Decision, Reason
from helm_boundary.streaming.sse import EventCutter
from support.gates import Drive, open_gate

END = b"<error>"
NO = Reason("POLICY_VIOLATION", "test", "no", "ungranted")


def chunk(**choice: Any) -> bytes:
    """One chunk with one choice, as an event."""
    return b"data: " + json.dumps({"choices": [{"index": 0, **choice}]}).encode() + b"\n\n"


def tool(name: str | None = None, arguments: str = "", **call: Any) -> bytes:
    """One chunk with a delta of one tool call."""
    function = {"arguments": arguments} | ({"name": name} if name is not None else {})
    return chunk(delta={"tool_calls": [{"index": 0, "function": function, **call}]})


FINISH = chunk(delta={}, finish_reason="tool_calls")
DONE = b"data: [DONE]\n\n"
EVIL = {"tool_calls": [{"function": {"name": "evil"}}]}
HIDDEN = json.dumps({"choices": [{"index": 0, "message": EVIL}]}).encode()


def run(chunks: Sequence[bytes]) -> tuple[bytes, list[str]]:
    """Say what leaves the gate, and the names of the calls that were judged; `evil` is denied."""
    judged: list[str] = []

    def judge(answer: Answer) -> Decision:
        judged.extend(call.name for call in answer.tool_calls)
        denied = any("evil" in call.name for call in answer.tool_calls)
        return Decision(DENY if denied else ALLOW, (NO,))

    def deny(_: Decision | Refusal) -> bytes:
        return END

    return Drive(open_gate("chat"), judge, deny).run(chunks), judged


SAFE = tool("safe", "{}", id="call_1")
AMBIGUOUS: dict[str, list[bytes]] = {
    "a JSON body under the name of a stream": [HIDDEN],
    "a JSON body over many lines": [json.dumps(json.loads(HIDDEN), indent=1).encode()],
    "a JSON body after a comment": [b": hello\n\n", HIDDEN + b"\n"],
    "a field of another name": [b"dada: {}\n\n"],
    "a field in capitals": [b"DATA: " + HIDDEN + b"\n\n"],
    "a field after a space": [b" data: " + HIDDEN + b"\n\n"],
    "a byte order mark inside the stream": [chunk(delta={}), b"\xef\xbb\xbf" + tool("evil")],
    "two names for one call": [SAFE, tool("evil"), FINISH],
    "a name in two pieces": [tool("ev", id="call_1"), tool("il"), FINISH],
    "two ids at one place, of which one is denied": [
        SAFE,
        tool("evil", "{}", id="call_2"),
        tool("safe", "{}", id="call_3"),
        FINISH,
    ],
    "a call that only the split by ids makes": [
        tool("safe", '{"a": "', id="call_1"),
        tool("evil", "{b: 1}", id="call_2"),
        tool("safe", '"}', id="call_3"),
        FINISH,
    ],
    "a function and a custom call in one": [
        tool("safe", "{}", custom={"name": "evil", "input": "x"}),
        FINISH,
    ],
    "arguments and input in one": [
        chunk(
            delta={
                "tool_calls": [
                    {"index": 0, "function": {"name": "safe", "arguments": "{}", "input": "x"}}
                ]
            }
        ),
        FINISH,
    ],
    "a tool call in capitals": [chunk(delta={"Tool_Calls": [{"function": {"name": "evil"}}]})],
    "a tool call in long s": [chunk(delta={"tool_callſ": [{"function": {"name": "evil"}}]})],
    "a whole message's call": [chunk(message=EVIL)],
    "a whole message in capitals": [
        chunk(Message={"tool_calls": [{"function": {"name": "evil"}}]})
    ],
    "a tool call outside its choice": [
        b'data: {"choices":[],"tool_calls":[{"function":{"name":"evil"}}]}\n\n'
    ],
    "a delta that is a list": [chunk(delta=[{"tool_calls": []}])],
    "a delta in capitals": [chunk(Delta={"tool_calls": [{"function": {"name": "evil"}}]})],
    "choices in capitals": [b'data: {"Choices":[{"delta":{"tool_calls":[]}}]}\n\n'],
    "choices that are an object": [b'data: {"choices":{"0":{"delta":{"tool_calls":[]}}}}\n\n'],
    "an index that is true": [
        b'data: {"choices":[{"index":true,"delta":{"content":"x"}}]}\n\n',
    ],
    "an index that is a fraction": [b'data: {"choices":[{"index":0.5,"delta":{}}]}\n\n'],
    "a key twice": [b'data: {"choices":[],"choices":[{"delta":{"tool_calls":[]}}]}\n\n'],
    "an event after the end": [DONE, tool("evil")],
    "an end with more after it": [b"data: [DONE] \xc2\xa0 and more\n\n"],
    "not JSON": [b"data: hello\n\n"],
    "JSON that isn't an object": [b"data: []\n\n"],
    "two values in one event": [b"data: {}\ndata: {}\n\n"],
    "a line end that only some know": [
        b'data: {"choices":[]}\x0cdata: ' + HIDDEN + b"\n\n",
    ],
    "a stream that ends in a call": [tool("safe")],
    "a stream cut inside an event": [tool("evil")[:-20]],
    "a call without a name": [tool(None, "{}"), FINISH],
    "a call after its choice has finished": [SAFE, FINISH, tool("more")],
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_has_two_readings_shuts_the_gate(name: str) -> None:
    """The error event is the last that leaves, and nothing of the second reading does."""
    out, judged = run(AMBIGUOUS[name])
    assert out.endswith(END), (out, judged)
    assert b"evil" not in out
    assert out.count(END) == 1


PLAIN: dict[str, list[bytes]] = {
    "a byte order mark at the start": [b"\xef\xbb\xbf" + chunk(delta={"content": "x"}), DONE],
    "CRLF between fields": [b'event: message\r\ndata: {"choices":[]}\r\n\r\n'],
    "data over two lines, with CRLF": [b'data: {"choices":\r\ndata: []}\r\n\r\n'],
    "data over two lines, with CR": [b'data: {"choices":\rdata: []}\r\r'],
    "comments": [b": OPENROUTER PROCESSING\n\n", chunk(delta={"content": "x"})],
    "all the fields there are": [b'id: 1\nretry: 10\nevent: x\ndata: {"choices":[]}\n\n'],
    "a name repeated whole": [SAFE, tool("safe", "", id="call_1"), FINISH],
    "a name after its arguments": [tool(None, "{}"), tool("safe"), FINISH],
    "two ids at one place": [SAFE, tool("safe", "{}", id="call_2"), FINISH],
    "a whole message without calls": [chunk(message={"tool_calls": []})],
    "null in place of a call": [chunk(delta={"content": "x", "tool_calls": None})],
    "no space after the colon": [b'data:{"choices":[]}\n\n', b"data:[DONE]\n\n"],
    "words about tools in the text": [chunk(delta={"content": 'say "tool_calls" \u00e9'})],
    "no final empty line": [chunk(delta={"content": "x"}), DONE[:-1]],
}


@pytest.mark.parametrize("name", PLAIN)
def test_odd_but_plain_streams_pass_as_they_came(name: str) -> None:
    """What every reader reads alike isn't refused for looking odd, however it is cut."""
    whole = b"".join(PLAIN[name])
    assert run(PLAIN[name])[0] == whole
    assert run([whole[at : at + 1] for at in range(len(whole))])[0] == whole


def test_an_events_lines_stay_together_whatever_ends_them() -> None:
    """CRLF is one line end, not a line end and an empty line."""
    for ending in (b"\n", b"\r\n", b"\r"):
        text = ending.join([b"event: a", b"data: 1", b"data: 2", b"", b"data: 3", b"", b""])
        for size in (1, 2, 3, len(text)):
            cutter = EventCutter(1000)
            pieces = [text[at : at + size] for at in range(0, len(text), size)]
            events = [event for piece in pieces for event in cutter.feed(piece)]
            rest = cutter.finish()
            found = [e.data for e in [*events, *([rest] if rest else [])] if e.data is not None]
            assert found == [b"1\n2", b"3"], (ending, size)
