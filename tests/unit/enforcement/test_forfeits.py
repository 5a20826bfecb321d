"""A call whose judgement breaks off after its reservation keeps none, and is charged it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helm_boundary.budgets.amounts import Amounts
from helm_boundary.calls.call import HttpRequest
from helm_boundary.enforcement.reply import Forward
from helm_boundary.runtime.startup import Running, start
from helm_receipts.layout import Layout
from support.budgets import stored, write_budget_policy
from support.without_proxy import configured

DATA: dict[str, Any] = {
    "budgets": {"all": {"limit": {"calls": 10}}},
    "limits": {"in_flight": {"calls": 1}},
}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Start a boundary without a proxy, with a budget."""
    boundary = start(configured(write_budget_policy(tmp_path / "policy", DATA), tmp_path / "state"))
    yield boundary
    boundary.close()


async def judged(running: Running, flow: str) -> object:
    """Judge a chat completion."""
    body = {"model": "ordinary", "messages": [{"role": "user", "content": "hello"}]}
    request = HttpRequest(
        "POST", "https", "api.openai.com", 443, "/v1/chat/completions", "",
        (("content-type", "application/json"),), json.dumps(body).encode(), flow_id=flow,
        names=("api.openai.com",),
    )  # fmt: skip
    exchange = await running.boundary.recognise(request)
    assert exchange is not None
    return await running.boundary.judge_request(exchange)


@pytest.mark.parametrize("error", [TimeoutError, asyncio.CancelledError, RuntimeError])
def test_a_judgement_that_breaks_off_holds_nothing(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """Neither its place among the calls at a time nor its tokens stay taken until a restart."""

    async def scene() -> None:
        async def broken(*_: object) -> object:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(running.boundary.recorder, "record_all", broken)
            with pytest.raises(error):
                await judged(running, "one")
        kept = stored(Layout(tmp_path / "state"))
        assert {place.scope: amounts for place, amounts in kept.items()} == {
            "all": (kept_of(kept, "all"), Amounts()),
            "in_flight": (Amounts(), Amounts()),
        }
        assert kept_of(kept, "all").calls == 1
        assert isinstance(await judged(running, "two"), Forward)

    asyncio.run(scene())


def kept_of(kept: dict[Any, tuple[Amounts, Amounts]], scope: str) -> Amounts:
    """Return what is settled of a scope."""
    return next(settled for place, (settled, _) in kept.items() if place.scope == scope)
