"""Prices: what a model's tokens cost, from data over the tables of `genai-prices`.

A model's rates are looked up once and kept: each look-up costs a third of a millisecond, and 1.5 MB
of tables are only read where a budget is in money.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module, metadata
from typing import Any, Final

from helm_boundary.policy.errors import PolicyError

from .amounts import NANO
from .rates import FREE, MILLION, Rate, Rates

_KEPT = 1000
_KEEP_SECONDS = 3600
"""How long a model's rates are believed, in seconds: some change by the hour, some by the date."""

_TABLE: Final = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "input_audio": "input_audio_mtok",
    "output_audio": "output_audio_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "input_image": "input_image_mtok",
    "output_image": "output_image_mtok",
    "search": "web_searches_kcount",
    "call": "requests_kcount",
}
_EACH: Final = ("call", "search")
"""What has a price for each, and not for a million; in the tables for a thousand."""
TIERS: Final = ("flex", "priority", "fast")
"""Terms on which a call may be served that have prices of their own (`service_tier`)."""
BATCH: Final = "batch"
_CONTEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    **{tier: {"service_tier": tier} for tier in TIERS},
    "fast": {"service_tier": "fast", "speed": "fast"},
    BATCH: {"processing": "batch"},
}
"""What the tables call them; `fast` is OpenAI's tier and Anthropic's speed."""
_PROVIDERS: Final = {"xai": "x-ai"}
"""Providers whose name is another one in the tables."""

MISSING: Final = (
    "data has a budget in dollars, for which the tables of `genai-prices` are missing: install "
    "helm-boundary[budgets]"
)


class Prices:
    """The prices of all models: those in data first, by exact name, then by its longest beginning.

    `digest` (SHA-256 in hex) names both tables as they are.
    """

    def __init__(self, own: Mapping[str, Rates], tables: Any | None, digest: str) -> None:
        self.digest = digest
        self._own = own
        self._tables = tables
        self._known: dict[tuple[str | None, str, str], tuple[float, Rates | None]] = {}

    def rates(self, model: str, provider: str | None, now_ns: int, tier: str = "") -> Rates | None:
        """Return a model's prices; None where nobody knows them.

        `tier` is one of TIERS, or BATCH; what has no prices of its own there costs what it always
        does.
        """
        now = now_ns / 1e9
        found = self._known.get((provider, model, tier))
        if found is None or not 0 <= now - found[0] < _KEEP_SECONDS:
            if len(self._known) >= _KEPT:  # a client may name any number of models
                self._known.clear()
            rates = self._find(model, provider, now, tier)
            found = self._known[provider, model, tier] = (now, rates)
        return found[1]

    def _find(self, model: str, provider: str | None, now: float, tier: str) -> Rates | None:
        if (own := _longest(self._own, model)) is not None:
            return own.tiers.get(tier, own)
        if self._tables is None:
            return None
        named = _PROVIDERS.get(provider or "", provider)
        known = {each.id for each in self._tables.providers}
        # What is served by a host that the tables don't know has the price of the model's maker.
        for chosen in dict.fromkeys((named if named in known else None, None)):
            try:
                _, info = self._tables.find_provider_model(model, None, chosen, None)
            except LookupError:
                continue
            context = _CONTEXTS.get(tier)
            return _of_table(info.get_prices(datetime.fromtimestamp(now, UTC), context))
        return None


def read_prices(data: Mapping[str, Any], *, tables: bool) -> Prices:
    """Read the prices that data has, over the tables where money is counted.

    Raises:
        PolicyError: something isn't a price, or the tables aren't installed and data has none.
    """
    own = {name: _of_data(name, value) for name, value in (data.get("prices") or {}).items()}
    snapshot, version = None, ""
    if tables:
        try:
            snapshot = import_module("genai_prices.data_snapshot").get_snapshot()
            version = metadata.version("genai-prices")
        except ImportError:
            if not own:
                raise PolicyError(MISSING) from None
    stated = json.dumps([data.get("prices") or {}, version], sort_keys=True, default=str)
    return Prices(own, snapshot, hashlib.sha256(stated.encode()).hexdigest())


def _longest(own: Mapping[str, Rates], model: str) -> Rates | None:
    if model in own:
        return own[model]
    begins = [name for name in own if name.endswith("*") and model.startswith(name[:-1])]
    return own[max(begins, key=len)] if begins else None


def _of_data(name: str, value: Any) -> Rates:
    place = f"data.prices.{name}"
    tiers = value.get("tiers", {}) if isinstance(value, dict) else {}
    known = {*TIERS, BATCH}
    if not isinstance(tiers, dict) or tiers.keys() - known:
        raise PolicyError(f"{place}.tiers: expected prices by tier: {', '.join(sorted(known))}")
    found = {tier: _plain(f"{place}.tiers.{tier}", rates) for tier, rates in tiers.items()}
    if isinstance(value, dict):
        value = {member: price for member, price in value.items() if member != "tiers"}
    return replace(_plain(place, value), tiers=found)


def _plain(place: str, value: Any) -> Rates:
    if not isinstance(value, dict) or not {"input", "output"} <= value.keys():
        raise PolicyError(f"{place}: expected dollars for a million tokens, input and output each")
    found: dict[str, int] = {}
    for member, said in value.items():
        if member not in _TABLE:
            raise PolicyError(f"{place}.{member}: is no price; there are {', '.join(_TABLE)}")
        if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said < MILLION:
            raise PolicyError(f"{place}.{member}: expected dollars, such as 2.5")
        found[member] = int(Decimal(str(said)) * NANO)
    rates: dict[str, Any] = {
        member: price if member in _EACH else Rate(price) for member, price in found.items()
    }
    return Rates(**rates)


def _of_table(price: Any) -> Rates | None:
    """Read a model's prices in the tables; None where they have none for tokens."""
    found = {name: _rate(getattr(price, member, None)) for name, member in _TABLE.items()}
    each = {member: found.pop(member) for member in _EACH}
    if found["input"] is None and found["output"] is None and each["call"] is None:
        return None
    kinds: dict[str, Any] = {name: rate for name, rate in found.items() if rate is not None}
    kinds |= {name: rate.base // 1000 for name, rate in each.items() if rate is not None}
    return Rates(**({"input": FREE, "output": FREE} | kinds))


def _rate(value: Any) -> Rate | None:
    if value is None:
        return None
    if isinstance(value, Decimal):
        return Rate(int(value * NANO))
    tiers = tuple((tier.start, int(tier.price * NANO)) for tier in value.tiers)
    return Rate(int(value.base * NANO), tiers)
