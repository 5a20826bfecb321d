"""Definitions in data: read as they are meant, or refused with their place."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from helm_boundary.budgets.definition_data import read_definitions
from helm_boundary.budgets.prices import read_prices
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.default_folder import default_policy_folder
from helm_boundary.policy.sources.settings import SCHEMA

WHOLE: dict[str, Any] = {
    "budgets": {
        "research_daily": {
            "per": ["principal"],
            "match": {"principals": ["alice", "bob"], "models": ["gpt-5*"]},
            "limit": {"dollars": 20, "tokens": 2_000_000, "output_tokens": 200_000, "calls": 500},
            "window": "day",
            "timezone": "Europe/Berlin",
            "near": 0.8,
            "shadow": False,
        }
    },
    "limits": {
        "in_flight": {"per": ["key"], "calls": 8},
        "rate": {"per": ["key"], "calls": 60, "window": "minute", "burst": 10},
        "run": {"per": ["session"], "calls": 200, "minutes": 60},
        "models": {"kind": "rate", "per": ["model"], "calls": 1, "window": 30, "retry": True},
    },
    "prices": {"llama*": {"input": 0, "output": 0.5, "call": 0.01}},
}


def test_everything_that_may_be_said_is_understood() -> None:
    """As the settings' schema has it, too."""
    schema = json.loads((default_policy_folder() / SCHEMA).read_bytes())
    jsonschema.validate(WHOLE, schema)
    daily, in_flight, rate, run, models = read_definitions(WHOLE)
    assert daily.limits == (500, 2_000_000, 200_000, 20 * 10**9)
    assert daily.near == 0.8
    assert in_flight.limits[0] == 8
    assert rate.rate is not None
    assert (rate.rate.interval, rate.rate.burst) == (10**9, 10)
    assert run.lasts == 3600 * 10**9
    assert models.rate is not None
    assert models.rate.interval == 30 * 10**9
    assert models.retry


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"budgets": {"b": {}}}, "data.budgets.b.limit"),
    ({"budgets": {"b": {"limit": {}}}}, "at least one of"),
    ({"budgets": {"b": {"limit": {"cals": 3}}}}, "data.budgets.b.limit.cals"),
    ({"budgets": {"b": {"limit": {"calls": -1}}}}, "data.budgets.b.calls|limit.calls"),
    ({"budgets": {"b": {"limit": {"calls": 1.5}}}}, "whole number"),
    ({"budgets": {"b": {"limit": {"calls": True}}}}, "whole number"),
    ({"budgets": {"b": {"limit": {"dollars": "many"}}}}, "dollars"),
    ({"budgets": {"b": {"limit": {"calls": 1}, "window": "fortnight"}}}, "b.window"),
    ({"budgets": {"b": {"limit": {"dollars": "1e999999"}}}}, "dollars"),
    ({"budgets": {"b": {"limit": {"calls": 1}, "window": 1 << 40}}}, "b.window"),
    ({"limits": {"rate": {"calls": 5, "window": 1 << 40}}}, "window"),
    ({"budgets": {"b": {"limit": {"calls": 1}, "timezone": "Mars/Base"}}}, "b.timezone"),
    ({"budgets": {"b": {"limit": {"calls": 1}, "near": 80}}}, "b.near"),
    ({"budgets": {"b": {"limit": {"calls": 1}, "per": ["user"]}}}, "'user' is none of"),
    ({"budgets": {"b": {"limit": {"calls": 1}, "per": ["key", "key"]}}}, "each once"),
    ({"budgets": {"b": {"limit": {"calls": 1}, "shadow": "no"}}}, "true or false"),
    ({"budgets": {"b": {"limit": {"calls": 1}, "match": {"groups": ["x"]}}}}, "no group 'x'"),
    ({"budgets": {"b": {"limit": {"calls": 1}, "match": {"models": "x"}}}}, "list of names"),
    ({"budgets": {"a:b": {"limit": {"calls": 1}}}}, "letters, digits"),
    ({"budgets": [1]}, "data.budgets"),
    ({"limits": {"speed": {"calls": 1}}}, "limits.speed.kind"),
    ({"limits": {"rate": {"calls": 0}}}, "at least one call"),
    ({"limits": {"rate": {"calls": 5, "window": "month"}}}, "window"),
    ({"limits": {"rate": {"calls": 5, "burst": 0}}}, "burst"),
    ({"limits": {"rate": {"calls": 5, "minutes": 3}}}, "rate.minutes"),
    ({"limits": {"run": {}}}, "calls, minutes or both"),
    ({"limits": {"in_flight": {}}}, "in_flight.calls"),
    ({"budgets": {"x": {"limit": {"calls": 1}}},
      "limits": {"x": {"kind": "rate", "calls": 1}}}, "has this name"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "expected"), WRONG, ids=[each[1] for each in WRONG])
def test_what_is_not_understood_is_refused_with_its_place(
    data: dict[str, Any], expected: str
) -> None:
    """A misspelt budget must not be none."""
    with pytest.raises(PolicyError, match=expected):
        read_definitions(data)


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ({"m": {"input": 1}}, "input and output"),
        ({"m": {"input": 1, "output": "2"}}, "prices.m.output"),
        ({"m": {"input": 1, "output": 2, "sound": 3}}, "prices.m.sound"),
        ({"m": 3}, "prices.m"),
    ],
)
def test_what_is_no_price_is_refused(prices: dict[str, Any], expected: str) -> None:
    """With its place."""
    with pytest.raises(PolicyError, match=expected):
        read_prices({"prices": prices}, tables=False)
