"""The objects of an answer among which tool calls are sought.

A call's arguments and a tool's results are anybody's JSON: an object in there may look like a call
and is none, to every reader. Each dialect says where such data stands.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from helm_boundary.calls.call import Json

_NESTED = (dict, list)

type Data = Callable[[str, dict[str, Json]], Collection[str]]
"""Names the members of an object that hold data; it gets the member in which the object stands."""


def objects_in(value: Json, data: Data, member: str = "") -> Iterator[dict[str, Json]]:
    """Yield every object at and below a value, but those within data; `member` is the value's."""
    pending = [(member, value)]
    for name, item in pending:  # which grows meanwhile
        if isinstance(item, dict):
            yield item
            skipped = data(name, item)
            pending += [
                (key, inner)
                for key, inner in item.items()
                if isinstance(inner, _NESTED) and key not in skipped
            ]
        elif isinstance(item, list):
            pending += [(name, inner) for inner in item if isinstance(inner, _NESTED)]
