"""The fragments of a chat's tool calls, as deltas tell them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from helm_boundary.calls.call import Json
from helm_boundary.calls.refusal import schema_violation

from .chat_whole_calls import told_kind
from .json_shape import as_object, index_of

type Tell = Callable[[dict[str, Json], str], None]
"""Takes the members of a fragment that are none of a call's, and their pointer."""

type Placed = Literal["index", "null", "nothing"]
"""How something says where it belongs: clients tell an index of null from none, or don't."""

_OF_CALL = frozenset({"id", "index", "type", "function", "custom"})
_OF_FUNCTION = frozenset({"name", "arguments", "input"})


@dataclass(frozen=True, slots=True)
class Fragment:
    """One delta of a call: at an index or, where it has none, at its position in the list."""

    place: int
    placed: Placed
    id: str
    name: str
    words: str
    takes: str
    is_text: bool = True
    """Whether the words came as text; some clients skip what is anything else."""

    @property
    def has_index(self) -> bool:
        """Whether it says itself where it belongs."""
        return self.placed == "index"

    @property
    def says_nothing(self) -> bool:
        """Whether no client could tell it from an empty entry."""
        return not (self.id or self.name or self.words)


def placed_by(told: dict[str, Json]) -> Placed:
    """Return how a choice, or a part of a call, says where it belongs."""
    if told.get("index") is not None:
        return "index"
    return "null" if "index" in told else "nothing"


def read_fragment(delta: dict[str, Json], at: int, where: str, tell: Tell) -> Fragment:
    """Read an entry of a delta's calls, the one at that position of its list.

    Raises:
        Refusal: it isn't what a call's fragments look like.
    """
    index = delta.get("index")
    place = at if index is None else index_of(index, "a tool call of the stream", 1024)
    given = delta.get("id")
    if not (given is None or isinstance(given, str)):
        raise schema_violation("a tool call of the stream has an id that is no text")
    kind = told_kind(delta)
    said = {} if kind is None else as_object(delta[kind], "a tool call of the stream")
    name, words, takes, is_text = _said(said)
    if not delta.keys() <= _OF_CALL:
        tell({key: delta[key] for key in delta.keys() - _OF_CALL}, f"{where}/{place}")
    if not said.keys() <= _OF_FUNCTION:
        tell({key: said[key] for key in said.keys() - _OF_FUNCTION}, where)
    custom = kind == "custom" or takes == "input"
    takes = ("input" if custom else takes) if takes or custom else ""
    placed = placed_by(delta)
    return Fragment(place, placed, given or "", name, words, takes, is_text)


def _said(inner: dict[str, Json]) -> tuple[str, str, str, bool]:
    """Read a fragment's name, its words, the member that has them, and whether they are text.

    Raises:
        Refusal: a name that is no text, or both arguments and input.
    """
    name = inner.get("name")
    if not (name is None or isinstance(name, str)):
        raise schema_violation("a tool call's name isn't a string")
    told = [key for key in ("arguments", "input") if inner.get(key) not in (None, "")]
    if len(told) > 1:
        raise schema_violation("a tool call of the stream has both arguments and input")
    if not told:
        return name or "", "", "", True
    said = inner[told[0]]
    is_text = isinstance(said, str)
    words = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    return name or "", words, told[0], is_text
