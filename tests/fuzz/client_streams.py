"""Streams for real clients: calls told in two places, and what only some clients read otherwise.

They are the fuzzer's streams, with the members that the clients' types ask for.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from support.messages import message_object
from support.responses import response_object

from .odd_streams import ODD
from .shapes import SHAPES, Shape
from .spellings import server_sent
from .tellings import DONE, Call, Event, Place, Told

LOOK = '{"p": "a"}'
"""The arguments of the call `look`, which is what honest places tell."""

OTHERWISE: dict[str, Callable[[Told], Told]] = {
    "another name": lambda told: Told("evil", told.arguments),
    "no name": lambda told: Told("", told.arguments),
    "other arguments": lambda told: Told(told.name, '{"p": "z"}'),
    "no arguments": lambda told: Told(told.name, None),
    "another call": lambda _: Told("other", '{"p": "z"}'),
}


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream: what is odd about it, and its events as bytes; an honest one tells one call."""

    what: str
    raws: tuple[bytes, ...]
    is_honest: bool = False


@functools.cache
def client_streams(dialect: str) -> list[Stream]:
    """All streams of a dialect, each once."""
    found = {b"".join(each.raws): each for each in [*_told_twice(dialect), *_odd(dialect)]}
    return list(found.values())


def chosen_streams(dialect: str, every: int) -> list[Stream]:
    """All honest streams of a dialect, and each of so many of the others."""
    found = client_streams(dialect)
    return [each for at, each in enumerate(found) if each.is_honest or at % every == 0]


def told_calls(shape: Shape, one: Place, other: Place) -> Iterator[Call]:
    """Yield a call of each kind, told by those two places, and by all others or none of them."""
    optional = shape.manner.optional | shape.manner.odd
    for kind in dict.fromkeys(shape.manner.kinds):
        for silent in (optional, shape.manner.odd):
            yield Call(0, kind, "look", LOOK, silent=frozenset(silent - {one, other}))


def _told_twice(dialect: str) -> Iterator[Stream]:
    shape = SHAPES[dialect]
    for one, other in itertools.permutations(shape.manner.places, 2):
        for call in told_calls(shape, one, other):
            if call.kind != shape.manner.kinds[0]:
                continue
            is_honest = not {one, other} & (shape.manner.odd | {Place.AGAIN})
            yield _stream(dialect, f"{one} and {other} agree", call, is_honest=is_honest)
            for what, change in OTHERWISE.items():
                told = call.retold(other, change(call.tells(other)))
                yield _stream(dialect, f"{other} tells {what} than {one}", told)


def _stream(dialect: str, what: str, call: Call, *, is_honest: bool = False) -> Stream:
    events = SHAPES[dialect].manner.write([call], Random(0))
    return Stream(what, _written(dialect, events), is_honest)


def _odd(dialect: str) -> Iterator[Stream]:
    for what, events in ODD[dialect].items():
        yield Stream(what, _written(dialect, events))


def _written(dialect: str, events: Sequence[Event]) -> tuple[bytes, ...]:
    dress = _DRESSED[dialect]
    dressed = [event if event == DONE else dress(at, event) for at, event in enumerate(events)]
    return tuple(map(server_sent, dressed))


def _chunk(at: int, event: Event) -> Event:
    envelope = {"id": "chatcmpl_1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    first = {"role": "assistant"} if at == 0 else {}
    choices = [{**each, "delta": first | each["delta"]} for each in event["choices"]]
    return {**envelope, **event, "choices": choices}


def _of_message(_at: int, event: Event) -> Event:
    match event.get("type"):
        case "message_start":
            whole: Any = {**message_object({}, ()), "stop_reason": None}
            return {**event, "message": whole | event["message"]}
        case "message_delta":
            delta = {"stop_sequence": None, **event["delta"]}
            return {**event, "delta": delta, "usage": {"output_tokens": 1}}
    return event


def _of_response(at: int, event: Event) -> Event:
    dressed = {"sequence_number": at, **event}
    if "response" in event:
        dressed["response"] = response_object({"model": "m"}, ()) | event["response"]
    if "arguments" in str(event.get("type")):
        dressed.setdefault("item_id", "item_0")
    return dressed


_DRESSED: dict[str, Callable[[int, Event], Event]] = {
    "chat": _chunk,
    "messages": _of_message,
    "responses": _of_response,
}
