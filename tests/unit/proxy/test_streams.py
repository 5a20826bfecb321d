"""The function that mitmproxy calls with each chunk: no exception leaves it, a failure is final."""

from __future__ import annotations

import logging

import pytest

from helm_boundary.dialects import dialect
from helm_boundary.enforcement.fallback_reply import NO_VERDICT
from helm_boundary.enforcement.reply import Reply
from helm_boundary.policy.decision import ALLOW, Decision
from helm_boundary.proxy.stream_feed import OursOnly, feed_from
from helm_boundary.streaming.gate import Gate


def gate_that(judge: object) -> Gate:
    """Build a chat gate with that judge."""
    stream = dialect("chat").open_stream(200)
    assert stream is not None
    return Gate(stream, judge, lambda _: b"<error>")  # type: ignore[arg-type]


CALL = (
    b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"n",'
    b'"arguments":"{}"}}]},"finish_reason":"tool_calls"}]}\n\n'
)
TEXT = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'


def test_a_fault_shuts_the_stream_for_good(caplog: pytest.LogCaptureFixture) -> None:
    """One error event; what comes after is swallowed; the gate knows that it was stopped."""

    def judge(_: object) -> Decision:
        raise ZeroDivisionError

    gate = gate_that(judge)
    feed = feed_from(gate)
    assert feed(TEXT) == [TEXT]
    with caplog.at_level(logging.CRITICAL):
        (told,) = feed(CALL)
    assert b'"code":"PDP_ERROR"' in told
    assert told.startswith(b"data: ")
    assert told.endswith(b"\n\n")
    assert feed(TEXT) == []
    assert feed(b"") == []
    assert gate.stopped is NO_VERDICT


def test_a_held_chunk_is_an_empty_list_never_empty_bytes() -> None:
    """`b""` would end a chunked response in good order."""
    feed = feed_from(gate_that(lambda _: Decision(ALLOW, ())))
    half = len(CALL) // 2
    assert feed(CALL[:half]) == []
    assert b"".join(feed(CALL[half:])) == CALL
    assert feed(b"") == []


def test_a_reply_of_ours_streams_once_and_nothing_of_theirs() -> None:
    """All of it at the first chunk, whatever that is."""
    ours = OursOnly(Reply(403, (("Content-Type", "application/json"),), b"{}"))
    response = ours.response()
    assert response.stream is ours
    assert (ours(b"theirs"), ours(b"more of theirs"), ours(b"")) == ([b"{}"], [], [])
    untouched = OursOnly(Reply(403, (), b"{}"))
    response = untouched.response()
    response.content = b"theirs"
    untouched.finish(response)
    assert response.content == b"{}"
