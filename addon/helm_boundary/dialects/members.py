"""The members of an object in a dialect's answers, and what each of them is.

Such a table is closed. A member is protocol, or the dialect reads it itself: a tool call,
a text that grows, an object with a table of its own. Whatever it doesn't name is a text, and
so is what stands in a member of the protocol but says more than a protocol does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from helm_boundary.calls.call import Json
from helm_boundary.calls.texts import is_plain_name, is_tag

_ID = re.compile(r"[\w.:/@+=~|,-]*", re.ASCII)
"""How ids, models and times are written, and sentences aren't: without blanks."""
_LONGEST_ID = 128
_NUMBERS = frozenset({int, float, bool, type(None)})
_IDS: set[str] = set()
"""Plain ids that were seen: a stream repeats its own in each event."""
_REMEMBERED = 4096

type _Claim = Callable[[Any], bool]
"""Tells whether a member's value is no more than what it was claimed as."""


class Members:
    """The members that are claimed in one object; names are parted by blanks.

    `tags` are enumerations. `protocol` are numbers, flags, plain ids, and objects of these.
    `counts` are counts of tokens, whose names may be those of a call's parts. `grows` are texts of
    which each event has the next words. `repeats` are texts again, such as their tokens one by
    one. `read` is what the dialect reads itself.
    """

    def __init__(
        self,
        *,
        tags: str = "",
        protocol: str = "",
        counts: str = "",
        grows: str = "",
        repeats: str = "",
        read: str = "",
    ) -> None:
        self._claims: dict[str, _Claim] = {
            **dict.fromkeys(tags.split(), _is_enumeration),
            **dict.fromkeys([*protocol.split(), *counts.split()], is_plain),
            **dict.fromkeys(grows.split(), _is_words),
            **dict.fromkeys([*repeats.split(), *read.split()], _is_read),
        }
        self._may_hold_calls = frozenset([*counts.split(), *read.split()])

    @property
    def names(self) -> frozenset[str]:
        """The members that are claimed."""
        return frozenset(self._claims)

    def others(self, value: dict[str, Json]) -> dict[str, Json]:
        """Return the members that are texts, or hold some."""
        found, claims = {}, self._claims
        for key, said in value.items():
            claim = claims.get(key)
            if claim is _is_read:
                continue
            if claim is is_plain:  # so are most of an event's members
                kind = type(said)
                if kind in _NUMBERS or (kind is str and said in _IDS):
                    continue
            if claim is None or not claim(said):
                found[key] = said
        return found

    def without_calls(self, value: dict[str, Json]) -> dict[str, Json]:
        """Return the members where no tool call may stand: those that the dialect doesn't read."""
        if not self._may_hold_calls:
            return value
        return {key: said for key, said in value.items() if key not in self._may_hold_calls}


def is_plain(value: Json) -> bool:
    """Tell whether nobody says anything in a value: numbers, flags, plain ids, objects of these."""
    if isinstance(value, str):
        return value in _IDS or _is_id(value)
    if isinstance(value, dict):
        return all(map(is_plain_name, value)) and all(map(is_plain, value.values()))
    return not isinstance(value, list) or all(map(is_plain, value))


def _is_id(value: str) -> bool:
    if len(value) > _LONGEST_ID or _ID.fullmatch(value) is None:
        return False
    if len(_IDS) >= _REMEMBERED:
        _IDS.clear()
    _IDS.add(value)
    return True


def _is_enumeration(value: Json) -> bool:
    return value is None or (isinstance(value, str) and (not value or is_tag(value)))


def _is_words(value: Json) -> bool:
    return value is None or isinstance(value, str)


def _is_read(_: Json) -> bool:
    return True
