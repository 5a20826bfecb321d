"""A boundary tells of its calls without waiting for anybody."""

from __future__ import annotations

import asyncio
import json
import socket
import time

import pytest

from helm_boundary.telemetry import feed as feeds
from helm_boundary.telemetry.feed import Feed


def told(listener: socket.socket) -> list[int]:
    """Read all that comes until the end; returns the calls' numbers."""
    received = b""
    while some := listener.recv(1 << 20):
        received += some
    return [json.loads(line)["number"] for line in received.splitlines()]


def test_calls_are_told_in_lots(monkeypatch: pytest.MonkeyPatch) -> None:
    """The listener isn't woken for each."""
    monkeypatch.setattr(feeds, "_PAUSE", 0.2)

    async def tell() -> list[bytes]:
        feed, lots = Feed(), []
        feed.theirs.setblocking(False)
        for number in range(9):
            feed.tell({"number": number})
            await asyncio.sleep(0)
        for _ in range(2):
            lots.append(await asyncio.get_running_loop().sock_recv(feed.theirs, 1 << 20))
            feed.tell({"number": 9})
        feed.close()
        return lots

    first, second = asyncio.run(tell())
    assert [json.loads(line)["number"] for line in first.splitlines()] == [*range(9)]
    assert [json.loads(line)["number"] for line in second.splitlines()] == [9]


def test_what_is_left_is_told_at_the_end() -> None:
    """Also where the next lot would have come later."""

    async def tell() -> list[int]:
        feed = Feed()
        listener = feed.theirs.dup()
        for number in range(100):
            feed.tell({"number": number})
        feed.close()
        with listener:
            return told(listener)

    assert asyncio.run(tell()) == [*range(100)]


def test_what_nobody_listens_to_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without waiting; what is told later says how much was."""
    monkeypatch.setattr(feeds, "_PAUSE", 0.01)
    monkeypatch.setattr(feeds, "_PATIENCE", 0.1)

    async def tell() -> None:
        feed = Feed()
        began = time.monotonic()
        for number in range(3000):
            feed.tell({"number": number, "padding": "x" * 4000})
        assert time.monotonic() - began < 2
        assert 0 < feed.dropped < 3000
        feed.theirs.setblocking(False)
        received = b""
        while b'"number":9999' not in received:
            received += await asyncio.get_running_loop().sock_recv(feed.theirs, 1 << 20)
            feed.tell({"number": 9999})
        lines = [json.loads(line) for line in received.split(b"\n")[:-1]]
        assert [line["number"] for line in lines[:3]] == [0, 1, 2]
        assert lines[-1]["dropped"] >= 3000 - len(lines)
        feed.close()
        feed.tell({"number": 0})  # nobody is there any more

    asyncio.run(tell())
