"""Two boundaries on one state folder, under load and killed: never more than the budget has."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from helm_receipts.layout import Layout
from support.boundary import Boundary
from support.budgets import assert_books, two_boundaries
from support.scene import Scene, chat_body

CONNECTIONS = 16


def _hammer(url: str, stop: threading.Event, found: Counter[int]) -> None:
    """Call until the budget is spent; a boundary that was killed is one that isn't there."""
    with httpx.Client(timeout=20) as client:
        while not stop.is_set():
            try:
                answer = client.post(
                    url + "/v1/chat/completions",
                    content=chat_body(),
                    headers={"Content-Type": "application/json"},
                )
            except httpx.HTTPError:
                return
            found[answer.status_code] += 1
            if answer.status_code == 403:
                assert answer.json()["error"]["code"] == "BUDGET_EXCEEDED", answer.text
                return


def _load(stages: tuple[Scene, ...], stop: threading.Event) -> Counter[int]:
    found: Counter[int] = Counter()
    with ThreadPoolExecutor(CONNECTIONS * len(stages)) as pool:
        for stage in stages:
            for _ in range(CONNECTIONS):
                pool.submit(_hammer, stage.boundary.url, stop, found)
    return found


def test_two_processes_with_sixteen_connections_each_give_exactly_k(tmp_path: Path) -> None:
    """Whatever races: the upstream sees k calls, and each process is refused the rest."""
    data = {"budgets": {"all": {"limit": {"calls": 150}, "window": "month"}}}
    with two_boundaries(tmp_path, data) as stages:
        found = _load(stages, threading.Event())
        assert len(stages[0].upstream.requests) == 150
        assert found[200] == 150
        assert found[403] == 2 * CONNECTIONS


@pytest.mark.parametrize("kills", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_a_killed_process_loses_no_reservation(tmp_path: Path, kills: int) -> None:
    """Killed again and again under load: in the end the upstream saw as many as are charged."""
    data = {"budgets": {"all": {"limit": {"calls": 100 * kills}, "window": "month"}}}
    with two_boundaries(tmp_path, data) as (first, second):
        for _ in range(kills):
            stop = threading.Event()
            with ThreadPoolExecutor(1) as pool:
                load = pool.submit(_load, (first, second), stop)
                time.sleep(0.5)
                first.boundary.kill()
                time.sleep(0.2)
                stop.set()
                load.result()
            first.boundary.start()
        found = _load((first, second), threading.Event())
        assert found[403] == 2 * CONNECTIONS
        seen = len(first.upstream.requests)
        _assert_charged(first.boundary, seen, 100 * kills)


def _assert_charged(boundary: Boundary, seen: int, most: int) -> None:
    """Assert that what the upstream saw is what was charged, but for calls that died unsent.

    A call whose receipt is durable and whose process died before it left is charged: nobody can
    know. Such calls are marked as estimates.
    """
    assert seen <= most
    books = assert_books(Layout(boundary.state))
    (amounts,) = books.settled.values()
    assert amounts.calls == most
    assert most - seen <= books.estimated
