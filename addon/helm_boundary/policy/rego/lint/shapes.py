"""The shapes of values, as far as they can be told without evaluating anything.

A shape is a choice of kinds. Each kind answers for one of its members: what that looks like, and
whether it is there for certain. No kind is left where a value is impossible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

MAX_VALUES = 5_000  # of a larger table's rows nothing is assumed

type Key = str | int | None
"""A member's name or index; None when it is computed."""
type Test = Callable[[Kind], bool]


class Kind(Protocol):
    """One way for a value to look."""

    def member(self, key: Key) -> tuple[Shape, bool]:
        """Return a member, and whether it is certainly there."""

    def element(self) -> Shape:
        """Return what iterating over it gives."""

    def constants(self) -> Sequence[Any] | None:
        """Return every value it can have, where that is known."""


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A value that looks like one of ``kinds``."""

    kinds: Sequence[Kind]

    def member(self, key: Key) -> tuple[Shape, bool]:
        """Return a member, and whether it is certainly there."""
        found = [kind.member(key) for kind in self.kinds]
        return union(shape for shape, _ in found), all(certain for _, certain in found)

    def element(self) -> Shape:
        """Return what iterating over it gives."""
        return union(kind.element() for kind in self.kinds)

    def only(self, path: Sequence[Key], test: Test) -> Shape:
        """Return the shape without the kinds whose value at the path cannot pass the test."""
        return Shape([kind for kind in self.kinds if _may_pass(kind, path, test)])


def _may_pass(kind: Kind, path: Sequence[Key], test: Test) -> bool:
    if not path:
        return test(kind)
    shape, _ = kind.member(path[0])
    return any(_may_pass(below, path[1:], test) for below in shape.kinds)


@dataclass(frozen=True, slots=True, eq=False)
class Anything:
    """A value of which nothing is known."""

    def member(self, key: Key) -> tuple[Shape, bool]:
        """Return anything, which may be missing."""
        return ANY, False

    def element(self) -> Shape:
        """Return anything."""
        return ANY

    def constants(self) -> None:
        """Return None: its values are unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """One JSON value."""

    value: Any

    def member(self, key: Key) -> tuple[Shape, bool]:
        """Return what the value has there."""
        if key is None:
            return self.element(), False
        if isinstance(self.value, Mapping) and key in self.value:
            return Shape([Constant(self.value[key])]), True
        if isinstance(self.value, list) and isinstance(key, int) and 0 <= key < len(self.value):
            return Shape([Constant(self.value[key])]), True
        return NEVER, False

    def element(self) -> Shape:
        """Return any of its members."""
        if isinstance(self.value, Mapping):
            return constants(self.value.values())
        return constants(self.value) if isinstance(self.value, list) else NEVER

    def constants(self) -> Sequence[Any]:
        """Return the one value."""
        return (self.value,)


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """An object with these members."""

    fields: Mapping[str, Shape]

    def member(self, key: Key) -> tuple[Shape, bool]:
        """Return a member by name."""
        if isinstance(key, str) and key in self.fields:
            return self.fields[key], True
        return (self.element() if key is None else NEVER), False

    def element(self) -> Shape:
        """Return any of its members."""
        return union(self.fields.values())

    def constants(self) -> None:
        """Return None: its values are unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """An array that begins with ``first``, or a set; what else is in it looks like ``rest``."""

    first: Sequence[Shape]
    rest: Shape

    def member(self, key: Key) -> tuple[Shape, bool]:
        """Return one of the first by its index; others may be there."""
        if isinstance(key, int) and 0 <= key < len(self.first):
            return self.first[key], True
        return self.element(), False

    def element(self) -> Shape:
        """Return any of the items."""
        return union([*self.first, self.rest])

    def constants(self) -> None:
        """Return None: its values are unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """A value that a JSON Schema describes: one type of it, references followed to ``root``."""

    node: Mapping[str, Any]
    root: Mapping[str, Any]

    def member(self, key: Key) -> tuple[Shape, bool]:
        """Return a member; it is certain when the schema requires it."""
        properties = self.node.get("properties", {})
        if isinstance(key, str) and key in properties:
            return described(properties[key], self.root), key in self.node.get("required", [])
        return self.element(), False

    def element(self) -> Shape:
        """Return what the schema says of items and members."""
        nodes = [*self.node.get("properties", {}).values()]
        nodes += [
            self.node[name] for name in ("items", "additionalProperties") if name in self.node
        ]
        if not nodes:
            return ANY
        return union(described(node, self.root) for node in nodes if isinstance(node, Mapping))

    def constants(self) -> Sequence[Any] | None:
        """Return the values that the schema lists."""
        if "const" in self.node:
            return (self.node["const"],)
        if self.node.get("type") == "null":
            return (None,)
        listed: Sequence[Any] | None = self.node.get("enum")
        return listed


def described(node: Mapping[str, Any], root: Mapping[str, Any]) -> Shape:
    """Return the shape of what a schema describes, a kind for each of its types and cases."""
    if "$ref" in node:
        return described(root["$defs"][node["$ref"].rsplit("/", 1)[-1]], root)
    if isinstance(node.get("type"), list):
        return Shape([Described({**node, "type": name}, root) for name in node["type"]])
    if "if" in node:
        return Shape([Described(case, root) for case in _cases(node)])
    return Shape([Described(node, root)])


def _cases(node: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Split a schema whose ``if`` asks for constants: once with them, once with the others."""
    properties = dict(node["properties"])
    wanted = {name: test["const"] for name, test in node["if"]["properties"].items()}
    then = properties | {name: {"const": value} for name, value in wanted.items()}
    for name, value in wanted.items():
        others = [other for other in properties[name].get("enum", []) if other != value]
        if others:
            properties[name] = {"enum": others}
    required = [*node.get("required", []), *node.get("then", {}).get("required", [])]
    whole = {key: value for key, value in node.items() if key != "if"}
    return [
        {**whole, "properties": then, "required": required},
        {**whole, "properties": properties},
    ]


def constants(values: Iterable[Any]) -> Shape:
    """Return the shape of any one of these JSON values."""
    found = list(values)
    return ANY if len(found) > MAX_VALUES else Shape([Constant(value) for value in found])


def union(shapes: Iterable[Shape]) -> Shape:
    """Return the shape of what has any of these shapes."""
    kinds = [kind for shape in shapes for kind in shape.kinds]
    if any(isinstance(kind, Anything) for kind in kinds) or len(kinds) > MAX_VALUES:
        return ANY
    return Shape(kinds)


def may_be(value: Any) -> Test:
    """Return the test whether a kind can have the value."""
    return lambda kind: (known := kind.constants()) is None or value in known


def may_differ_from(value: Any) -> Test:
    """Return the test whether a kind can have another value."""
    return lambda kind: (known := kind.constants()) is None or any(one != value for one in known)


ANY = Shape([Anything()])
NEVER = Shape([])
