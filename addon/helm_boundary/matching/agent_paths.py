"""What agents ask of their providers beside calls to models, by path on a governed host.

These are named so that a policy can allow them one by one. A body that has a call's shape is judged
as that call, wherever it goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from helm_boundary.calls.call import Operation

_REST = "{+}"


def agent_operation(segments: Sequence[str]) -> Operation | None:
    """Return what an agent asks for at a path, None where nobody knows it."""
    known = _operations()
    for end in range(len(segments), 0, -1):
        path = (*segments[:end], *((_REST,) if end < len(segments) else ()))
        if (found := known.get(path)) is not None:
            return found
    return None


@cache
def _operations() -> dict[tuple[str, ...], Operation]:
    found = {}
    table = files(__package__).joinpath("catalogue_agents.tsv").read_text("utf-8")
    for line in table.splitlines():
        if line and not line.startswith("#"):
            path, name, category = line.split("\t")
            operation = Operation(name, category, "generic", "", path)
            found[tuple(path.strip("/").split("/"))] = operation
    return found
