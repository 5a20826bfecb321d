"""Tool calls that come in pieces, over the events of a stream in a shape that nobody knows.

Each event's own reading is judged, and so is what a client gets that adds the pieces up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from helm_boundary.calls.call import Json, ToolCall
from helm_boundary.calls.texts import pointer_token
from helm_boundary.dialects.json_shape import tool_call

_TEXTS = ("arguments", "args", "input", "parameters", "partial_json")
_IDS = ("tool_call_id", "toolUseId", "call_id", "id", "index", "contentBlockIndex")


@dataclass(slots=True)
class _Pieces:
    """The arguments so far of one call, and the name that was told last before them."""

    pointer: str
    name: str
    texts: list[str] = field(default_factory=list)


def added_up(events: Iterable[Json]) -> Iterator[ToolCall]:
    """Return the calls whose arguments stand in the same place of several events."""
    found: dict[tuple[str, ...], _Pieces] = {}
    name = ""
    for at, event in enumerate(events):
        for pointer, told in _objects(event, ""):
            name = _name_of(told) or name
            for member in _TEXTS:
                if isinstance(text := told.get(member), str):
                    key = (pointer, member, *(str(told.get(each)) for each in _IDS))
                    pieces = found.setdefault(key, _Pieces(f"/{at}{pointer}", name))
                    pieces.name = pieces.name or name
                    pieces.texts.append(text)
    for pieces in found.values():
        if len(pieces.texts) > 1 and pieces.name:
            yield tool_call(pieces.name, "".join(pieces.texts), pointer=pieces.pointer)


def _name_of(told: dict[str, Json]) -> str:
    name = told.get("name")
    return name if isinstance(name, str) else ""


def _objects(value: Json, pointer: str) -> Iterator[tuple[str, dict[str, Json]]]:
    if not isinstance(value, dict | list):
        return
    if isinstance(value, dict):
        yield pointer, value
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(item, dict | list):
            yield from _objects(item, pointer + pointer_token(key))
