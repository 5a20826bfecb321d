"""The record of a flow that is followed, at each step of the flow's way."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from helm_boundary.proxy.call_tracker import CallTracker


class Answers:
    """Notes which calls have been ended, and how."""

    def __init__(self) -> None:
        self.ended: list[tuple[Any, str]] = []

    async def abandon(self, exchange: Any, end: str, *_: Any) -> None:
        """Note the end of a call."""
        self.ended.append((exchange, end))


@pytest.fixture
def running() -> Any:
    """Provide a boundary, as far as a tracker knows one."""
    return SimpleNamespace(answers=Answers(), boundary=None, engine=object())


@pytest.fixture
def tracker() -> CallTracker:
    """Provide a tracker that follows nothing yet."""
    return CallTracker()


def flow_of() -> http.HTTPFlow:
    """Build a flow of a client of its own, with a response."""
    return tflow.tflow(resp=True)


def forwarded(tracker: CallTracker, running: Any) -> http.HTTPFlow:
    """Build a flow that is a call whose request may leave."""
    flow = flow_of()
    tracker.begin(flow, running)
    tracker.forward(flow, "exchange", running)  # type: ignore[arg-type]
    tracker.clear(flow, "request")
    return flow


def test_nothing_may_leave_of_a_flow_that_is_being_judged(
    tracker: CallTracker, running: Any
) -> None:
    """No request, no connection, no response."""
    flow = flow_of()
    tracker.begin(flow, running)
    assert tracker.clearance(flow) is None
    assert not tracker.may_connect(flow.client_conn)
    assert not tracker.is_untouched(flow)
    assert tracker.forwarded(flow) is None
    assert tracker.take_released(flow) is None
    assert tracker.running(flow) is running


def test_a_call_that_is_allowed_may_leave_as_it_is(tracker: CallTracker, running: Any) -> None:
    """Its client may connect, nobody else's; its response isn't untouched traffic."""
    flow, other = forwarded(tracker, running), flow_of()
    assert tracker.clearance(flow) == "request"
    assert tracker.may_connect(flow.client_conn)
    assert not tracker.may_connect(other.client_conn)
    assert not tracker.is_untouched(flow)
    call = tracker.forwarded(flow)
    assert call is not None
    assert call.running is running
    assert tracker.uses(running)


def test_a_flow_that_is_no_call_passes_untouched(tracker: CallTracker, running: Any) -> None:
    """It keeps no boundary from being replaced."""
    flow = flow_of()
    tracker.begin(flow, running)
    tracker.clear(flow, "request")
    assert tracker.is_untouched(flow)
    assert tracker.forwarded(flow) is None
    assert not tracker.uses(running)


def test_a_response_is_released_once(tracker: CallTracker, running: Any) -> None:
    """Nothing more of its flow may connect, and after the last look nothing is left of it."""
    flow = forwarded(tracker, running)
    tracker.choose(flow, True)
    assert tracker.stream(flow) is True
    tracker.release(flow, "response")
    assert tracker.forwarded(flow) is None
    assert not tracker.may_connect(flow.client_conn)
    assert not tracker.uses(running)
    assert tracker.take_released(flow) == "response"
    assert tracker.take_released(flow) is None
    assert tracker.running(flow) is None


def test_a_flow_that_is_judged_again_is_another_call(tracker: CallTracker, running: Any) -> None:
    """What was known of it as it was before doesn't count for what it is now."""
    flow = forwarded(tracker, running)
    tracker.begin(flow, running)
    assert tracker.forwarded(flow) is None
    assert tracker.clearance(flow) is None


def test_only_a_call_that_is_alone_keeps_the_loop(tracker: CallTracker, running: Any) -> None:
    """Untouched traffic beside it doesn't count, another call does."""
    untouched = flow_of()
    tracker.begin(untouched, running)
    tracker.clear(untouched, "request")
    first = forwarded(tracker, running)
    assert tracker.turn.seconds > 0
    second = forwarded(tracker, running)
    assert tracker.turn.seconds == 0
    tracker.forget(second)
    assert tracker.turn.seconds > 0
    tracker.forget(first)
    assert tracker.turn.seconds == 0


def test_a_client_that_leaves_ends_what_it_left_behind(tracker: CallTracker, running: Any) -> None:
    """Its call that had gone to the upstream; nobody else's, and nothing twice."""
    flow, other = forwarded(tracker, running), forwarded(tracker, running)
    judging = flow_of()
    judging.client_conn = flow.client_conn
    tracker.begin(judging, running)
    asyncio.run(tracker.sweep(flow.client_conn))
    asyncio.run(tracker.sweep(flow.client_conn))
    assert running.answers.ended == [("exchange", "client_gone")]
    assert tracker.running(flow) is None
    assert tracker.running(judging) is running
    assert tracker.forwarded(other) is not None


def test_a_replay_goes_on_when_its_first_client_leaves(tracker: CallTracker, running: Any) -> None:
    """It may begin while that client is still there: the replay's answer isn't for it."""
    flow = flow_of()
    flow.is_replay = "request"
    tracker.begin(flow, running)
    tracker.forward(flow, "exchange", running)  # type: ignore[arg-type]
    tracker.clear(flow, "request")
    asyncio.run(tracker.sweep(flow.client_conn))
    assert running.answers.ended == []
    assert tracker.forwarded(flow) is not None


def test_what_comes_after_a_client_has_left_changes_nothing(
    tracker: CallTracker, running: Any
) -> None:
    """Its response may still be on its way through the hooks."""
    flow = forwarded(tracker, running)
    asyncio.run(tracker.sweep(flow.client_conn))
    tracker.choose(flow, True)
    tracker.release(flow, "response")
    tracker.forget(flow)
    assert tracker.stream(flow) is False
    assert tracker.take_released(flow) is None
