"""A tool call that a stream tells in two ways: nothing of it leaves. Told in one way, it passes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helm_boundary.calls.call import Answer
from helm_boundary.calls.refusal import Refusal
from helm_boundary.dialects import dialect
from helm_boundary.policy.decision import ALLOW, Decision
from helm_boundary.streaming.sse import EventCutter
from support import messages
from support.gates import Drive, open_gate
from support.responses import typed_event

END = b"<error>"
ARGUMENTS = '{"path": "notes"}'
OTHER = '{"path": "/"}'


def run(name: str, chunks: Sequence[bytes]) -> tuple[bytes, list[tuple[str, str]], str]:
    """Say what leaves the gate, which calls policy heard of (all allowed), and why it shut."""
    judged: list[tuple[str, str]] = []

    def judge(answer: Answer) -> Decision:
        judged.extend((call.name, call.arguments_text) for call in answer.tool_calls)
        return Decision(ALLOW, ())

    gate = open_gate(name)
    out = Drive(gate, judge, lambda _: END).run(chunks)
    why = gate.stopped.message if isinstance(gate.stopped, Refusal) else ""
    return out, judged, why


def item(kind: str = "function_call", **members: Any) -> dict[str, Any]:
    """Build a tool call's item, finished."""
    part = {"custom_tool_call": "input"}.get(kind, "arguments")
    return {"id": "fc_1", "type": kind, "call_id": "call_1", "name": "look", "status": "completed",
            part: ARGUMENTS, **members}  # fmt: skip


def responses(
    start: dict[str, Any] | None = None,
    deltas: str | None = ARGUMENTS,
    done: dict[str, Any] | None = None,
    end: dict[str, Any] | None = None,
    final: Sequence[dict[str, Any]] | None = None,
    after: Sequence[dict[str, Any]] = (),
) -> list[bytes]:
    """Build a response's stream, in which every telling of one call can be another one."""
    end = end or item()
    part = "input" if end["type"] == "custom_tool_call" else "arguments"
    kind = {"function_call": "function_call_arguments", "mcp_call": "mcp_call_arguments",
            "custom_tool_call": "custom_tool_call_input"}[end["type"]]  # fmt: skip
    place = {"output_index": 0, "item_id": "fc_1"}
    start = {**end, part: "", **(start or {})}
    told: list[dict[str, Any]] = [
        {"type": "response.created", "response": {"output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": start},
    ]
    if deltas is not None:
        pieces = (deltas[:5], deltas[5:])
        told += [{"type": f"response.{kind}.delta", **place, "delta": each} for each in pieces]
    told.append({"type": f"response.{kind}.done", **place, part: ARGUMENTS, **(done or {})})
    told.append({"type": "response.output_item.done", "output_index": 0, "item": end})
    told += after
    output = [end] if final is None else final
    told.append({"type": "response.completed", "response": {"output": output}})
    return [typed_event(value) for value in told]


CUSTOM = item("custom_tool_call")
MCP = item("mcp_call", server_label="files")


def part(kind: str, **members: Any) -> bytes:
    """Build an event that tells part of the function call."""
    kind = f"response.function_call_arguments.{kind}"
    return typed_event({"type": kind, "output_index": 0, **members})


TOLD_IN_TWO_WAYS: dict[str, list[bytes]] = {
    "another name at the start": responses(start={"name": "wipe"}),
    "another type at the start": responses(start={"type": "custom_tool_call", "input": ""}),
    "another server at the start": responses(end=MCP, start={"server_label": "disk"}),
    "another namespace at the start": responses(
        end=item(namespace="files"), start={"namespace": "disk"}
    ),
    "other arguments at the start": responses(start={"arguments": OTHER}),
    "other arguments in the deltas": responses(deltas=OTHER),
    "deltas that say more": responses(deltas=ARGUMENTS + OTHER),
    "other input in a custom tool's deltas": responses(end=CUSTOM, deltas="rm -rf /"),
    "other input at a custom tool's start": responses(end=CUSTOM, start={"input": "rm -rf /"}),
    "a custom tool's input spelt otherwise": responses(end=CUSTOM, deltas='{"path":"notes"}'),
    "other arguments when done": responses(done={"arguments": OTHER}),
    "another name when done": responses(done={"name": "wipe"}),
    "other arguments when done, and no deltas": responses(deltas=None, done={"arguments": OTHER}),
    "true instead of 1": responses(
        end=item(arguments='{"n": 1}'), deltas='{"n": 1}', done={"arguments": '{"n": true}'}
    ),
    "other arguments at the end": responses(final=[item(arguments=OTHER)]),
    "another name at the end": responses(final=[item(name="wipe")]),
    "another name at the end, at another place": responses(
        final=[{"type": "reasoning", "summary": []}, item(name="wipe")]
    ),
    "arguments beside a custom tool's input": responses(end={**CUSTOM, "arguments": "{}"}),
    "input beside arguments": responses(end=item(input="rm -rf /")),
    "deltas after the item": responses(
        after=[{"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "x"}]
    ),
    "another done after the item": responses(
        after=[
            {
                "type": "response.function_call_arguments.done",
                "output_index": 0,
                "arguments": OTHER,
            }
        ]
    ),
    "another item after the item": responses(
        after=[
            {
                "type": "response.output_item.done",
                "output_index": 0,
                "item": item(arguments=OTHER),
            }
        ]
    ),
    "deltas after the done event": [
        *responses()[:5],
        part("delta", item_id="fc_1", delta='{"path": "wipe"}'),
        *responses()[5:],
    ],
    "deltas of one id and of another": [
        *responses(deltas=None)[:2],
        part("delta", item_id="fc_1", delta='{"path": '),
        part("delta", item_id="zz", delta='"no'),
        part("delta", item_id="fc_1", delta='tes"}'),
        *responses(deltas=None)[2:],
    ],
    "deltas of which some have an id": [
        *responses(deltas=None)[:2],
        part("delta", item_id="fc_1", delta='{"path": '),
        part("delta", delta='"notes"}'),
        *responses(deltas=None)[2:],
    ],
    "a delta whose id is no text": [
        *responses(deltas=None)[:2],
        part("delta", item_id={"x": 1}, delta=ARGUMENTS),
        *responses(deltas=None)[2:],
    ],
    "no type at the start": responses(end=MCP, start={"type": None}),
    "a type that is no text": responses(start={"type": {"x": 1}}),
    "a name that is no text": responses(end=item(name=1), start={"name": "look"}),
    "a server that is no text": responses(end={**MCP, "server_label": {"x": 1}}),
    "a call's id that is no text": responses(end=item(call_id=1), start={"call_id": "call_1"}),
    "a named event of another kind than its item": [
        *responses(end=MCP)[:2],
        part("done", item_id="fc_1", name="look", arguments=ARGUMENTS),
        *responses(end=MCP)[2:],
    ],
    "a delta that is no text": [
        *responses()[:2],
        part("delta", delta={"wipe": 1}),
        *responses()[2:],
    ],
    "the id of another call": [
        *responses()[:2],
        typed_event(
            {
                "type": "response.output_item.added",
                "output_index": 1,
                "item": item(id="fc_2", call_id="call_2", name="wipe", arguments=""),
            }
        ),
        part("done", call_id="call_2", arguments=ARGUMENTS),
        *responses()[2:],
    ],
    "a start after the item": responses(
        after=[{"type": "response.output_item.added", "output_index": 0, "item": item(name="wipe")}]
    ),
}


@pytest.mark.parametrize("case", TOLD_IN_TWO_WAYS)
def test_a_call_told_in_two_ways_ends_the_stream(case: str) -> None:
    """What was allowed may have left; what differs from it never does."""
    out, judged, why = run("responses", TOLD_IN_TWO_WAYS[case])
    assert out.endswith(END)
    assert why
    told_after = "after the item" in case or "at the end" in case
    assert judged == ([("look", ARGUMENTS)] if told_after else [])
    assert (b'"look"' in out) is told_after
    for word in (b"wipe", b"rm -rf", b'"/', b"disk", b"response.completed"):
        assert word not in out


def told(kind: str, **members: Any) -> bytes:
    """Build a session's message."""
    return json.dumps({"type": kind, **members}).encode()


def delta(words: str, **members: Any) -> bytes:
    """Build a session's message with words of the function call."""
    named = {"item_id": "fc_1", "output_index": 0, "call_id": "call_1", **members}
    named = {key: value for key, value in named.items() if value is not None}
    return told("response.function_call_arguments.delta", **named, delta=words)


def session(*between: bytes, **start: Any) -> list[bytes]:
    """Build a session's messages that tell one call, with those in the middle."""
    begun = item(**{"arguments": "", "status": "in_progress", **start})
    return [
        told("response.output_item.added", output_index=0, item=begun),
        told("conversation.item.created", item=begun),
        *between,
        told("response.output_item.done", output_index=0, item=item()),
    ]


PIECES = ARGUMENTS[:3], ARGUMENTS[3:8], ARGUMENTS[8:]
AGAIN = session()[0]
NAMED_IN_TWO_WAYS: dict[str, list[bytes]] = {
    "an item's id at times": session(delta(PIECES[0]), delta(PIECES[1], item_id=None)),
    "a call's id at times": session(delta(PIECES[0]), delta(PIECES[1], call_id=None)),
    "an index at times": session(delta(PIECES[0]), delta(PIECES[1], output_index=None)),
    "another index": session(delta(PIECES[0]), delta(PIECES[1], output_index=1)),
    "another index, of no response": session(delta(PIECES[0], response_id="r", output_index=1)),
    "a call's id that no call has, at times": session(
        delta(PIECES[0]), delta(PIECES[1], call_id="zz")
    ),
    "an index that is no number": session(delta(ARGUMENTS, output_index={})),
    "an id that is no text": session(delta(ARGUMENTS, call_id=1)),
    "a beginning after deltas": session(delta(PIECES[0]), AGAIN, delta(PIECES[1])),
    "a name after deltas": [
        AGAIN.replace(b'"look"', b'""'),
        delta(PIECES[0]),
        told("conversation.item.added", item=item(arguments="", status="in_progress")),
    ],
    "another item's end with the call's id": session(
        delta(PIECES[0]), told("conversation.item.done", item=item(id="fc_2", arguments=""))
    ),
}


@pytest.mark.parametrize("case", NAMED_IN_TWO_WAYS)
def test_a_call_whose_deltas_clients_find_in_two_ways_ends_the_session(case: str) -> None:
    """One adds up those with an item's id, another those with a call's, or those at an index."""
    out, judged, why = run("realtime", NAMED_IN_TWO_WAYS[case])
    assert (out, judged) == (END, [])
    assert why


NAMED_IN_ONE_WAY: dict[str, list[bytes]] = {
    "as OpenAI does": session(*map(delta, PIECES)),
    "no call's id": session(*(delta(each, call_id=None) for each in PIECES)),
    "no index": session(*(delta(each, output_index=None) for each in PIECES)),
    "the item's id alone": session(
        *(delta(each, output_index=None, call_id=None) for each in PIECES)
    ),
    "another call's id with each": session(*(delta(each, call_id=each) for each in PIECES)),
    "an id only where nothing is said": session(
        delta("", call_id="call_1"), *(delta(each, call_id=None) for each in PIECES)
    ),
    "a beginning twice": session(AGAIN, *map(delta, PIECES)),
    "a status that is no text": session(*map(delta, PIECES), status={}),
}


@pytest.mark.parametrize("case", NAMED_IN_ONE_WAY)
def test_a_call_whose_deltas_are_named_alike_passes(case: str) -> None:
    """Byte for byte; which ids a server gives is its own choice."""
    out, judged, why = run("realtime", NAMED_IN_ONE_WAY[case])
    assert why == ""
    assert out == b"".join(NAMED_IN_ONE_WAY[case])
    assert judged == [("look", ARGUMENTS)]


def shell(
    start: dict[str, Any], end: dict[str, Any], deltas: str = "ls", opening: str = ""
) -> list[bytes]:
    """Return the stream of a shell's call, which has no arguments as text."""
    whole = {"id": "sh", "type": "shell_call", "call_id": "c", "status": "completed"}
    place = {"output_index": 0, "item_id": "sh", "command_index": 0}
    return [
        typed_event({"type": "response.output_item.added", "output_index": 0,
                     "item": {**whole, **start}}),
        typed_event({"type": "response.shell_call_command.added", **place, "command": opening}),
        typed_event({"type": "response.shell_call_command.delta", **place, "delta": deltas}),
        typed_event({"type": "response.shell_call_command.done", **place, "command": deltas}),
        typed_event({"type": "response.output_item.done", "output_index": 0,
                     "item": {**whole, **end}}),
    ]  # fmt: skip


def test_calls_of_other_kinds_are_compared_too() -> None:
    """A shell's command as it streamed and as it is at last."""
    ended = {"action": {"commands": ["ls"], "timeout_ms": None}}
    starts: tuple[dict[str, Any], ...] = ({}, {"action": None}, {"action": {"commands": []}}, ended)
    for start in starts:
        out, judged, _ = run("responses", shell(start, ended))
        assert out == b"".join(shell(start, ended))
        assert [name for name, _ in judged] == ["shell"]
    for stream in (
        shell({}, ended, "rm"),
        shell({"action": {"commands": ["rm"]}}, ended),
        shell({"action": {"commands": ["ls"]}}, {"action": {"commands": ["ls"], "timeout_ms": 9}}),
        shell({"action": {"commands": ["ls"]}}, {"action": {"commands": ["ls", "pwd"]}}),
        shell({}, ended, opening="rm"),
    ):
        out, judged, why = run("responses", stream)
        assert (out, judged) == (END, [])
        assert "two ways" in why


def test_what_a_call_gave_back_is_no_part_of_it() -> None:
    """It stands at a place of its own, where no call has begun, and passes."""
    place = {"output_index": 7, "item_id": "sho_1", "command_index": 0}
    told = [
        typed_event({"type": "response.shell_call_output_content.delta", **place,
                     "delta": {"stdout": "a file", "stderr": ""}}),
        typed_event({"type": "response.shell_call_output_content.done", **place,
                     "output": [{"stdout": "a file", "outcome": {"type": "exit"}}]}),
    ]  # fmt: skip
    assert run("responses", told)[0] == b"".join(told)


TOLD_IN_ONE_WAY: dict[str, tuple[list[bytes], int]] = {
    "as OpenAI does": (responses(), 1),
    "everything at once": (responses(start=item(), deltas=None), 1),
    "no deltas": (responses(deltas=None), 1),
    "arguments spelt otherwise": (responses(deltas='{"path":"notes"}'), 1),
    "an empty object at the start": (responses(start={"arguments": "{}"}), 1),
    "no type at the start": (responses(start={"type": None}), 1),
    "null at the start": (responses(start={"arguments": None}), 1),
    "a name only when done": (responses(start={"name": ""}), 1),
    "a done event that says nothing": (responses(done={"arguments": ""}), 1),
    "a name in the done event": (responses(done={"name": "look"}), 1),
    "an end without output": (responses(final=[]), 1),
    "an end that leaves another item out": (
        [
            typed_event({"type": "response.output_item.added", "output_index": 1, "item": item()}),
            typed_event({"type": "response.output_item.done", "output_index": 1, "item": item()}),
            typed_event({"type": "response.completed", "response": {"output": [item()]}}),
        ],
        1,
    ),
    "an end with other ids": (responses(final=[item(id="other", call_id="another")]), 1),
    "a call that only the end tells": (
        responses(final=[item(), item(id="b", call_id="call_2", name="see")]),
        2,
    ),
    "the done event after its item": (
        responses(
            after=[
                {
                    "type": "response.function_call_arguments.done",
                    "output_index": 0,
                    "item_id": "fc_1",
                    "name": "look",
                    "arguments": ARGUMENTS,
                }
            ]
        ),
        1,
    ),
    "a custom tool": (responses(end=CUSTOM, done={"input": ARGUMENTS}), 1),
    "a server's tool": (responses(end={**MCP, "output": "found"}, start={"output": None}), 1),
    "one id for every call of a tool": (
        [
            typed_event({"type": f"response.output_item.{when}", "output_index": at,
                         "item": item(arguments=said)})
            for at, said in enumerate((ARGUMENTS, OTHER)) for when in ("added", "done")
        ],
        2,
    ),
}  # fmt: skip


def two_tools(kind: str) -> list[bytes]:
    """Tell two tools' calls under one id; the second begins its arguments before its deltas."""
    calls = [item(arguments=""), item(arguments=ARGUMENTS), item(name="wipe", arguments="{}")]
    events = [("added", 0, calls[0]), ("done", 0, calls[1]), ("added", 1, calls[2])]
    sent = [
        {"type": f"response.output_item.{when}", "output_index": at, "item": each}
        for when, at, each in [*events, ("done", 1, calls[2])]
    ]
    if kind == "in two responses":
        sent.insert(2, {"type": "response.completed", "response": {"id": "r", "output": []}})
    return [json.dumps(each).encode() for each in sent]


def test_two_tools_calls_have_no_id_in_common() -> None:
    """LangChain would join their names; the next response of a session begins anew."""
    out, judged, why = run("responses_socket", two_tools("in one response"))
    assert (out, judged) == (b"".join(two_tools("")[:2]) + END, [("look", ARGUMENTS)])
    assert "one id" in why
    out, judged, why = run("responses_socket", two_tools("in two responses"))
    assert (out, why) == (b"".join(two_tools("in two responses")), "")
    assert [name for name, _ in judged] == ["look", "wipe"]


@pytest.mark.parametrize("names_it", ["shown", "begun", "finished"])
def test_an_id_belongs_to_the_call_that_was_told_with_it(names_it: str) -> None:
    """Whichever of a call's events tells its id first, no other tool's call has that one."""
    first = item(id="fc_0", call_id=None, name="wipe", arguments="", status="in_progress")
    named = first | {"call_id": "call_1"}
    told_by = {
        "shown": [told("conversation.item.added", item=first),
                  told("conversation.item.created", item=named)],
        "begun": [told("conversation.item.added", item=first),
                  told("response.output_item.added", output_index=1, item=named)],
        "finished": [told("conversation.item.added", item=first),
                     told("conversation.item.done", item=named | {"status": "completed"})],
    }  # fmt: skip
    out, judged, why = run("realtime", [*told_by[names_it], *session(delta(ARGUMENTS))])
    assert "one id" in why
    assert out.endswith(END)
    assert ("look", ARGUMENTS) not in judged


def test_an_item_of_a_session_has_no_place_in_one_response() -> None:
    """No client of a response alone reads such an event, so it ends nothing and shows nothing."""
    stream = responses()
    stream.insert(3, typed_event({"type": "conversation.item.done", "event_id": "e"}))
    out, judged, why = run("responses", stream)
    assert judged == []
    assert "session" in why
    assert out.endswith(END)


@pytest.mark.parametrize("case", TOLD_IN_ONE_WAY)
def test_a_call_told_in_one_way_passes(case: str) -> None:
    """Byte for byte, and judged once."""
    stream, calls = TOLD_IN_ONE_WAY[case]
    out, judged, why = run("responses", stream)
    assert why == ""
    assert out == b"".join(stream)
    assert len(judged) == calls


@pytest.mark.parametrize(
    ("start", "end", "heard"),
    [
        ({"server_label": "wipe"}, {"server_label": None}, "mcp.wipe.look"),
        ({"name": "wipe"}, {"name": None}, "mcp.files.wipe"),
    ],
)
def test_a_name_that_only_the_start_tells_is_judged(
    start: dict[str, Any], end: dict[str, Any], heard: str
) -> None:
    """A client may keep it, though the finished item leaves it out."""
    stream = responses(end={**MCP, **end}, start=start, final=[])
    assert [name for name, _ in run("responses", stream)[1]] == [heard]


def test_an_item_without_a_type_is_a_functions_call() -> None:
    """And so no MCP server's, though that was judged."""
    out, judged, why = run("responses", responses(end=MCP, final=[{**MCP, "type": None}]))
    assert [name for name, _ in judged] == ["mcp.files.look"]
    assert b"response.completed" not in out
    assert "two ways" in why


def test_a_name_that_only_the_end_tells_is_judged() -> None:
    """The item alone was judged before."""
    stream = responses(end={**MCP, "server_label": ""}, final=[MCP])
    _, judged, why = run("responses", stream)
    assert why == ""
    assert [name for name, _ in judged] == ["mcp..look", "mcp.files.look"]


def test_input_told_whole_and_in_deltas_is_judged_twice_over() -> None:
    """A client that adds deltas to what the item began with has both."""
    told = "rm a; "
    custom = {**CUSTOM, "input": told}
    stream = responses(end=custom, start={"input": told}, deltas=told, done={"input": told})
    assert [said for _, said in run("responses", stream)[1]] == [told, told + told]


def test_what_settles_while_the_provider_runs_a_tool_is_no_other_call() -> None:
    """A client hears of it when it is done."""
    whole = {"id": "p", "type": "program", "call_id": "c", "code": "x"}
    stream = [
        typed_event({"type": f"response.output_item.{when}", "output_index": 0,
                     "item": {**whole, "fingerprint": when}})
        for when in ("added", "done")
    ]  # fmt: skip
    out, judged, _ = run("responses", stream)
    assert out == b"".join(stream)
    assert len(judged) == 1


def test_items_at_one_place_one_after_another_pass() -> None:
    """Some servers number nothing."""
    stream = [
        typed_event({"type": f"response.output_item.{when}", "output_index": 0,
                     "item": item(id=each, call_id=each, arguments=said)})
        for each, said in (("a", ARGUMENTS), ("b", OTHER)) for when in ("added", "done")
    ]  # fmt: skip
    assert run("responses", stream)[0] == b"".join(stream)


def test_the_end_may_repeat_items_that_stood_at_one_place() -> None:
    """Each is found by its id, and isn't judged again."""
    items = [item(id=each, call_id=each, arguments=said) for each, said in
             (("a", ARGUMENTS), ("b", OTHER))]  # fmt: skip
    stream = [
        typed_event({"type": f"response.output_item.{when}", "output_index": 0, "item": each})
        for each in items for when in ("added", "done")
    ]  # fmt: skip
    stream.append(typed_event({"type": "response.completed", "response": {"output": items}}))
    out, judged, why = run("responses", stream)
    assert why == ""
    assert out == b"".join(stream)
    assert len(judged) == 2


def test_an_item_without_arguments_after_deltas_is_judged_both_ways() -> None:
    """A client may take what streamed, or what the item says."""
    stream = responses(end=item(arguments=""), done={"arguments": ""})
    out, judged, _ = run("responses", stream)
    assert out == b"".join(stream)
    assert judged == [("look", ""), ("look", ARGUMENTS)]


def test_an_event_that_names_one_call_by_place_and_another_by_id_is_refused() -> None:
    """A client goes by the one or by the other."""
    begun = [
        typed_event(
            {
                "type": "response.output_item.added",
                "output_index": at,
                "item": item(id=f"fc_{at}", arguments=""),
            }
        )
        for at in (0, 1)
    ]
    crossed = {"type": "response.function_call_arguments.delta", "output_index": 0,
               "item_id": "fc_1", "delta": "{}"}  # fmt: skip
    out, judged, why = run("responses", [*begun, typed_event(crossed)])
    assert (out, judged) == (END, [])
    assert "two ways" in why


def block(start: Any, *pieces: str) -> list[bytes]:
    """Return the stream of a tool's use, with its input at the start and in pieces."""
    used = messages.tool_use("look") | {"input": start}
    deltas = [{"type": "input_json_delta", "partial_json": each} for each in pieces]
    return [
        typed_event({"type": "message_start", "message": {"content": []}}),
        typed_event({"type": "content_block_start", "index": 0, "content_block": used}),
        *(typed_event({"type": "content_block_delta", "index": 0, "delta": d}) for d in deltas),
        typed_event({"type": "content_block_stop", "index": 0}),
        typed_event({"type": "message_stop"}),
    ]


@pytest.mark.parametrize("pieces", [(OTHER,), (OTHER[:4], OTHER[4:]), ("{}",)])
def test_input_at_a_blocks_start_and_other_input_in_deltas_is_refused(
    pieces: tuple[str, ...],
) -> None:
    """Some clients take the one, some the other."""
    out, judged, why = run("messages", block(json.loads(ARGUMENTS), *pieces))
    assert b"look" not in out
    assert out.endswith(END)
    assert judged == []
    assert "two ways" in why


@pytest.mark.parametrize(
    ("start", "pieces"),
    [
        ({}, (ARGUMENTS,)),
        (None, (ARGUMENTS,)),
        ("", ("", ARGUMENTS)),
        (json.loads(ARGUMENTS), ()),
        (json.loads(ARGUMENTS), ("",)),
        (json.loads(ARGUMENTS), ('{"path":', '"notes"}')),
    ],
)
def test_input_told_once_or_alike_passes(start: Any, pieces: tuple[str, ...]) -> None:
    """At the start, in deltas, or in both."""
    stream = block(start, *pieces)
    out, judged, why = run("messages", stream)
    assert why == ""
    assert out == b"".join(stream)
    assert [json.loads(said) for _, said in judged] == [json.loads(ARGUMENTS)]


def started(at: int, name: str) -> bytes:
    """Build a tool's use begins."""
    used = messages.tool_use(name) | {"input": {}}
    return typed_event({"type": "content_block_start", "index": at, "content_block": used})


def test_blocks_that_start_out_of_order_are_refused() -> None:
    """The SDK would give the one the other's input."""
    out, judged, why = run("messages", [started(1, "wipe"), started(0, "look")])
    assert (out, judged) == (END, [])
    assert "order" in why


def test_a_message_that_starts_after_its_blocks_is_refused() -> None:
    """The SDK begins with no blocks then, and counts them anew."""
    late = typed_event({"type": "message_start", "message": {"content": []}})
    out, judged, _ = run("messages", [started(0, "look"), late, started(1, "wipe")])
    assert (out, judged) == (END, [])


@pytest.mark.parametrize(
    "delta",
    [
        {"type": "signature_delta", "partial_json": OTHER},
        {"partial_json": OTHER},
        {"type": "input_json_delta", "partial_json": {"path": "/"}},
    ],
)
def test_input_under_another_name_is_refused(delta: dict[str, Any]) -> None:
    """Some readers go by the member alone."""
    grown = typed_event({"type": "content_block_delta", "index": 0, "delta": delta})
    out, judged, _ = run("messages", [started(0, "look"), grown])
    assert (out, judged) == (END, [])


def texts(name: str, stream: Sequence[bytes]) -> set[tuple[str, str]]:
    """Return the roles and texts that policy would see of a stream."""
    reader = dialect(name).open_stream(200)
    assert reader is not None
    for data in stream:
        for event in EventCutter(100_000).feed(data):
            reader.read(event)
    return {(text.role, text.text) for text in reader.answer().texts}


def test_what_a_tool_gave_back_is_a_text_of_the_tool() -> None:
    """Also where the response's end doesn't repeat it."""
    stream = responses(end={**MCP, "output": "do as I say"}, final=[])
    assert ("tool", "do as I say") in texts("responses", stream)


def test_a_text_is_joined_with_what_it_began_with() -> None:
    """As clients join it."""
    place = {"output_index": 0, "content_index": 0, "item_id": "m"}
    begun = {"type": "output_text", "text": "SEC"}
    stream = [
        typed_event({"type": "response.content_part.added", **place, "part": begun}),
        typed_event({"type": "response.output_text.delta", **place, "delta": "RE"}),
        typed_event(
            {"type": "response.output_text.delta", **place, "delta": "T", "logprobs": [{"a": "b"}]}
        ),
    ]
    assert ("assistant", "SECRET") in texts("responses", stream)
    delta = {"type": "text_delta", "text": "RET", "note": "x"}
    stream = [
        typed_event({"type": "content_block_start", "index": 0,
                     "content_block": {"type": "text", "text": "SEC"}}),
        typed_event({"type": "content_block_delta", "index": 0, "delta": delta}),
    ]  # fmt: skip
    assert ("assistant", "SECRET") in texts("messages", stream)


NAMES = st.sampled_from(["look", "wipe"])
SAID = st.sampled_from([ARGUMENTS, OTHER, "", "{}"])


@given(st.tuples(NAMES, NAMES, NAMES), st.tuples(SAID, SAID, SAID, SAID, SAID))
@settings(max_examples=300, deadline=None)
def test_what_a_reader_would_hold_of_what_left_was_judged(
    names: tuple[str, str, str], said: tuple[str, str, str, str, str]
) -> None:
    """Whichever telling a client believes, policy has heard it."""
    stream = responses(
        start={"name": names[0], "arguments": said[0]},
        deltas=said[1],
        done={"name": names[1], "arguments": said[2]},
        end=item(name=names[1], arguments=said[3]),
        final=[item(name=names[2], arguments=said[4])],
    )
    out, judged, _ = run("responses", stream)
    assert readings(out) <= {(name, _meaning(said)) for name, said in judged}


def readings(out: bytes) -> set[tuple[str, str]]:
    """Return what clients that believe the start, the deltas, the item or the end hold."""
    found: set[tuple[str, str]] = set()
    name, grown = "", ""
    for line in out.split(b"\n"):
        event = json.loads(line[6:]) if line.startswith(b"data: ") else {}
        for told in [event.get("item"), *event.get("response", {}).get("output", ())]:
            if told is not None:
                name = name or told["name"]
                found.add((told["name"], _meaning(told["arguments"])))
        grown += event.get("delta", "")
        if event.get("type", "").endswith("arguments.done"):
            found.add((name, _meaning(grown)))
            found.add((event.get("name", name), _meaning(event["arguments"])))
    return {(each, said) for each, said in found if said != "{}"}


def _meaning(said: str) -> str:
    return json.dumps(json.loads(said or "{}"))


def test_the_models_of_readers_find_every_telling() -> None:
    """Or the property above would hold of anything."""
    stream = responses({"name": "a"}, OTHER, {"name": "b", "arguments": "[1]"}, item(name="c"))
    assert {("a", _meaning(OTHER)), ("b", "[1]"), ("c", _meaning(ARGUMENTS))} <= readings(
        b"".join(stream)
    )


@pytest.mark.parametrize("before", [True, False], ids=["before the item is done", "after"])
def test_an_event_of_another_kind_than_its_item_is_refused(before: bool) -> None:
    """A client that acts on the event would run a function where an MCP call was judged."""
    call = {"id": "mcp_1", "type": "mcp_call", "server_label": "files", "name": "look",
            "arguments": ARGUMENTS, "status": "completed"}  # fmt: skip
    added, done = (
        typed_event({"type": f"response.output_item.{step}", "output_index": 0, "item": item})
        for step, item in (("added", {**call, "arguments": ""}), ("done", call))
    )
    told = part("done", item_id="mcp_1", name="look", arguments=ARGUMENTS)
    out, judged, why = run("responses", [added, told, done] if before else [added, done, told])
    assert "in two ways" in why
    assert told not in out
    assert all(name == "mcp.files.look" for name, _ in judged)


def test_a_call_beside_a_part_of_another_is_refused() -> None:
    """Clients of a socket may read a response's items out of any event."""
    added = typed_event({"type": "response.output_item.added", "output_index": 0, "item": item()})
    beside = part("delta", item_id="fc_1", delta="{", response={"output": [item(name="move")]})
    out, judged, _ = run("responses", [added, beside])
    assert b"move" not in out
    assert judged == []
