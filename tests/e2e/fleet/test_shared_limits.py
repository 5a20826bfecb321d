"""Four boundaries on one database: one budget, one list of what waits for a person."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from helm_boundary.budgets.amounts import NOTHING
from helm_boundary.budgets.database_store import DatabaseStore
from helm_receipts.database.address import Address
from support.approvals import ask, body, write_policy
from support.boundary import Boundary
from support.budgets import write_budget_policy
from support.fleet import command, fleet_boundary
from support.scene import chat_body
from support.upstream import Upstream

BOUNDARIES = 4
JSON = {"Content-Type": "application/json"}


@contextlib.contextmanager
def fleet(
    folder: Path, database: Address, policy: Path
) -> Iterator[tuple[Upstream, list[Boundary]]]:
    """Run four boundaries on one database, before one upstream."""
    with Upstream() as upstream, contextlib.ExitStack() as running:
        found = [
            running.enter_context(
                fleet_boundary(upstream, folder / name, database, policy=policy, start_seconds=90)
            )
            for name in "abcd"
        ]
        yield upstream, found


def _spend(boundary: Boundary) -> Counter[int]:
    """Call until the budget is spent."""
    found: Counter[int] = Counter()
    with httpx.Client(timeout=60) as client:
        while not found[403]:
            url = boundary.url + "/v1/chat/completions"
            answer = client.post(url, content=chat_body(), headers=JSON)
            found[answer.status_code] += 1
            if answer.status_code == 403:
                assert answer.json()["error"]["code"] == "BUDGET_EXCEEDED", answer.text
    return found


def test_a_budget_of_k_calls_gives_exactly_k(tmp_path: Path, database: Address) -> None:
    """Over four boundaries with four connections each; the books equal what the upstream saw."""
    data = {"budgets": {"all": {"limit": {"calls": 60}, "window": "month"}}}
    policy = write_budget_policy(tmp_path / "policy", data)
    with fleet(tmp_path, database, policy) as (upstream, boundaries):
        with ThreadPoolExecutor(BOUNDARIES * 4) as pool:
            found = sum(pool.map(_spend, boundaries * 4), Counter[int]())
        assert (len(upstream.requests), found[200], found[403]) == (60, 60, BOUNDARIES * 4)
        store = DatabaseStore(database)
        (balance,) = store.balances_now()
        store.close()
        assert (balance.settled.calls, balance.reserved) == (60, NOTHING)
        done = command("budgets", "recompute", "--state", database.text, home=tmp_path)
        assert (done.returncode, done.stdout) == (0, "1 balances are what the receipts come to.\n")


def test_a_grant_that_was_given_once_is_used_once(tmp_path: Path, database: Address) -> None:
    """Asked at one boundary, decided at the command line, used at whichever comes first."""
    with fleet(tmp_path, database, write_policy(tmp_path / "policy")) as (upstream, boundaries):
        answer = ask(boundaries[0], body())
        assert answer.status == 403, answer.body
        listed = command("approvals", "list", "--state", database.text, home=tmp_path)
        assert answer.approval in listed.stdout, listed.stderr
        done = command(
            "approvals",
            "approve",
            "--yes",
            answer.approval,
            "--state",
            database.text,
            home=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        time.sleep(1)  # each boundary looks four times a second
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda boundary: ask(boundary, body()), boundaries * 2))
        assert Counter(each.status for each in answers) == {200: 1, 403: 7}
        assert len(upstream.requests) == 1


@pytest.mark.parametrize("word", ["approve", "deny"])
def test_what_is_decided_elsewhere_ends_a_wait(
    tmp_path: Path, database: Address, word: str
) -> None:
    """A call that is held at one boundary gets the answer that was given on another machine."""
    options = {"helm_on_escalate": "hold", "helm_hold_seconds": 60}
    with Upstream() as upstream:
        held = fleet_boundary(
            upstream, tmp_path / "a", database, options, policy=write_policy(tmp_path / "policy")
        )
        with held, ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(ask, held, body(), seconds=60)
            identity = _asked(database, tmp_path)
            done = command(
                "approvals", word, "--yes", identity, "--state", database.text, home=tmp_path
            )
            assert done.returncode == 0, done.stderr
            assert waiting.result().status == (200 if word == "approve" else 403)
            assert len(upstream.requests) == (1 if word == "approve" else 0)


def _asked(database: Address, home: Path) -> str:
    """Return the id of the question, once it is asked."""
    for _ in range(200):
        listed = command("approvals", "list", "--state", database.text, home=home)
        for word in listed.stdout.split():
            if word.startswith("apr_"):
                return word
    raise AssertionError("nobody was asked")
