"""The catalogue of operations, and how a path is looked up in it.

`catalogue.tsv` holds every operation of OpenAI's own OpenAPI description; a test holds it to that
file. Other providers serve the same operations under other prefixes: `matching` knows those.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from helm_boundary.calls.call import Operation

_LOOSE = "?"
_FRAMES = "+frames"

UNKNOWN = Operation("unknown", "unknown", "generic", "", "")
"""A request to a governed host that the catalogue doesn't know."""


@dataclass(slots=True)
class _Node:
    """A step of a path: literal segments first, then `{anything}`."""

    literal: dict[str, _Node] = field(default_factory=dict)
    wild: _Node | None = None
    operations: dict[tuple[str, str], Operation] = field(default_factory=dict)


class Catalogue:
    """Operations by method and path below the API's root."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.operations = tuple(operations)
        self._root = _Node()
        for operation in self.operations:
            self._add(operation)

    def _add(self, operation: Operation) -> None:
        path, _, query = operation.path.partition("?")
        node = self._root
        for segment in path.strip("/").split("/"):
            if segment.startswith("{"):
                node.wild = node.wild or _Node()
                node = node.wild
            else:
                node = node.literal.setdefault(segment, _Node())
        node.operations[operation.method, query] = operation

    def find(self, method: str, segments: Sequence[str], query: str = "") -> Operation | None:
        """Return the operation at a path, given as its segments below the root, or None."""
        node = self._descend(self._root, segments, 0)
        if node is None:
            return None
        if "beta=true" in query.split("&"):
            beta = node.operations.get((method, "beta=true"))
            if beta is not None:
                return beta
        return node.operations.get((method, ""))

    def _descend(self, node: _Node, segments: Sequence[str], at: int) -> _Node | None:
        if at == len(segments):
            return node if node.operations else None
        literal = node.literal.get(segments[at])
        found = self._descend(literal, segments, at + 1) if literal else None
        if found is None and node.wild is not None and segments[at]:
            found = self._descend(node.wild, segments, at + 1)
        return found


@cache
def known_operations() -> Catalogue:
    """Return OpenAI's API, and what the same agents speak beside it."""
    tables = ("catalogue_sdks.tsv", "catalogue.tsv", "catalogue_other.tsv")
    return Catalogue([operation for name in tables for operation in read_table(name)])


def read_table(name: str) -> Iterator[Operation]:
    """Read the operations of one table: method, path, operation id, category, dialect a line."""
    for line in files(__package__).joinpath(name).read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            method, path, operation, category, dialect = line.split("\t")
            plain = dialect.removesuffix(_FRAMES)
            name = plain.removesuffix(_LOOSE)
            yield Operation(
                operation, category, name, method, path, name != plain, plain != dialect
            )
