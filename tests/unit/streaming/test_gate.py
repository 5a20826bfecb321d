"""The gate as the sans-IO thing it is: bytes and decisions in, bytes and questions out."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helm_boundary.calls.refusal import Refusal, schema_violation
from helm_boundary.policy.decision import ALLOW, DENY, Decision, Reason
from helm_boundary.streaming.gate import (
    MAX_HELD,
    NEXT,
    Gate,
    GateError,
    NeedsVerdict,
    Release,
    Signal,
    State,
    Step,
    Stop,
)
from helm_boundary.streaming.message_cutter import MessageCutter
from helm_boundary.streaming.sse import Event
from helm_boundary.streaming.stream import UnheldStream
from support import responses
from support.gates import END, Drive, open_gate

YES = Decision(ALLOW, ())
NO = Decision(DENY, (Reason("POLICY_VIOLATION", "test", "no", "ungranted"),))
ITEMS = [
    responses.message("héllo"),
    responses.function_call("one", '{"a": 1}'),
    responses.message("in between"),
    responses.function_call("two", '{"b": 2}'),
    responses.function_call("three", "{}"),
]
EVENTS = list(responses.response_events({"model": "m"}, ITEMS))
STREAM = b"".join(EVENTS)
NAMES = ("one", "two", "three")


def question(steps: list[Step]) -> NeedsVerdict:
    """Return the question among these steps, which is the last of them."""
    assert isinstance(steps[-1], NeedsVerdict)
    return steps[-1]


def asked_gate(max_held: int = MAX_HELD) -> tuple[Gate, int]:
    """Feed a gate until it asks; returns it, and how many events it has been fed."""
    gate = open_gate("responses", max_held=max_held)
    for number, event in enumerate(EVENTS, 1):
        if any(isinstance(step, NeedsVerdict) for step in gate.feed(event)):
            return gate, number
    raise AssertionError("the gate never asked")


def test_the_table_has_every_state_and_signal() -> None:
    """SHUT and ENDED are final, and nothing else is."""
    assert {state for state, _ in NEXT} == set(State) - {State.SHUT, State.ENDED}
    assert {signal for _, signal in NEXT} == set(Signal)
    assert set(NEXT.values()) == set(State)


def test_each_call_is_asked_about_in_its_turn() -> None:
    """What follows a call comes only once it was allowed."""
    gate, number = asked_gate()
    for event in EVENTS[number:]:
        assert gate.feed(event) == []
    assert gate.finish() == []
    names = []
    steps = gate.resume(YES)
    while isinstance(steps[-1], NeedsVerdict):
        names += [call.name for call in steps[-1].tell().tool_calls]
        steps = gate.resume(YES)
    assert names == ["two", "three"]
    assert gate.state is State.ENDED


@settings(max_examples=200, deadline=None)
@given(
    cuts=st.sets(st.integers(1, len(STREAM) - 1), max_size=20),
    patience=st.integers(0, 25),
    denied=st.none() | st.sampled_from(NAMES),
)
def test_neither_chunks_nor_delays_make_a_difference(
    cuts: set[int], patience: int, denied: str | None
) -> None:
    """The bytes that leave depend on the events and the decisions alone."""

    def run(chunks: list[bytes], patience: int) -> bytes:
        gate = open_gate("responses")
        return Drive(
            gate,
            lambda answer: NO if denied in {call.name for call in answer.tool_calls} else YES,
            patience=patience,
        ).run(chunks)

    places = [0, *sorted(cuts), len(STREAM)]
    out = run([STREAM[a:b] for a, b in itertools.pairwise(places)], patience)
    assert out == run([STREAM], 0)
    assert (out == STREAM) is (denied is None)
    if denied is not None:
        assert out.endswith(END)
        assert STREAM.startswith(out.removesuffix(END))
        assert f'"{denied}"'.encode() not in out


def test_a_no_is_final() -> None:
    """Nothing leaves after it, whatever comes, and no further decision counts."""
    gate, number = asked_gate()
    assert gate.resume(NO) == [Stop(NO)]
    assert gate.stopped is NO
    assert [gate.feed(event) for event in EVENTS[number:]] == [[]] * len(EVENTS[number:])
    assert gate.finish() == []
    assert gate.resume(YES) == []


def test_what_waits_is_bounded() -> None:
    """Bytes that come while a verdict is due count too; the late decision finds the gate shut."""
    gate, _ = asked_gate(max_held=2_000)
    steps: list[Step] = []
    while not steps:
        steps = gate.feed(b": " + b"x" * 500 + b"\n\n")
    assert isinstance(steps[-1], Stop)
    assert isinstance(steps[-1].why, Refusal)
    assert "2000 bytes wait" in steps[-1].why.message
    assert gate.resume(YES) == []


def test_a_gate_is_shut_once() -> None:
    """What was asked of it may be refused after too much came meanwhile; the first why stays."""
    gate, _ = asked_gate()
    first, second = schema_violation("too much"), schema_violation("it can't be told")
    assert gate.refuse(first) == [Stop(first)]
    assert gate.refuse(second) == []
    assert gate.stopped is first


def test_a_stream_that_ends_inside_a_call_is_shut() -> None:
    """What was held never leaves."""
    gate = open_gate("responses")
    begun = next(n for n, event in enumerate(EVENTS, 1) if b'"one"' in event)
    out = [step for event in EVENTS[:begun] for step in gate.feed(event)]
    assert all(isinstance(step, Release) for step in out)
    (stop,) = gate.finish()
    assert isinstance(stop, Stop)
    assert gate.state is State.SHUT


def test_driving_it_wrongly_is_an_error() -> None:
    """A decision that nobody asked for, and bytes after the end."""
    gate = open_gate("responses")
    with pytest.raises(GateError, match="didn't ask"):
        gate.resume(YES)
    gate.feed(EVENTS[0])
    gate.finish()
    with pytest.raises(GateError, match="after the end"):
        gate.feed(EVENTS[1])


class _Silent(UnheldStream):
    """A stream in which nothing is ever a tool call."""

    done = False

    def read(self, event: Event) -> None:
        """Take anything."""


def test_messages_of_a_socket_are_events_of_their_own() -> None:
    """Each leaves as it came; one that is too large shuts the gate."""
    gate = Gate(_Silent(), MessageCutter(10))  # type: ignore[arg-type]
    assert gate.feed(b"{}") == [Release((b"{}",))]
    (stop,) = gate.feed(b"x" * 11)
    assert isinstance(stop, Stop)
