"""Faults that are known and not mended yet; each is dropped from here with its mending.

A fault counts as one of these where its stream has what causes it, so that the fuzzer still finds
those of other causes.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator, Sequence

from .readers import key, members, objects, text
from .shapes import Shape
from .spellings import views
from .tellings import Event

_NONE = key(None)
_NAMES = ("type", "name", "namespace", "server_label", "status", "tool")

type Cause = Callable[[list[Event]], bool]


def cause_of(shape: Shape, raws: Sequence[bytes]) -> str | None:
    """Name the known fault that a stream shows; None where it shows none of them."""
    for view in views(raws, in_messages=shape.in_messages).values():
        events = [event for event in view if isinstance(event, dict)]
        for name, causes in OPEN.get(shape.dialect, {}).items():
            if causes(events):
                return name
    return None


def _has_odd_item(events: list[Event]) -> bool:
    """Find an item without a type, or with a type, a name or a status that is no text."""
    return any(
        not item.get("type") or not all(isinstance(item.get(name, ""), str) for name in _NAMES)
        for item in _items(events)
    )


def _names_calls_unevenly(events: list[Event]) -> bool:
    """Find deltas that name a call by fewer ids than others of it, or by one of no call."""
    named = {
        tuple(key(event.get(name)) for name in ("item_id", "output_index", "call_id"))
        for event in events
        if "_call_" in text(event.get("type"))
    }
    pairs = itertools.combinations(named, 2)
    return any(_NONE in {*a, *b} or any(map(operator.eq, a, b)) for a, b in pairs)


def _starts_anew(events: list[Event]) -> bool:
    """Find an item that begins once more after its deltas."""
    grown: set[str] = set()
    for event in events:
        kind = text(event.get("type"))
        if kind.endswith(".delta"):
            grown |= {key(event.get("item_id")), key(event.get("output_index"))}
        elif kind.endswith(".added"):
            item = members(event.get("item"))
            if grown & {key(item.get("id")), key(event.get("output_index"))} - {key(None)}:
                return True
    return False


def _items(events: list[Event]) -> Iterator[Event]:
    for event in events:
        if isinstance(event.get("item"), dict):
            yield event["item"]
        yield from objects(members(event.get("response")).get("output"))


_OF_ITEMS: dict[str, Cause] = {
    "an item without a type, or with a name that is no text": _has_odd_item,
    "deltas of one call that have other ids, or fewer": _names_calls_unevenly,
    "an item that begins again after deltas": _starts_anew,
}
OPEN: dict[str, dict[str, Cause]] = {
    "realtime": _OF_ITEMS,
    "responses": _OF_ITEMS,
    "responses_socket": _OF_ITEMS,
}
