"""Reading definitions of budgets and limits from a policy's data, strictly.

What isn't understood is refused with its place: a misspelt budget must not be none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from helm_boundary.policy.errors import PolicyError

from .amounts import KINDS, NANO, NO_LIMITS, Limits
from .definitions import DIMENSIONS, MATCHES, Definition, Dimension, Rate
from .windows import SECONDS, UNITS, Window

_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}", re.ASCII)
_BUDGET = frozenset({"per", "match", "limit", "window", "timezone", "near", "shadow",
                     "include_usage", "strict"})  # fmt: skip
_LIMITED = frozenset({"kind", "per", "match", "shadow", "retry", "calls"})
_OF_KIND: Mapping[str, frozenset[str]] = {
    "in_flight": _LIMITED,
    "rate": _LIMITED | {"window", "burst"},
    "run": (_LIMITED | {"minutes"}) - {"retry"},
}
_LIMIT = ("calls", "tokens", "output_tokens", "dollars")
_NANOSECONDS = 1_000_000_000
_MOST = 1 << 52
_LONGEST = 100 * 366 * 86_400
"""Seconds in a century: what times can be said with."""


def read_definitions(data: Mapping[str, Any]) -> tuple[Definition, ...]:
    """Read all budgets and limits; PolicyError names the place of what isn't one."""
    found = [_budget(name, value) for name, value in _table(data, "budgets").items()]
    found += [_limit(name, value) for name, value in _table(data, "limits").items()]
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise PolicyError(f"data.limits.{name}: a budget has this name; choose another")
    _check_groups(found, data)
    return tuple(found)


def _budget(name: str, value: Any) -> Definition:
    place = f"data.budgets.{name}"
    members = _members(value, _BUDGET, place, name)
    limits = _limits(members.get("limit"), f"{place}.limit")
    near = members.get("near", 1.0)
    if isinstance(near, bool) or not isinstance(near, int | float) or not 0 < near <= 1:
        raise PolicyError(f"{place}.near: expected a share of the limit such as 0.8")
    return Definition(
        name,
        "budget",
        _per(members, place),
        _match(members, place),
        limits,
        _window(members, place),
        float(near),
        _flag(members, "shadow", place),
        strict=_flag(members, "strict", place),
        include_usage=_flag(members, "include_usage", place),
    )


def _limit(name: str, value: Any) -> Definition:
    place = f"data.limits.{name}"
    kind = value.get("kind", name) if isinstance(value, dict) else name
    match kind:
        case "in_flight" | "rate" | "run":
            members = _members(value, _OF_KIND[kind], place, name)
        case _:
            raise PolicyError(f"{place}.kind: expected one of in_flight, rate, run")
    calls = _whole(members, "calls", place) if kind != "run" or "calls" in members else None
    rate = _rate(members, calls, place) if kind == "rate" and calls is not None else None
    lasts = None
    if kind == "run":
        if "minutes" in members:
            lasts = _whole(members, "minutes", place) * 60 * _NANOSECONDS
        if calls is None and lasts is None:
            raise PolicyError(f"{place}: expected calls, minutes or both")
    return Definition(
        name,
        kind,
        _per(members, place),
        _match(members, place),
        NO_LIMITS if kind == "rate" else (calls, None, None, None),
        shadow=_flag(members, "shadow", place),
        retry=_flag(members, "retry", place),
        rate=rate,
        lasts=lasts,
    )


def _rate(members: Mapping[str, Any], calls: int, place: str) -> Rate:
    window = members.get("window", "minute")
    seconds = SECONDS.get(window) if isinstance(window, str) else window
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        seconds = 0
    if not (1 <= seconds <= _LONGEST and calls):
        raise PolicyError(
            f"{place}: expected at least one call in a window of {', '.join(SECONDS)}, or of a "
            "number of seconds"
        )
    burst = _whole(members, "burst", place) if "burst" in members else 1
    if not burst:
        raise PolicyError(f"{place}.burst: expected at least 1")
    return Rate(max(1, seconds * _NANOSECONDS // calls), burst)


def _limits(value: Any, place: str) -> Limits:
    members = _members(value, frozenset(_LIMIT), place)
    if not members:
        raise PolicyError(f"{place}: expected at least one of {', '.join(_LIMIT)}")
    money = _nanodollars(members["dollars"], f"{place}.dollars") if "dollars" in members else None
    calls, tokens, output = (
        _whole(members, kind, place) if kind in members else None for kind in KINDS[:3]
    )
    return calls, tokens, output, money


def _nanodollars(value: Any, place: str) -> int:
    """Read an amount of dollars as it is written, without a float's error."""
    try:
        amount = Decimal(str(value)) * NANO
    except ArithmeticError:
        amount = Decimal(-1)
    if isinstance(value, bool | dict | list) or not amount.is_finite() or not 0 <= amount <= _MOST:
        raise PolicyError(f"{place}: expected dollars, such as 20 or 0.5, up to four million")
    return int(amount)


def _window(members: Mapping[str, Any], place: str) -> Window:
    found = members.get("window", "ever")
    if isinstance(found, int) and not isinstance(found, bool) and 0 < found <= _LONGEST:
        return Window("seconds", seconds=found)
    if found not in UNITS:
        raise PolicyError(
            f"{place}.window: expected {', '.join(UNITS)}, or seconds, a century at most"
        )
    zone = members.get("timezone", "UTC")
    try:
        return Window(found, ZoneInfo(zone))
    except (KeyError, ValueError, TypeError, OSError):
        raise PolicyError(
            f"{place}.timezone: expected a timezone such as Europe/Berlin, found {zone!r}"
        ) from None


def _per(members: Mapping[str, Any], place: str) -> tuple[Dimension, ...]:
    listed = members.get("per", [])
    if not isinstance(listed, list) or len(set(map(str, listed))) != len(listed):
        raise PolicyError(f"{place}.per: expected a list of {', '.join(DIMENSIONS)}, each once")
    chosen = [known for known in DIMENSIONS if known in listed]
    if len(chosen) != len(listed):
        wrong = next(str(each) for each in listed if each not in DIMENSIONS)
        raise PolicyError(f"{place}.per: {wrong!r} is none of {', '.join(DIMENSIONS)}")
    return tuple(chosen)


def _match(members: Mapping[str, Any], place: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    match = _members(members.get("match", {}), frozenset(MATCHES), f"{place}.match")
    for name, values in match.items():
        if not isinstance(values, list) or not all(isinstance(v, str) and v for v in values):
            raise PolicyError(f"{place}.match.{name}: expected a list of names")
        for value in values:
            if "*" in value[:-1]:
                raise PolicyError(
                    f"{place}.match.{name}: {value!r} would match nothing, as a star stands for "
                    "the rest of a name: end it with the star, or list the names"
                )
    return tuple((name, tuple(match[name])) for name in MATCHES if name in match)


def _check_groups(found: list[Definition], data: Mapping[str, Any]) -> None:
    """Refuse a group that isn't there: its budget would be about nobody."""
    known = data.get("groups") or {}
    for each in found:
        for group in dict(each.match).get("groups", ()):
            if group not in known:
                raise PolicyError(f"data.{each.place}.match.groups: there is no group {group!r}")


def _flag(members: Mapping[str, Any], name: str, place: str) -> bool:
    value = members.get(name, False)
    if not isinstance(value, bool):
        raise PolicyError(f"{place}.{name}: expected true or false")
    return value


def _whole(members: Mapping[str, Any], name: str, place: str) -> int:
    value = members.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
        raise PolicyError(f"{place}.{name}: expected a whole number, 0 or more")
    return value


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name) or {}
    if not isinstance(value, dict):
        raise PolicyError(f"data.{name}: expected a table by name")
    return value


def _members(
    value: Any, known: frozenset[str], place: str, name: str | None = None
) -> Mapping[str, Any]:
    if name is not None and not _NAME.fullmatch(str(name)):
        raise PolicyError(f"{place}: expected a name of letters, digits, - and _, 60 at most")
    if not isinstance(value, dict):
        raise PolicyError(f"{place}: expected a table with {', '.join(sorted(known))}")
    for member in value:
        if member not in known:
            raise PolicyError(
                f"{place}.{member}: is no setting; there are {', '.join(sorted(known))}"
            )
    return value
