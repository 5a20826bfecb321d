"""Signs of tool calls in a chat completion, wherever they stand.

A call in a place that no reader of ours knows may be found there by somebody else's. Some readers
(Go's encoding/json) don't tell letter cases apart.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from helm_boundary.calls.call import Json

from .answer_objects import objects_in

_FIELDS: Final = frozenset(
    {"tool_calls", "function_call", "tool_call", "tool_use", "custom_tool_call"}
)
_WORDS: Final = _FIELDS | {"name", "arguments"}
_ARGUMENTS: Final = ("arguments",)
RUN: Final = "executed_tools"
"""Where Groq tells what it has run itself."""
_NUMBERS: Final = (int, float)
_GIVEN: Final = frozenset({"error", "output", "search_results"})
_CITED: Final = ("tool_output",)
_WITH_RESULTS: Final = (RUN, "sources")


class Signs(NamedTuple):
    """How many members are named as those that hold calls, and how many objects look like one.

    A call has both a name and arguments; a member that is null, a number or a flag holds none.
    """

    fields: int
    calls: int


def signs_of_calls(value: Json) -> Signs:
    """Count the signs at and below a value, but for those in a call's arguments or a result."""
    fields = calls = 0
    for item in objects_in(value, _data):
        words = [
            name
            for key, said in item.items()
            if (name := key.casefold()) in _WORDS and (name not in _FIELDS or holds_calls(said))
        ]
        if words:
            fields += sum(word in _FIELDS for word in words)
            calls += "name" in words and "arguments" in words
    return Signs(fields, calls)


def holds_calls(said: Json) -> bool:
    """Tell whether a member that is named as those that hold calls may hold one."""
    return said is not None and not isinstance(said, _NUMBERS)


def tool_members(value: dict[str, Json]) -> Collection[str]:
    """Name the members of an object that a tool gave back: of what has been run, or is cited."""
    if "arguments" in value and "output" in value:
        return _GIVEN
    return _CITED if value.get("type") == "tool" else ()


def _data(member: str, item: dict[str, Json]) -> Collection[str]:
    """Name the members of an object that hold data: a call's arguments, and a tool's results."""
    words = _ARGUMENTS if "name" in item and "arguments" in item else ()
    return {*words, *tool_members(item)} if member in _WITH_RESULTS else words
