"""Rego modules as the lint sees them: rules, calls and references, with their lines.

Read from the engine's own syntax tree, so the lint and the engine can't disagree on what a
module says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

type Node = Any
type Path = tuple[str | None, ...]
"""A reference's parts; None where a part is computed."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function, by its name as it resolves (imports followed)."""

    name: Path
    arguments: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Reference:
    """A use of a name or a path, imports followed; a plain variable is a path of one part."""

    path: Path
    place: Place


@dataclass(frozen=True, slots=True)
class Rule:
    """One definition: ``kind`` is set, value, function or default; ``head`` what it is called.

    ``negated`` are the references that calls and memberships below a ``not`` take.
    """

    package: tuple[str, ...]
    head: Path
    kind: str
    arity: int
    calls: tuple[Call, ...]
    references: tuple[Reference, ...]
    negated: tuple[Reference, ...]
    place: Place


def read_rules(tree: str) -> list[Rule]:
    """Every rule of the modules in a syntax tree (JSON text of ``get_ast_as_json``)."""
    rules: list[Rule] = []
    for module in json.loads(tree):
        file, syntax = module["source"]["file"], module["ast"]
        package = tuple(str(part) for part in flatten(syntax["package"]["refr"])[0])
        imports = _imports(syntax["imports"], module["source"]["contents"].encode())
        rules += [_rule(file, package, imports, rule) for rule in syntax["rules"]]
    return rules


def flatten(node: Node) -> tuple[Path, list[Node]]:
    """A reference's path, and the expressions that compute its dynamic parts.

    The path is empty when the reference doesn't start at a name.
    """
    parts: list[str | None] = []
    inside: list[Node] = []
    while True:
        kind, body = _only(node)
        if kind == "RefDot":
            parts.append(body["field"][1])
            node = body["refr"]
        elif kind == "RefBrack":
            index_kind, index = _only(body["index"])
            parts.append(index["value"] if index_kind == "String" else None)
            inside.append(body["index"])
            node = body["refr"]
        elif kind == "Var":
            parts.append(body["value"])
            return tuple(reversed(parts)), inside
        else:
            inside.append(node)
            return (), inside


def _rule(file: str, package: tuple[str, ...], imports: Mapping[str, Path], node: Node) -> Rule:
    kind, body = _only(node)
    place = Place(file, body["span"]["line"])
    head_kind, head = (kind, body) if kind == "Default" else _only(body["head"])
    name, _ = flatten(head["refr"])
    reader = _Reader(file, imports)
    reader.read([value for key, value in head.items() if key != "refr"])
    reader.read(body.get("bodies", []))
    return Rule(
        package=package,
        head=name,
        kind={"Set": "set", "Func": "function", "Default": "default"}.get(head_kind, "value"),
        arity=len(head.get("args", [])),
        calls=tuple(reader.calls),
        references=tuple(reader.references),
        negated=tuple(reader.negated),
        place=place,
    )


# What is undefined inside one of these leaves it empty, in every engine.
COMPREHENSIONS = frozenset({"ArrayCompr", "SetCompr", "ObjectCompr"})


class _Reader:
    """Collects calls and references below a node, but not inside nodes of the kinds ``without``."""

    def __init__(
        self, file: str, imports: Mapping[str, Path], without: frozenset[str] = frozenset()
    ) -> None:
        self._without = without
        self._file = file
        self._imports = imports
        self.calls: list[Call] = []
        self.references: list[Reference] = []
        self.negated: list[Reference] = []

    def read(self, node: Node) -> None:
        # A list of its own instead of recursion: expressions can nest deeply.
        waiting = [node]
        while waiting:
            node = waiting.pop()
            if isinstance(node, list):
                waiting += node
            elif isinstance(node, dict):
                waiting += self._children(node)

    def _children(self, node: Mapping[str, Any]) -> Sequence[Node]:
        if "NotExpr" in node:
            self._negate(node["NotExpr"]["expr"])
        if self._without & node.keys():
            return ()
        if "Call" in node:
            body = node["Call"]
            name, inside = flatten(body["fcn"])
            place = Place(self._file, body["span"]["line"])
            self.calls.append(Call(self._resolve(name), tuple(body["params"]), place))
            return [*inside, *body["params"]]
        for kind in ("RefDot", "RefBrack", "Var"):
            if kind in node and isinstance(node[kind], dict):
                path, inside = flatten(node)
                if path:
                    place = Place(self._file, _line(node))
                    self.references.append(Reference(self._resolve(path), place))
                return inside
        return list(node.values())

    def _negate(self, expression: Node) -> None:
        kind, _ = _only(expression)
        operands = _Reader(self._file, self._imports, without=COMPREHENSIONS)
        operands.read(expression)
        if operands.calls or kind == "Membership":
            self.negated += operands.references

    def _resolve(self, path: Path) -> Path:
        imported = self._imports.get(path[0] or "") if path else None
        return imported + path[1:] if imported else path


def _imports(nodes: Sequence[Node], contents: bytes) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for node in nodes:
        path, _ = flatten(node["refr"])
        if path[0] in {"data", "input"}:
            alias = node.get("as")
            name = contents[alias["start"] : alias["end"]].decode() if alias else path[-1]
            found[str(name)] = path
    return found


def _line(node: Node) -> int:
    _, body = _only(node)
    return int(body["span"]["line"])


def _only(node: Node) -> tuple[str, Any]:
    kind, body = next(iter(node.items()))
    return kind, body


def static(path: Path) -> Iterator[str]:
    """The parts of a path up to the first computed one."""
    for part in path:
        if part is None:
            return
        yield part
