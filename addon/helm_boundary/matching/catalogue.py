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

_OF_SDKS = ("catalogue_sdks.tsv", "catalogue_mistral.tsv", "catalogue_google.tsv")
_TABLES = (*_OF_SDKS, "catalogue.tsv", "catalogue_other.tsv")
_LOOSE = "?"
_FRAMES = "+frames"

UNKNOWN = Operation("unknown", "unknown", "generic", "", "")
"""A request to a governed host that the catalogue doesn't know."""


@dataclass(slots=True)
class _Node:
    """A step of a path: literal segments first, then `{anything}:verb`, then `{anything}`."""

    literal: dict[str, _Node] = field(default_factory=dict)
    wild: dict[str, _Node] = field(default_factory=dict)
    """What follows `{anything}`, by the verb after its colon, or by "" where there is none."""
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
            is_wild = segment.startswith("{")
            key = segment.partition("}:")[2] if is_wild else segment
            node = (node.wild if is_wild else node.literal).setdefault(key, _Node())
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
        for step in _steps(node, segments[at]):
            found = self._descend(step, segments, at + 1)
            if found is not None:
                return found
        return None


def _steps(node: _Node, segment: str) -> Iterator[_Node]:
    """Yield where a segment may lead to, the most telling first."""
    if (literal := node.literal.get(segment)) is not None:
        yield literal
    if not (segment and node.wild):
        return
    before, _, verb = segment.rpartition(":")
    if before and verb in node.wild:
        yield node.wild[verb]
    if "" in node.wild:
        yield node.wild[""]


@cache
def known_operations() -> Catalogue:
    """Return OpenAI's API, and what the same agents speak beside it."""
    return Catalogue([operation for name in _TABLES for operation in read_table(name)])


@cache
def operations_of_sdks() -> frozenset[str]:
    """Return the ids of what only providers' SDKs tell of, on paths that are anybody's words."""
    return frozenset(operation.id for name in _OF_SDKS for operation in read_table(name))


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
