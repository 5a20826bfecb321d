"""A budget of calls before the real mitmdump: what is spent is refused, and the upstream sees k."""

from __future__ import annotations

import random
import socket
import string
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openai
import pytest

from helm_receipts.layout import Layout
from support.approvals import until
from support.budgets import budget_scene, stored
from support.scene import Scene, chat_body

MESSAGES: Any = [{"role": "user", "content": "Hello"}]


def test_the_openai_sdk_meets_a_spent_budget(tmp_path: Path) -> None:
    """One typed exception, one request, and the time at which the budget resets."""
    data = {"budgets": {"daily": {"limit": {"calls": 3}, "window": "day"}}}
    with budget_scene(tmp_path, data) as stage:
        client = openai.OpenAI(base_url=stage.boundary.url + "/v1", api_key="key")
        for _ in range(3):
            client.chat.completions.create(model="ordinary", messages=MESSAGES)
        with stage.untouched(), pytest.raises(openai.PermissionDeniedError) as refused:
            client.chat.completions.create(model="ordinary", messages=MESSAGES)
        assert refused.value.code == "BUDGET_EXCEEDED"
        assert refused.value.response.headers["x-should-retry"] == "false"
        body = refused.value.response.json()
        assert body["error"]["budget"] == "daily"
        reset = datetime.fromisoformat(body["error"]["resets_at"])
        now = datetime.now(UTC)
        assert reset > now
        assert (reset - now).days < 1
        assert body["helm"]["budget"] == {
            "name": "daily",
            "kind": "calls",
            "resets_at": body["error"]["resets_at"],
        }
        assert body["error"]["resets_at"] in refused.value.message
        assert len(stage.upstream.requests) == 3


def test_receipts_say_what_was_reserved_and_charged(tmp_path: Path) -> None:
    """A request reserves one call of each of its scopes, and its outcome is charged it."""
    data = {
        "budgets": {
            "all": {"limit": {"calls": 10}},
            "each": {"per": ["model"], "limit": {"calls": 10}, "shadow": True},
        }
    }
    with budget_scene(tmp_path, data) as stage:
        stage.chat()
        answer = stage.chat()
        request, outcome = stage.records(answer.correlation)
    assert [line["scope"] for line in request["budget"]] == ["all", "each:model=ordinary"]
    first = request["budget"][0]
    assert (first["window"], first["before"]["calls"], first["after"]["calls"]) == ("ever", 1, 2)
    assert first["reserved"]["calls"] == 1
    assert request["budget"][1]["shadow"] is True
    assert [line["charged"]["calls"] for line in outcome["budget"]] == [1, 1]
    assert outcome["budget"][0]["after"]["calls"] == 2
    assert outcome["cost"] == {"usage": "provider"}


def test_a_key_in_place_of_a_name_is_in_no_receipt(tmp_path: Path) -> None:
    """Neither as the model nor as the session that a balance is told apart by."""
    data = {"budgets": {"each": {"per": ["model", "session"], "limit": {"calls": 9}}}}
    secret = "ghp_" + "".join(random.Random(3).choices(string.ascii_letters + string.digits, k=36))
    with budget_scene(tmp_path, data) as stage:
        headers = (("Content-Type", "application/json"), ("X-Helm-Session", secret))
        told = stage.post(chat_body(model=secret), headers=headers)
        assert told.status == 200
        (line,) = stage.records(told.correlation)[0]["budget"]
    assert secret not in line["scope"]
    assert "model=%28secret." in line["scope"]


def test_models_and_a_denied_call_cost_nothing(tmp_path: Path) -> None:
    """Listing models isn't a call that a model answers, and what policy denies isn't spent."""
    data = {"budgets": {"all": {"limit": {"calls": 1}}}}
    with budget_scene(tmp_path, data) as stage:
        assert stage.post(b"", path="/v1/models", method="GET").status == 200
        assert stage.chat(model="denied").status == 403
        assert stage.chat().status == 200
        refused = stage.post(chat_body())
        assert refused.json()["error"]["code"] == "BUDGET_EXCEEDED"
        assert stage.post(b"", path="/v1/models", method="GET").status == 200


def test_a_key_in_other_clothes_is_the_same_caller(tmp_path: Path) -> None:
    """Another blank, another spelling of its scheme, a second header: it is one key upstream."""
    clothes: list[list[tuple[str, str]]] = [
        [("Authorization", "Bearer real")],
        [("authorization", "bearer   real")],
        [("Authorization", "Bearer\treal")],
        [("Authorization", "Bearer junk"), ("Authorization", "Bearer real")],
        [("Authorization", "Bearer real"), ("x-api-key", "junk")],
        [("api-key", "real"), ("Authorization", "Basic junk")],
    ]
    data = {"budgets": {"own": {"per": ["key"], "limit": {"calls": len(clothes)}}}}
    with budget_scene(tmp_path, data) as stage:
        for worn in clothes:
            headers = [("Content-Type", "application/json"), *worn]
            assert stage.post(chat_body(), headers=headers).status == 200
        for worn in clothes:
            headers = [("Content-Type", "application/json"), *worn]
            assert stage.post(chat_body(), headers=headers).status == 403
        assert len(stage.upstream.requests) == len(clothes)


def test_calls_are_what_the_upstream_saw_whenever_clients_hang_up(tmp_path: Path) -> None:
    """Before the verdict, on the way, in the answer: and nothing stays reserved."""
    data = {"budgets": {"all": {"limit": {"calls": 1000}}}, "limits": {"in_flight": {"calls": 50}}}
    chance = random.Random(7)
    with budget_scene(tmp_path, data) as stage:

        def hang_up(number: int) -> None:
            raw = stage.request(chat_body(stream=number % 2 == 0))
            with socket.create_connection(("127.0.0.1", stage.boundary.port)) as client:
                client.sendall(raw[: chance.choice((len(raw) // 2, len(raw) - 1, len(raw)))])
                time.sleep(chance.random() * 1.5)

        with ThreadPoolExecutor(10) as pool:
            list(pool.map(hang_up, range(40)))
        until(lambda: is_charged_for(stage, len(stage.upstream.requests)) or None)


def is_charged_for(stage: Scene, calls: int) -> bool:
    """Tell whether so many calls are charged, and nothing is reserved any more."""
    kept = stored(Layout(stage.boundary.state)).values()
    is_settled = not any(any(reserved) for _, reserved in kept)
    return is_settled and sum(amounts.calls for amounts, _ in kept) == calls
