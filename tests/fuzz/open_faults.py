"""Faults that are known and not mended yet; each is dropped from here with its mending.

A fault counts as one of these where its stream has what causes it, so that the fuzzer still finds
those of other causes.
"""

from __future__ import annotations

import itertools
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
    pairs = (zip(a, b, strict=True) for a, b in itertools.combinations(named, 2))
    return any(_NONE in (a, b) if a != b else a != _NONE for pair in pairs for a, b in pair)


def _has_parts_of_another_kind(events: list[Event]) -> bool:
    """Find an event that tells part of a call of another kind than its item is."""
    kinds = {(key(item.get("id")), item.get("type")) for item in _items(events)}
    for event in events:
        stem, _, rest = text(event.get("type")).removeprefix("response.").partition("_call_")
        own = key(event.get("item_id"))
        if rest and any(own in (known, _NONE) and kind != f"{stem}_call" for known, kind in kinds):
            return True
    return False


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


def _starts_late(events: list[Event]) -> bool:
    """Find a message that starts after blocks of it."""
    kinds = [event.get("type") for event in events]
    return "message_start" in kinds[1:] and "content_block_start" in kinds


def _has_late_id(events: list[Event]) -> bool:
    """Find a call whose id comes after words of it, or a delta without an index among others."""
    spoken: set[str] = set()
    without_index = with_index = False
    for where, call in _chat_calls(events):
        with_index |= call.get("index") is not None
        without_index |= call.get("index") is None
        said = members(call.get("function")) or members(call.get("custom"))
        place = f"{where} {key(call.get('index', 0))}"
        if text(call.get("id")) and place in spoken:
            return True
        if not text(call.get("id")) and (said.get("arguments") or said.get("input")):
            spoken.add(place)
    return with_index and without_index


def _items(events: list[Event]) -> Iterator[Event]:
    for event in events:
        if isinstance(event.get("item"), dict):
            yield event["item"]
        yield from objects(members(event.get("response")).get("output"))


def _chat_calls(events: list[Event]) -> Iterator[tuple[str, Event]]:
    for event in events:
        for choice in objects(event.get("choices")):
            for call in objects(members(choice.get("delta")).get("tool_calls")):
                yield key(choice.get("index", 0)), call


_OF_ITEMS: dict[str, Cause] = {
    "an item without a type, or with a name that is no text": _has_odd_item,
    "deltas of one call that have other ids, or fewer": _names_calls_unevenly,
    "an event of another kind of call than its item": _has_parts_of_another_kind,
    "an item that begins again after deltas": _starts_anew,
}
OPEN: dict[str, dict[str, Cause]] = {
    "chat": {"an id that comes late, or indexes only at times": _has_late_id},
    "messages": {"a message that starts after its blocks": _starts_late},
    "realtime": _OF_ITEMS,
    "responses": _OF_ITEMS,
    "responses_socket": _OF_ITEMS,
}
