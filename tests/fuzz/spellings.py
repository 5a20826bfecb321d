"""Events as bytes, and bytes as the events that clients read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from random import Random

from helm_boundary.calls.call import Json

from .tellings import DONE, Event

_LINES = re.compile(r"\r\n|\n|\r")
_FREE = frozenset({"arguments", "args", "input", "action"})
"""Members whose own members' names a tool has chosen, so that no client looks for others."""

type View = list[Json]
"""A stream as one client reads it: an event's value at its place, None where there is none."""


class _Pairs(list[tuple[str, Json]]):
    """An object as it is written, with members that may be there twice."""


def encode(
    events: Sequence[Event], rng: Random, *, in_messages: bool, is_named: bool = False
) -> list[bytes]:
    """Write each event as a WebSocket's message or as a server-sent event.

    With `is_named` each has its name beside it; otherwise all of a stream's have, or none.
    """
    if in_messages:
        return [_text(event).encode() for event in events]
    end = rng.choice(("\n", "\n", "\n", "\r\n", "\r"))
    is_named = rng.random() < 0.5 or is_named
    raws = [server_sent(event, end, is_named=is_named) for event in events]
    if rng.random() < 0.1:
        raws.insert(rng.randint(0, len(raws)), f": ping{end}{end}".encode())
    return raws


def server_sent(event: Event, end: str = "\n", *, is_named: bool = True) -> bytes:
    """Write a server-sent event; its name is its type where it has one."""
    kind = event.get("type")
    is_named = is_named and isinstance(kind, str) and kind.isprintable()
    name = f"event: {kind}{end}" if is_named else ""
    return f"{name}data: {_text(event)}{end}{end}".encode()


def _text(event: Event) -> str:
    return "[DONE]" if event == DONE else json.dumps(event)


def views(raws: Sequence[bytes], *, in_messages: bool) -> dict[str, View]:
    """Read the stream as clients do whose parsers differ.

    Most take the last of two members with one name. Some take the first. Go's takes names in any
    letters, joins two objects, and skips null.
    """
    texts = [_data(raw, in_messages=in_messages) for raw in raws]
    plain = _Plain()
    found: dict[str, View] = {"": [_parse(text, plain) for text in texts]}
    if plain.is_odd:
        written = [_parse(text, _Pairs) for text in texts]
        found["first member"] = [_first(value) for value in written]
        found["any letters"] = [_folded(value) for value in written]
    return found


class _Plain:
    """Makes objects as most parsers do, and notes whether others would make other ones."""

    def __init__(self) -> None:
        self.is_odd = False

    def __call__(self, pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        made = dict(pairs)
        if len(made) < len(pairs) or any(key != key.casefold() for key in made):
            self.is_odd = True
        return made


def _data(raw: bytes, *, in_messages: bool) -> str:
    text = raw.decode("utf-8", "replace")
    if in_messages:
        return text
    lines = [line for line in _LINES.split(text) if line.startswith("data:")]
    return "\n".join(line.removeprefix("data:").removeprefix(" ") for line in lines)


def _parse(text: str, make: Callable[[list[tuple[str, Json]]], Json]) -> Json:
    try:
        return json.loads(text, object_pairs_hook=make)
    except ValueError:
        return None


def _last(value: Json) -> Json:
    if isinstance(value, _Pairs):
        return {key: _last(item) for key, item in value}
    return [_last(item) for item in value] if isinstance(value, list) else value


def _first(value: Json) -> Json:
    if isinstance(value, _Pairs):
        return {key: _first(item) for key, item in reversed(value)}
    return [_first(item) for item in value] if isinstance(value, list) else value


def _folded(value: Json) -> Json:
    if not isinstance(value, _Pairs):
        return [_folded(item) for item in value] if isinstance(value, list) else value
    found: dict[str, Json] = {}
    for key, item in value:
        name = key.casefold()
        told = _last(item) if name in _FREE else _folded(item)
        before = found.get(name)
        if isinstance(before, dict) and isinstance(told, dict) and name not in _FREE:
            found[name] = {**before, **told}
        elif told is not None or name not in found:
            found[name] = told
    return found
