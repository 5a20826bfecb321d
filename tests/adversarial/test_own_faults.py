"""The boundary's own faults: wherever it raises or hangs, no verdict is a DENY."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.scene import JSON_BODY, Answer, Scene, assert_works, chat_body, scene
from support.upstream import ToolCall, Turn, reply_to_chat

FAULTS = '''\
"""Faults in the boundary's own steps, each when a request's header asks for it."""
import asyncio
from helm_boundary.proxy import held_answers, hold, requests
from helm_boundary.enforcement.responses import Answers
from helm_boundary.enforcement.streams import Streamed
from helm_boundary.enforcement.requests import Boundary
from helm_boundary.streaming.gate import Gate

hold.PATIENCE = held_answers.PATIENCE = 1.0
asked = None

def requestheaders(flow):
    global asked
    asked = flow.request.headers.get("x-fault")

def break_step(owner, name):
    step = getattr(owner, name)
    where = f"{owner.__name__.rpartition('.')[2]}.{name}"
    if asyncio.iscoroutinefunction(step):
        async def broken(*args, **more):
            if asked == "hang in " + where:
                await asyncio.sleep(60)
            if asked == "raise in " + where:
                raise ZeroDivisionError
            if asked == "give up in " + where:
                raise MemoryError
            return await step(*args, **more)
    else:
        def broken(*args, **more):
            if asked == "raise in " + where:
                raise ZeroDivisionError
            if asked == "give up in " + where:
                raise MemoryError
            return step(*args, **more)
    setattr(owner, name, broken)

for owner, names in (
    (Boundary, ("recognise", "judge_request")),
    (Answers, ("begin", "judge_response")),
    (Streamed, ("end", "judge_calls", "end_events")),
    (Gate, ("feed", "finish")),
    (requests, ("mark",)),
):
    for name in names:
        break_step(owner, name)
'''


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a boundary whose own steps fail when they are told to."""
    folder = tmp_path_factory.mktemp("faults")
    script = folder / "faults.py"
    script.write_text(FAULTS)
    with scene(folder, args=["-s", str(script)]) as stage:
        yield stage


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start the same in observe mode."""
    folder = tmp_path_factory.mktemp("observed")
    script = folder / "faults.py"
    script.write_text(FAULTS)
    with scene(folder, args=["-s", str(script)], options={"helm_mode": "observe"}) as stage:
        yield stage


def post(stage: Scene, fault: str, **changes: object) -> Answer:
    """Post a chat completion during which that fault happens."""
    return stage.post(chat_body(**changes), headers=(*JSON_BODY, ("X-Fault", fault)))


BEFORE = [
    "raise in Boundary.recognise",
    "give up in Boundary.recognise",
    "raise in Boundary.judge_request",
    "hang in Boundary.judge_request",
]


@pytest.mark.parametrize("fault", BEFORE)
def test_a_request_without_a_verdict_is_not_forwarded(stage: Scene, fault: str) -> None:
    """Not even an ordinary one; the next is none the worse."""
    with stage.untouched():
        answer = post(stage, fault)
    assert answer.status == 403
    assert answer.json()["helm"]["verdict"] == "DENY"
    assert_works(stage)


AFTER = [
    ("raise in Answers.begin", False),
    ("raise in Answers.begin", True),
    ("raise in Answers.judge_response", False),
    ("hang in Answers.judge_response", False),
]


@pytest.mark.parametrize(("fault", "stream"), AFTER)
def test_an_answer_without_a_verdict_is_not_delivered(
    stage: Scene, fault: str, *, stream: bool
) -> None:
    """Nothing of it reaches the client, and the call has one outcome."""
    stage.upstream.answer(lambda request: reply_to_chat(request, Turn("unjudged words")))
    answer = post(stage, fault, stream=stream)
    assert answer.status == 403
    assert b"unjudged" not in answer.body
    assert len(stage.records(answer.correlation)) == 2
    stage.upstream.answer(lambda _: None)
    assert_works(stage)


@pytest.mark.parametrize(
    "fault",
    [
        "raise in Gate.feed",
        "give up in Gate.feed",
        "raise in Gate.finish",
        "raise in Streamed.judge_calls",
        "hang in Streamed.judge_calls",
        "raise in Streamed.end_events",
    ],
)
def test_a_stream_whose_gate_fails_is_cut_off(stage: Scene, fault: str) -> None:
    """An error event for its end; no later chunk of it, and no tool call, gets through."""
    turn = Turn("", (ToolCall("forbidden", '{"path": "/etc/shadow"}'),))
    stage.upstream.answer(lambda request: reply_to_chat(request, turn))
    answer = post(stage, fault, stream=True)
    assert b"shadow" not in answer.body
    assert b'"error"' in answer.body
    assert len(stage.records(answer.correlation)) == 2
    stage.upstream.answer(lambda _: None)
    assert_works(stage)


def test_a_fault_after_the_request_receipt_has_an_outcome(stage: Scene) -> None:
    """The request's receipt says ALLOW; that it never left is said by a second one."""
    with stage.untouched():
        answer = post(stage, "raise in requests.mark")
    assert answer.status == 403
    request, outcome = stage.records(answer.correlation)
    assert (request["verdict"], outcome["outcome"]["end"]) == ("ALLOW", "killed")
    assert_works(stage)


def test_a_stream_whose_end_fails_has_an_outcome(stage: Scene) -> None:
    """What has left has left; the receipt is written all the same."""
    stage.upstream.answer(lambda request: reply_to_chat(request, Turn("ordinary words")))
    answer = post(stage, "raise in Streamed.end", stream=True)
    assert len(stage.records(answer.correlation)) == 2
    stage.upstream.answer(lambda _: None)
    assert_works(stage)


@pytest.mark.parametrize("fault", BEFORE)
def test_an_observed_request_passes_and_the_next_receipt_counts_it(
    observed: Scene, fault: str
) -> None:
    """It has no receipt; the next one says that one is missing."""
    assert post(observed, fault).status == 200
    answer = observed.chat()
    request, _ = observed.records(answer.correlation)
    assert request["event"] == {"unrecordedCalls": 1}
    request, _ = observed.records(observed.chat().correlation)
    assert "event" not in request


@pytest.mark.parametrize(("fault", "stream"), AFTER)
def test_an_observed_answer_passes(observed: Scene, fault: str, *, stream: bool) -> None:
    """Whole, and its outcome says that it was observed."""
    observed.upstream.answer(lambda request: reply_to_chat(request, Turn("unjudged words")))
    answer = post(observed, fault, stream=stream)
    observed.upstream.answer(lambda _: None)
    assert answer.status == 200
    assert b"unj" in answer.body
    _, outcome = observed.records(answer.correlation)
    assert (outcome["enforcement"], outcome["outcome"]["end"]) == ("observed", "complete")
