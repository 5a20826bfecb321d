"""Turns of large uploads, whether or not somebody told how long they are."""

from __future__ import annotations

import asyncio
import time

import pytest

from helm_boundary.proxy.patches.upload_turns import AT_ONCE, LARGE, UploadTurns

MEBIBYTE = 1 << 20


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time, in seconds, which stands still until a test sets it."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def reading(turns: UploadTurns, keys: str) -> str:
    """Say which uploads may be read at full speed."""
    return "".join(key for key in keys if turns.may_go_on(key))


@pytest.mark.usefixtures("clock")
def test_small_bodies_of_unknown_length_wait_for_nobody() -> None:
    """Most requests in chunks are calls, many at a time."""
    turns = UploadTurns()
    turns.begin("a", str(AT_ONCE))
    keys = "bcdefghijklmnopqrstuvwxyz"
    for key in keys:
        turns.begin(key, None)
        turns.note_piece(key, LARGE)
    assert reading(turns, keys) == keys


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("size", [12, 20, 64])
def test_large_bodies_of_unknown_length_take_turns(size: int) -> None:
    """All come to their end, and those that are here in part stay within bounds."""
    turns, keys = UploadTurns(), "abcdefghij"
    came = dict.fromkeys(keys, 0)
    for key in keys:
        turns.begin(key, None)
    most = 0
    while came:
        for key in reading(turns, "".join(came)):
            came[key] += 1
            turns.note_piece(key, MEBIBYTE)
            if came[key] == size:
                turns.note_whole(key)
                turns.end_all(key)
                del came[key]
        most = max(most, sum(came.values()))
    assert most * MEBIBYTE <= AT_ONCE + size * MEBIBYTE


def test_a_slow_client_counts_by_what_has_come_and_a_busy_machine_doesnt(
    clock: list[float],
) -> None:
    """A machine that takes long for each would otherwise take more of them at a time."""
    turns = UploadTurns()
    turns.begin("a", str(AT_ONCE))
    turns.begin("b", str(20 * MEBIBYTE))
    turns.note_piece("a", 20 * MEBIBYTE)
    clock[0] += 5
    assert reading(turns, "ab") == "a"
    clock[0] += 4
    turns.begin("c", str(2 * MEBIBYTE))
    assert reading(turns, "abc") == "a"
    turns.note_piece("a", -19 * MEBIBYTE)  # had it sent so little
    assert reading(turns, "abc") == "abc"


def test_answers_that_take_minutes_dont_keep_the_next_upload_waiting(clock: list[float]) -> None:
    """One more begins each ten seconds."""
    turns = UploadTurns()
    for key in "abc":
        turns.begin(key, str(AT_ONCE))
    turns.note_whole("a")
    for passed, expected in ((9, "a"), (2, "ab"), (2, "ab"), (9, "abc")):
        clock[0] += passed
        assert reading(turns, "abc") == expected


def test_the_end_of_a_turn_is_not_the_end_of_the_next_on_the_connection() -> None:
    """A client sends its next upload as soon as it has the answer to the last."""

    async def twice() -> str:
        turns = UploadTurns()
        turns.begin("a", str(AT_ONCE))
        turns.end_soon("a")
        turns.begin("a", str(AT_ONCE))
        await asyncio.sleep(0.1)
        turns.begin("b", str(AT_ONCE))
        return reading(turns, "ab")

    assert asyncio.run(twice()) == "a"
