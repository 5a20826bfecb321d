"""Prices, usage and estimates: what tokens cost, and what a call is expected to use."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from genai_prices import Usage as TableUsage
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot

from helm_boundary.budgets.amounts import NANO
from helm_boundary.budgets.estimates import UNKNOWN_OUTPUT, Estimates
from helm_boundary.budgets.prices import Prices, read_prices
from helm_boundary.budgets.usage import Used, used_of
from helm_boundary.calls.call import Call, Message, Usage
from helm_boundary.policy.errors import PolicyError

USED = Used(input=10_000, output=500, cached=4000, cache_write=1000)


@pytest.fixture(scope="module")
def prices() -> Prices:
    """Return the tables with a price of our own over them."""
    own = {"gpt-4o": {"input": 7, "output": 9}, "our-*": {"input": 1, "output": 2, "call": 0.5}}
    return read_prices({"prices": own}, tables=True)


@pytest.mark.parametrize(
    ("model", "provider", "used"),
    [
        ("gpt-4.1-mini", "openai", Used(10_000, 500, 4000)),
        ("claude-sonnet-4-5", "anthropic", USED),
        ("claude-sonnet-4-5", "anthropic", Used(300_000, 500, 1000, 1000)),
        ("gemini-2.5-pro", "google", Used(250_000, 700, 100_000)),
        ("gpt-realtime", "openai", Used(1000, 500, 0, 0, 800, 300)),
        ("gpt-realtime", "openai", Used(1000, 500, input_image=300)),
        ("claude-opus-4-1", "anthropic", Used(10_000, 500, 0, 3000, cache_write_1h=2000)),
        ("claude-sonnet-4-5", "anthropic", Used(1000, 500, searches=3)),
    ],
)
def test_a_calls_cost_is_what_the_tables_reckon(
    prices: Prices, model: str, provider: str, used: Used
) -> None:
    """In integers, to the nanodollar, tiers and all."""
    rates = prices.rates(model, provider, time.time_ns())
    assert rates is not None
    table = TableUsage(
        input_tokens=used.input,
        output_tokens=used.output,
        cache_read_tokens=used.cached,
        cache_write_tokens=used.cache_write,
        input_audio_tokens=used.input_audio,
        output_audio_tokens=used.output_audio,
        cache_write_1h_tokens=used.cache_write_1h,
        input_image_tokens=used.input_image,
        web_searches=used.searches,
    )
    expected = calc_price(table, model, provider_id=provider).total_price * NANO
    assert rates.cost(used) == -(-expected // 1)


def test_data_lies_over_the_tables(prices: Prices) -> None:
    """By name, and by the longest beginning."""
    now = time.time_ns()
    ours = prices.rates("gpt-4o", "openai", now)
    assert ours is not None
    assert ours.cost(Used(1_000_000, 1_000_000)) == 16 * NANO
    begun = prices.rates("our-model-7", None, now)
    assert begun is not None
    assert begun.cost(Used()) == NANO // 2
    assert prices.rates("nobody-s", "openai", now) is None


def test_the_digest_names_the_table() -> None:
    """Another price is another digest."""
    digests = {
        read_prices({"prices": {"m": {"input": price, "output": 1}}}, tables=False).digest
        for price in (1, 2)
    }
    assert len(digests) == 2


def test_a_price_is_read_as_it_is_written() -> None:
    """0.1 dollars are 100 million nanodollars, and not a float's nearest."""
    prices = read_prices({"prices": {"m": {"input": 0.1, "output": 0.3}}}, tables=False)
    rates = prices.rates("m", None, 0)
    assert rates is not None
    assert rates.cost(Used(3_000_000, 0)) == int(Decimal("0.3") * NANO)
    assert rates.cost(Used(1, 0)) == 100


@pytest.mark.parametrize(
    ("usage", "dialect", "expected"),
    [
        (Usage(100, 20, 40), "chat", Used(100, 20, 40)),
        (Usage(100, 20, 40, 10), "messages", Used(150, 20, 40, 10)),
        (Usage(5, 20, 4000), "chat", Used(4005, 20, 4000)),
        (Usage(None, 7), "chat", Used(0, 7)),
        (Usage(), "chat", None),
        (Usage(10, 20, None, None, 15, 4, 6), "realtime", Used(10, 20, 0, 0, 4, 6, 15)),
    ],
)
def test_usage_is_counted_once(usage: Usage, dialect: str, expected: Used | None) -> None:
    """Whether a provider counts what was cached within its input or beside it."""
    assert used_of(usage, dialect) == expected


def call(max_output: int | None = None, words: str = "Hello") -> Call:
    """Return a call to a model."""
    parameters = {} if max_output is None else {"max_output_tokens": max_output}
    message = Message("user", words, "/messages/0")
    return Call(model="m", messages=(message,), parameters=parameters)


def test_an_estimate_is_bounded_by_the_request_until_more_is_known() -> None:
    """Then by what nearly all calls of the model stay below, but for those that are strict."""
    learnt = Estimates()
    first = learnt.estimate(call(32_000), 4000, "chat")
    assert (first.output, first.most) == (32_000, 32_000)
    assert learnt.estimate(call(), 4000, "chat").output == UNKNOWN_OUTPUT
    for at in range(100):
        learnt.learn(first, "m", "chat", Used(1000, at))
    later = learnt.estimate(call(32_000), 4000, "chat")
    assert 90 <= later.output <= 100
    assert later.used(strict=True).output == 32_000
    assert learnt.estimate(call(10), 4000, "chat").output == 10


def test_the_input_is_learnt_and_never_below_the_same_conversations_last() -> None:
    """A dialect's bytes a token come near what is seen."""
    learnt = Estimates()
    for at in range(200):
        estimate = learnt.estimate(call(words=f"chat {at}"), 3000, "chat")
        learnt.learn(estimate, "m", "chat", Used(1500, 10))
    assert 1300 <= learnt.estimate(call(words="new"), 3000, "chat").input <= 1600
    dense = learnt.estimate(call(words="dense"), 3000, "chat")
    learnt.learn(dense, "m", "chat", Used(3000, 10))
    assert learnt.estimate(call(words="dense"), 3100, "chat").input >= 3000


def test_tables_that_are_not_installed_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the remedy; prices in data do without them."""
    monkeypatch.setitem(sys.modules, "genai_prices.data_snapshot", None)
    with pytest.raises(PolicyError, match=r"helm-boundary\[budgets\]"):
        read_prices({}, tables=True)
    own = read_prices({"prices": {"m": {"input": 1, "output": 1}}}, tables=True)
    assert own.rates("m", None, 0) is not None
    assert own.rates("gpt-4o", None, 0) is None


@pytest.mark.parametrize(
    ("model", "provider", "tier", "context"),
    [
        ("gpt-5", "openai", "flex", {"service_tier": "flex"}),
        ("gpt-5", "openai", "priority", {"service_tier": "priority"}),
        ("gpt-4.1", "openai", "batch", {"processing": "batch"}),
        ("claude-haiku-4-5", "anthropic", "batch", {"processing": "batch"}),
        ("claude-opus-4-8", "anthropic", "fast", {"speed": "fast"}),
        ("gpt-4o-mini", "openai", "flex", {}),  # which that model hasn't
    ],
)
def test_tiers_cost_what_the_tables_reckon(
    prices: Prices, model: str, provider: str, tier: str, context: dict[str, str]
) -> None:
    """And no more than always where a model has no such tier."""
    now = time.time_ns()
    rates, usual = prices.rates(model, provider, now, tier), prices.rates(model, provider, now)
    assert rates is not None
    _, info = get_snapshot().find_provider_model(model, None, provider, None)
    table = info.get_prices(datetime.fromtimestamp(now / 1e9, UTC), context)
    expected = table.calc_price(TableUsage(input_tokens=10_000, output_tokens=500))
    assert rates.cost(Used(10_000, 500)) == expected["total_price"] * NANO
    assert (rates != usual) is bool(context)


def test_data_has_prices_by_tier() -> None:
    """Over those of the model itself, which hold for every other tier."""
    tiers = {"flex": {"input": 0.5, "output": 1}}
    own = read_prices({"prices": {"m": {"input": 1, "output": 2, "tiers": tiers}}}, tables=False)
    found = {tier: own.rates("m", None, 0, tier) for tier in ("", "flex", "priority")}
    costs = {tier: rates.cost(Used(1000, 0)) for tier, rates in found.items() if rates is not None}
    assert costs == {"": 1_000_000, "flex": 500_000, "priority": 1_000_000}
    unread: tuple[Any, ...] = ([], {"slow": {"input": 1}}, {"flex": {"input": 1}}, {"flex": 1})
    for odd in unread:
        with pytest.raises(PolicyError, match=r"data\.prices\.m\.tiers"):
            read_prices({"prices": {"m": {"input": 1, "output": 2, "tiers": odd}}}, tables=False)
