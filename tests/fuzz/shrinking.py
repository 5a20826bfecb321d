"""The smallest stream in which a fault still shows."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from random import Random

from .mutations import spots
from .shapes import Shape
from .spellings import encode
from .tellings import DONE, Event
from .trial import attempt

type Raws = Sequence[bytes]

_ATTEMPTS = 2000


def shrink(shape: Shape, raws: Raws, kind: str) -> list[str]:
    """Take events and members away while the fault of that kind stays; returns what is left."""
    budget = iter(range(_ATTEMPTS))

    def shows(smaller: Raws) -> bool:
        faults = attempt(shape, smaller, Random(1)).faults
        return any(fault.kind == kind for fault in faults)

    kept: Raws = _shorter(list(raws), shows)
    plain = _plainly(shape, kept)
    if plain is not None and shows(_encoded(shape, plain)):
        kept = _encoded(shape, _simpler(shape, plain, shows, budget))
    return [raw.decode("utf-8", "replace").strip() for raw in kept]


def _shorter(raws: list[bytes], shows: Callable[[Raws], bool]) -> list[bytes]:
    for at in reversed(range(len(raws))):
        without = raws[:at] + raws[at + 1 :]
        if shows(without):
            raws = without
    return raws


def _simpler(
    shape: Shape, events: list[Event], shows: Callable[[Raws], bool], budget: Iterator[int]
) -> list[Event]:
    """Take away the members that the fault doesn't need."""
    at = 0
    while at < len(list(_members(events))) and next(budget, None) is not None:
        smaller = copy.deepcopy(events)
        holder, key = list(_members(smaller))[at]
        del holder[key]
        if shows(_encoded(shape, smaller)):
            events = smaller
        else:
            at += 1
    return events


def _members(events: list[Event]) -> Iterator[tuple[dict[str, object], str]]:
    for event in events:
        for holder, key in spots(event):
            if isinstance(holder, dict) and isinstance(key, str) and event != DONE:
                yield holder, key


def _encoded(shape: Shape, events: list[Event]) -> list[bytes]:
    return encode(events, Random(1), in_messages=shape.in_messages)


def _plainly(shape: Shape, raws: Raws) -> list[Event] | None:
    """Read the events, where each is one JSON object and no more."""
    found = []
    for raw in raws:
        text = raw.decode("utf-8", "replace").partition("data: ")[2]
        text = raw.decode("utf-8", "replace") if shape.in_messages else text.strip()
        try:
            found.append(DONE if text == "[DONE]" else json.loads(text))
        except ValueError:
            return None
    return found if all(isinstance(event, dict) for event in found) else None
