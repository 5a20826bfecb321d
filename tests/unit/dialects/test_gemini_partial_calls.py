"""Gemini's calls whose arguments come value by value: joined as clients do, and judged once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helm_boundary.calls.call import Answer
from helm_boundary.calls.refusal import Refusal
from helm_boundary.dialects import dialect
from helm_boundary.dialects.gemini_parts import snake
from helm_boundary.policy.decision import ALLOW, Decision
from support.chat import event
from support.gates import END, Drive, open_gate

ASKED = {
    "contents": [{"role": "user", "parts": [{"text": "Hello."}]}],
    "toolConfig": {"functionCallingConfig": {"streamFunctionCallArguments": True}},
}


def chunk(*calls: dict[str, Any], reason: str | None = None, at: int = 0) -> bytes:
    """Build an event with pieces of calls."""
    parts = [{"functionCall": each} for each in calls]
    candidate = {"index": at, "content": {"role": "model", "parts": parts}}
    return event({"candidates": [candidate | ({"finishReason": reason} if reason else {})]})


def begun(name: str = "look", **more: Any) -> dict[str, Any]:
    """Begin a call."""
    return {"name": name, "willContinue": True, **more}


def sets(path: str, *, last: bool = False, **value: Any) -> dict[str, Any]:
    """Set a value at a path."""
    goes_on = {} if last else {"willContinue": True}
    return {"partialArgs": [{"jsonPath": path, **value}], **goes_on}


END_OF_CALL: dict[str, Any] = {}


def run(stream: list[bytes], asked: dict[str, Any] | None = None) -> tuple[bytes, list[Any], str]:
    """Say what leaves, which calls policy heard of, and why the gate shut."""
    judged: list[tuple[str, Any]] = []

    def judge(answer: Answer) -> Decision:
        judged.extend((call.name, json.loads(call.arguments_text)) for call in answer.tool_calls)
        return Decision(ALLOW, ())

    call = dialect("gemini").read_request(ASKED if asked is None else asked)
    gate = open_gate("gemini", asked=call)
    out = Drive(gate, judge, lambda _: END).run(stream)
    return out, judged, gate.stopped.message if isinstance(gate.stopped, Refusal) else ""


PASSES: dict[str, tuple[list[bytes], list[Any]]] = {
    "one text in two pieces": (
        [
            chunk(begun()),
            chunk(sets("$.city", stringValue="San ", willContinue=True)),
            chunk(sets("$.city", stringValue="Francisco", willContinue=True)),
            chunk(sets("$.city", stringValue="")),
            chunk(END_OF_CALL, reason="STOP"),
        ],
        [("look", {"city": "San Francisco"})],
    ),
    "lists of objects, and every kind of value": (
        [
            chunk(begun()),
            chunk(
                sets("$.items[0].name", stringValue="a"), sets("$.items[0].price", numberValue=1)
            ),
            chunk({"willContinue": True}),
            chunk(
                sets("$.items[1].name", stringValue="b"), sets("$.items[1].fresh", boolValue=True)
            ),
            chunk(sets("$.more", nullValue="NULL_VALUE", last=True), reason="STOP"),
        ],
        [
            (
                "look",
                {
                    "items": [{"name": "a", "price": 1}, {"name": "b", "fresh": True}],
                    "more": None,
                },
            )
        ],
    ),
    "calls one after another, the first of them whole": (
        [
            chunk({"name": "theme"}),
            chunk(begun("one")),
            chunk(sets("$.id", stringValue="A")),
            chunk(END_OF_CALL),
            chunk(begun("two")),
            chunk(sets("$.id", stringValue="B"), END_OF_CALL, reason="STOP"),
        ],
        [("theme", {}), ("one", {"id": "A"}), ("two", {"id": "B"})],
    ),
    "a call in each of two candidates": (
        [
            chunk(begun("one")),
            chunk(begun("two"), at=1),
            chunk(sets("$.id", stringValue="A", last=True), reason="STOP"),
            chunk(sets("$.id", stringValue="B", last=True), reason="STOP", at=1),
        ],
        [("one", {"id": "A"}), ("two", {"id": "B"})],
    ),
    "in snake case": (
        [
            chunk({"name": "look", "will_continue": True}),
            chunk({"partial_args": [{"json_path": "$.id", "string_value": "A"}]}, reason="STOP"),
        ],
        [("look", {"id": "A"})],
    ),
}


@pytest.mark.parametrize("case", PASSES)
def test_pieces_are_joined_and_judged_once(case: str) -> None:
    """Nothing leaves before the verdict; then all of it, as it came."""
    stream, calls = PASSES[case]
    assert run(stream) == (b"".join(stream), calls, "")


STRING = sets("$.id", stringValue="A")
REFUSED: dict[str, list[dict[str, Any]]] = {
    "a call within another": [begun(), begun("wipe"), END_OF_CALL, END_OF_CALL],
    "a whole call within another": [begun(), {"name": "wipe", "args": {}}, END_OF_CALL],
    "whole arguments at the start": [begun(args={"id": "B"}), STRING, END_OF_CALL],
    "whole arguments later": [begun(), STRING, {"args": {"id": "B"}}],
    "a value again": [begun(), STRING, STRING, END_OF_CALL],
    "a text that goes on after another value": [
        begun(),
        sets("$.id", stringValue="A", willContinue=True),
        sets("$.more", numberValue=1),
        STRING,
        END_OF_CALL,
    ],
    "a number that goes on": [
        begun(),
        sets("$.id", numberValue=1, willContinue=True),
        sets("$.id", numberValue=2),
        END_OF_CALL,
    ],
    "two values in one": [begun(), sets("$.id", stringValue="A", numberValue=1), END_OF_CALL],
    "a value in two spellings": [begun(), sets("$.id", stringValue="A", string_value="B")],
    "no value": [begun(), sets("$.id"), END_OF_CALL],
    "a text that is none": [begun(), sets("$.id", stringValue=1), END_OF_CALL],
    "a number that is none": [begun(), sets("$.id", numberValue=True), END_OF_CALL],
    "a list with a gap": [begun(), sets("$.ids[1]", stringValue="A"), END_OF_CALL],
    "a path through a text": [begun(), STRING, sets("$.id.x", stringValue="B"), END_OF_CALL],
    "a path through a list": [
        begun(), sets("$.a[0]", stringValue="A"), sets("$.a.b", stringValue="B"), END_OF_CALL,
    ],
    "a value in place of an object": [
        begun(), sets("$.a.b", stringValue="A"), sets("$.a", stringValue="B"), END_OF_CALL,
    ],
    "a call without a name": [{"willContinue": True}, END_OF_CALL],
    **{
        f"the path {path}": [begun(), sets(path, stringValue="A"), END_OF_CALL]
        for path in (
            "", "$", "id", "$['id']", "$..id", "$.*", "$.a[-1]", "$.a[01]", "$.a b", "$[0]",
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_clients_may_join_otherwise_is_refused(case: str) -> None:
    """Nothing of it leaves."""
    stream = [*map(chunk, REFUSED[case]), chunk(reason="STOP")]
    out, judged, why = run(stream)
    assert (out, judged) == (END, [])
    assert why


def test_a_call_that_never_ends_is_refused() -> None:
    """Some clients would run what has come."""
    out, judged, why = run([chunk(begun()), chunk(STRING, reason="STOP")])
    assert (out, judged) == (END, [])
    assert "inside a tool call" in why


@pytest.mark.parametrize("asked", [{}, {"toolConfig": {"functionCallingConfig": {}}}])
def test_a_client_that_asked_for_no_pieces_gets_none(asked: dict[str, Any]) -> None:
    """It would run the call as it begins."""
    stream, _ = PASSES["one text in two pieces"]
    out, judged, why = run(stream, asked={"contents": ASKED["contents"], **asked})
    assert (out, judged) == (END, [])
    assert "can't be judged" in why


def test_a_list_of_events_has_no_pieces() -> None:
    """An answer that is read whole isn't joined."""
    with pytest.raises(Refusal, match="can't be judged"):
        dialect("gemini").read_response(200, json.loads(chunk(begun())[5:]))


def test_pieces_that_a_client_sends_back_are_one_call_again() -> None:
    """Google's SDK keeps a chat as it streamed, and goes on after a call that was broken off."""
    pieces = [begun(), sets("$.city", stringValue="Oslo"), END_OF_CALL]
    told = [{"role": "model", "parts": [{"functionCall": as_sent(each)}]} for each in pieces]
    asks = {"role": "user", "parts": [{"text": "Where?"}]}
    call = dialect("gemini").read_request({"contents": [asks, told[0], asks, *told, asks]})
    calls = [call for message in call.messages for call in message.tool_calls]
    assert [(each.name, each.arguments) for each in calls] == [("look", {"city": "Oslo"})]
    assert "Oslo" in [text.text for text in call.texts]


def as_sent(value: Any) -> Any:
    """Spell a call's members as Google's SDK writes them in a request."""
    if isinstance(value, list):
        return [as_sent(item) for item in value]
    if isinstance(value, dict):
        return {snake(key): as_sent(item) for key, item in value.items()}
    return value
