"""Readers of streams, written after real clients: what each would hold as a tool call.

Every dialect has the same ones, where it has the place: `deltas` adds up what comes (the SDKs,
LangChain, LlamaIndex, the AI SDK), `done` believes the last event that says it is done (OpenAI's
guide, Codex), `start` believes the event that begins a call (pydantic-ai, langchain-anthropic),
`final` believes the final response, `whole` a whole message where it stands. Each of them reads a
stream in every way in which parsers read its members: the last of two, the first, or in any
letters (Go's encoding/json).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from helm_boundary.calls.call import Json

from .spellings import View

type Kind = Literal["JSON", "text", "members"]
"""How a reader takes arguments: as JSON, as a text of the tool's own, as some of an item's members.
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A tool call that a reader holds once it has seen the event at that place."""

    reader: str
    at: int
    name: str
    arguments: Json
    kind: Kind = "JSON"


type Read = Callable[[View], Iterable[Held]]


def text(value: Json) -> str:
    """Return the value where it is text, else nothing."""
    return value if isinstance(value, str) else ""


def members(value: Json) -> dict[str, Json]:
    """Return the value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Json) -> Iterator[dict[str, Json]]:
    """Yield the objects of a list."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def key(value: Json) -> str:
    """Write a place or an id so that equal ones compare as in clients' maps."""
    return json.dumps(value)


EMPTY = frozenset({"", "{}", "[]", "null", '""', "[object Object]"})
"""Meanings of arguments that say nothing; the last is what JavaScript adds to a text for one."""


def is_heard(held: Held, calls: Iterable[tuple[str, str]]) -> bool:
    """Tell whether a call is one that policy allowed; without arguments, it counts by its name."""
    wanted = _meanings(held.arguments)
    alike = [arguments for name, arguments in calls if name == held.name]
    if held.kind == "text" and isinstance(held.arguments, str) and not wanted & EMPTY:
        return held.arguments in alike
    if held.kind == "members":
        return any(_has_members(arguments, members(held.arguments)) for arguments in alike)
    return bool(alike) and (
        bool(wanted & EMPTY) or any(wanted & _meanings(arguments) for arguments in alike)
    )


def _has_members(arguments: str, held: dict[str, Json]) -> bool:
    try:
        judged = members(json.loads(arguments))
    except ValueError:
        return False
    return all(_canonical(judged.get(name)) == _canonical(said) for name, said in held.items())


def _meanings(arguments: Json) -> set[str]:
    """Say what arguments are taken for: the text, its JSON, or the JSON that it begins with."""
    if not isinstance(arguments, str):
        return {_canonical(arguments)}
    found = {arguments.strip()}
    try:
        value, end = _DECODER.raw_decode(arguments.lstrip())
    except ValueError:
        return found
    if isinstance(value, dict | list) or end == len(arguments.strip()):
        found.add(_canonical(value))
    return found


def _number(digits: str) -> float | int:
    value = float(digits)
    return int(value) if value.is_integer() else value


def _canonical(value: Json) -> str:
    return json.dumps(value, sort_keys=True)


_DECODER = json.JSONDecoder(parse_float=_number)
