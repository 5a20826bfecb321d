"""Signs of tool calls in a chat completion, wherever they stand.

A call in a place that no reader of ours knows may be found there by somebody else's. Some readers
(Go's encoding/json) don't tell letter cases apart.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from helm_boundary.calls.call import Json

_FIELDS: Final = frozenset(
    {"tool_calls", "function_call", "tool_call", "tool_use", "custom_tool_call"}
)
_WORDS: Final = _FIELDS | {"name", "arguments"}
_CONTAINERS: Final = (dict, list)


class Signs(NamedTuple):
    """How many members are named as those that hold calls, and how many objects look like one.

    A call has both a name and arguments; a member that is null holds none.
    """

    fields: int
    calls: int


def signs_of_calls(value: Json) -> Signs:
    """Count the signs at and below a value."""
    fields = calls = 0
    pending = [value]
    for item in pending:  # which grows meanwhile
        words = []
        if isinstance(item, dict):
            words = [
                name
                for key, said in item.items()
                if (name := key.casefold()) in _WORDS and (said is not None or name not in _FIELDS)
            ]
            item = item.values()
        elif not isinstance(item, list):
            continue
        if words:
            fields += sum(word in _FIELDS for word in words)
            calls += "name" in words and "arguments" in words
        pending += [inner for inner in item if isinstance(inner, _CONTAINERS)]
    return Signs(fields, calls)
