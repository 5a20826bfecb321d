"""Rates, calls at a time, runs and shadows, with clients that wait where they may."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import openai
import pytest

from support.budgets import budget_scene
from support.messages import reply_to_message
from support.scene import Scene
from support.upstream import Pause, Recorded, Reply, reply_to_chat

anthropic = pytest.importorskip("anthropic", reason="the anthropic SDK isn't installed")
MESSAGES: Any = [{"role": "user", "content": "Hello"}]
DATA = {
    "groups": {"team": {"principals": ["nobody-here"]}},
    "budgets": {
        "spent": {"match": {"models": ["spent*"]}, "limit": {"calls": 0}, "window": "hour"},
        "shade": {"match": {"models": ["shade"]}, "limit": {"calls": 1}, "shadow": True},
        "team": {"match": {"groups": ["team"]}, "limit": {"calls": 0}},
    },
    "limits": {
        "rate": {"match": {"models": ["paced"]}, "calls": 60, "burst": 2, "retry": True},
        "hard": {"kind": "rate", "match": {"models": ["strict"]}, "calls": 1, "window": "hour"},
        "in_flight": {"match": {"models": ["slow"]}, "calls": 2},
        "run": {"per": ["session"], "match": {"models": ["run"]}, "calls": 2},
    },
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start one boundary for these tests."""
    with budget_scene(tmp_path_factory.mktemp("limits"), DATA) as stage:
        yield stage


@pytest.fixture
def stage(shared: Scene) -> Scene:
    """Return the scene with an upstream that answers by itself."""
    shared.upstream.answer(lambda _: None)
    shared.upstream.requests.clear()
    return shared


def test_sdks_wait_out_a_rate_where_data_lets_them(stage: Scene) -> None:
    """Two at once, the third a second later, by `retry-after`: no exception, no call too many."""
    client = openai.OpenAI(base_url=stage.boundary.url + "/v1", api_key="key", max_retries=3)
    began = time.monotonic()
    for _ in range(3):
        client.chat.completions.create(model="paced", messages=MESSAGES)
    assert 0.8 < time.monotonic() - began < 6
    assert len(stage.upstream.requests) == 3


def test_the_anthropic_sdk_waits_too(stage: Scene) -> None:
    """The same 429."""
    stage.upstream.answer(reply_to_message)
    client = anthropic.Anthropic(base_url=stage.boundary.url, api_key="key", max_retries=5)
    for _ in range(3):
        client.messages.create(model="paced", max_tokens=9, messages=MESSAGES)
    assert len(stage.upstream.requests) == 3


def test_a_rate_without_retry_is_one_typed_exception(stage: Scene) -> None:
    """403, and not asked again."""
    client = openai.OpenAI(base_url=stage.boundary.url + "/v1", api_key="key")
    client.chat.completions.create(model="strict", messages=MESSAGES)
    with stage.untouched(), pytest.raises(openai.PermissionDeniedError) as refused:
        client.chat.completions.create(model="strict", messages=MESSAGES)
    assert refused.value.response.json()["helm"]["budget"]["kind"] == "rate"


def test_the_anthropic_sdk_meets_a_spent_budget(stage: Scene) -> None:
    """One typed exception with the reset time in its message, and no request."""
    client = anthropic.Anthropic(base_url=stage.boundary.url, api_key="key")
    with stage.untouched(), pytest.raises(anthropic.PermissionDeniedError) as refused:
        client.messages.create(model="spent-1", max_tokens=9, messages=MESSAGES)
    error = refused.value.response.json()["error"]
    assert error["code"] == "BUDGET_EXCEEDED"
    assert error["resets_at"] in str(refused.value)


def test_calls_at_a_time_are_bounded_and_given_back(stage: Scene) -> None:
    """Two go on, a third is refused; when they have ended, others pass."""
    reached = threading.Semaphore(0)

    def answer(request: Recorded) -> Reply:
        reached.release()
        reply = reply_to_chat(request)
        return replace(reply, steps=(Pause(1.0), *reply.steps))

    stage.upstream.answer(answer)
    with ThreadPoolExecutor(2) as pool:
        going = [pool.submit(stage.chat, model="slow") for _ in range(2)]
        assert all(reached.acquire(timeout=10) for _ in going)
        refused = stage.chat(model="slow")
        assert refused.json()["helm"]["budget"] == {"name": "in_flight", "kind": "calls"}
        assert [each.result().status for each in going] == [200, 200]
    stage.upstream.answer(lambda _: None)
    assert stage.chat(model="slow").status == 200


def test_a_run_ends_when_its_calls_are_used_up(stage: Scene) -> None:
    """By session; another one begins anew, and calls of no session aren't a run."""
    client = openai.OpenAI(base_url=stage.boundary.url + "/v1", api_key="key")

    def ask(session: str | None) -> None:
        headers = {"X-Helm-Session": session} if session else {}
        client.chat.completions.create(model="run", messages=MESSAGES, extra_headers=headers)

    for session in ("one", "one", None, None, None, "two"):
        ask(session)
    with stage.untouched(), pytest.raises(openai.PermissionDeniedError) as refused:
        ask("one")
    assert "begin another session" in refused.value.message
    ask("two")


def test_a_shadow_counts_and_refuses_nothing(stage: Scene) -> None:
    """Its receipts say that it would have."""
    for _ in range(3):
        told = stage.chat(model="shade")
        assert told.status == 200
    (line,) = stage.records(told.correlation)[0]["budget"]
    assert (line["shadow"], line["after"]["calls"]) == (True, 3)


def test_a_group_without_the_caller_is_not_about_the_call(stage: Scene) -> None:
    """A budget of nothing for a team refuses nobody else."""
    assert stage.chat().status == 200
