"""What mitmproxy gets for each chunk: no exception leaves, and a failure is final."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from helm_boundary.enforcement.fallback_reply import NO_VERDICT
from helm_boundary.enforcement.reply import Reply
from helm_boundary.evaluation.aside import aside
from helm_boundary.policy.decision import ALLOW, Decision
from helm_boundary.proxy import stream_feed
from helm_boundary.proxy.stream_feed import GateFeed, OursOnly
from helm_boundary.streaming.gate import Gate, NeedsVerdict, Question, Release, Step
from helm_boundary.streaming.keep_alive import KeepAlive
from support.gates import open_gate


def feed_of(
    gate: Gate, judge: Callable[[], Decision], is_alone: Callable[[], bool] = lambda: False
) -> GateFeed:
    """Open a feed whose questions are answered by that judge, beside other calls."""

    async def answer(question: Question) -> list[Step]:
        if isinstance(question, NeedsVerdict):
            return gate.resume(judge())
        return [Release((b"<error>",))]

    return GateFeed(gate, answer, KeepAlive(b": alive\n\n"), is_alone)


CALL = (
    b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"n",'
    b'"arguments":"{}"}}]},"finish_reason":"tool_calls"}]}\n\n'
)
TEXT = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'


def settle(feed: GateFeed) -> list[bytes]:
    """Have everything answered that is due; returns what may leave then."""

    async def settle_all() -> list[bytes]:
        while feed.asks:
            await feed.settle()
        return feed.settled()

    return asyncio.run(settle_all())


def test_a_fault_shuts_the_stream_for_good(caplog: pytest.LogCaptureFixture) -> None:
    """One error event; what comes after is swallowed; the gate knows that it was stopped."""

    def judge() -> Decision:
        raise ZeroDivisionError

    gate = open_gate("chat")
    feed = feed_of(gate, judge)
    assert feed.take(TEXT) == [TEXT]
    assert feed.take(CALL) == []
    with caplog.at_level(logging.CRITICAL):
        (told,) = settle(feed)
    assert b'"code":"PDP_ERROR"' in told
    assert told.startswith(b"data: ")
    assert told.endswith(b"\n\n")
    assert feed.take(TEXT) == []
    assert feed.finish() == []
    assert gate.stopped is NO_VERDICT


def test_a_held_chunk_is_an_empty_list_never_empty_bytes() -> None:
    """`b""` would end a chunked response in good order."""
    feed = feed_of(open_gate("chat"), lambda: Decision(ALLOW, ()))
    half = len(CALL) // 2
    assert feed.take(CALL[:half]) == []
    assert feed.take(CALL[half:]) == []
    assert b"".join(settle(feed)) == CALL
    assert feed.finish() == []


def test_nothing_passes_where_mitmproxy_itself_calls() -> None:
    """Without our own layer, which can wait, a stream is silent."""
    assert feed_of(open_gate("chat"), lambda: Decision(ALLOW, ()))(TEXT) == []


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


def test_others_have_their_turn_while_a_stream_is_read() -> None:
    """A chunk of very many events is read a piece at a time; its end waits behind it."""
    feed = feed_of(open_gate("chat"), lambda: Decision(ALLOW, ()))
    sent = b":\n\n" * 100_000 + TEXT

    async def pass_all() -> tuple[bytes, int]:
        out, turns = b"".join(feed.take(sent)), 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        others = asyncio.create_task(count())
        while feed.asks:
            await feed.settle()
            out += b"".join(feed.settled())
        others.cancel()
        return out + b"".join(feed.finish()), turns

    out, turns = asyncio.run(pass_all())
    assert out == sent
    assert turns > 20


@pytest.mark.parametrize("alone", [True, False])
def test_a_stream_waits_only_where_there_are_others(
    alone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pauses are as long as its work where other calls are under way, and else no time."""
    waited: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        waited.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr(asyncio, "sleep", noted)
    feed = feed_of(open_gate("chat"), lambda: Decision(ALLOW, ()), lambda: alone)
    sent = b":\n\n" * 50_000 + TEXT
    assert b"".join([*feed.take(sent), *settle(feed), *feed.finish()]) == sent
    assert len(waited) > 5
    assert not any(waited) if alone else all(waited)


def test_a_large_event_is_read_aside_and_passes_as_it_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And what comes behind it waits for it."""
    monkeypatch.setattr(stream_feed.Pace, "SECONDS", 60)  # however busy the machine is
    feed = feed_of(open_gate("chat"), lambda: Decision(ALLOW, ()))
    large = TEXT.replace(b'"x"', b'"%b"' % (b"x" * 300_000))
    assert feed.take(large[:250_000]) == []
    assert not feed.asks
    out = feed.take(large[250_000:] + TEXT)
    assert (out, feed.asks) == ([], True)
    assert feed.finish() == []
    assert b"".join(settle(feed)) == large + TEXT


def test_small_events_are_read_at_once_however_much_is_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file of 100 KB in a tool call's arguments is ten thousand of them."""
    read_aside: list[int] = []

    async def noted[T](size: int, work: Callable[[], T]) -> T:
        read_aside.append(size)
        return await aside(size, work)

    monkeypatch.setattr(stream_feed, "aside", noted)
    feed = feed_of(open_gate("chat"), lambda: Decision(ALLOW, ()))
    piece = CALL.replace(b'"name":"n",', b"").replace(b'"{}"', b'"' + b" " * 500 + b'"')
    piece = piece.replace(b',"finish_reason":"tool_calls"', b"")
    begun = CALL.replace(b',"finish_reason":"tool_calls"', b"")
    sent = [begun, *[piece] * 400, CALL.replace(b'"{}"', b'""')]
    left: list[bytes] = []
    for event in sent:
        left += feed.take(event)
        left += settle(feed)
    assert b"".join(left) == b"".join(sent)
    assert read_aside == []


def test_a_fault_in_a_large_event_shuts_the_stream() -> None:
    """Read aside or not, a refusal ends it, and nothing of the event leaves."""
    feed = feed_of(open_gate("chat"), lambda: Decision(ALLOW, ()))
    assert feed.take(b"data: " + b"x" * 300_000) == []
    assert feed.take(b"\n\n" + TEXT) == []
    assert b"".join(settle(feed)) == b"<error>"
    assert feed.take(TEXT) == []
