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
type Span = Mapping[str, int]
type Path = tuple[str | None, ...]
"""A reference's parts; None where a part is computed."""

INSTEAD: Mapping[Path, Path] = {
    ("data", "helm_boundary", "text", "format"): ("sprintf",),
    ("data", "helm_boundary", "text", "marshal"): ("json", "marshal"),
    ("data", "helm_boundary", "text", "size"): ("count",),
    ("data", "helm_boundary", "text", "subset"): ("object", "subset"),
    ("data", "helm_boundary", "text", "match"): ("json", "match_schema"),
    ("data", "helm_boundary", "text", "remove"): ("json", "remove"),
    ("data", "helm_boundary", "text", "filter"): ("json", "filter"),
    ("data", "helm_boundary", "text", "time"): ("time", "format"),
    ("data", "helm_boundary", "text", "identifier"): ("uuid", "parse"),
}
"""Where calls of some built-ins go; to the lint they are calls of these."""

REFERENCES = frozenset({"RefDot", "RefBrack", "Var"})


@dataclass(frozen=True, slots=True)
class Place:
    """A file and a line in it."""

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
    """A use of a name or a path, imports followed; a plain variable is a path of one part.

    ``imported`` is the import that it goes through, if it does.
    """

    path: Path
    place: Place
    imported: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """A file's package, its imports by the name they have in it, and its text."""

    file: str
    package: tuple[str, ...]
    imports: Mapping[str, Path]
    contents: bytes

    def text(self, span: Span) -> str:
        """Return the text at a span of the syntax tree."""
        return self.contents[span["start"] : span["end"]].decode()

    def resolve(self, path: Path) -> Path:
        """Return a path with its first name followed through the imports."""
        if path in INSTEAD:
            return INSTEAD[path]
        imported = self.imports.get(path[0] or "") if path else None
        return imported + path[1:] if imported else path


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """One way for a rule to hold: its statements, and the value it then has (None is true)."""

    value: Node | None
    statements: Sequence[Node]


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One definition: ``kind`` is set, value, function or default; ``head`` what it is called.

    Of the ``bodies`` (never none) the second and later ones are written with else. A set's value
    is what it contains. ``bracketed`` is a head whose last part is written ``[…]``, ``keys`` are
    what stands in the brackets.
    """

    module: Module
    head: Path
    bracketed: bool
    keys: Sequence[Node]
    kind: str
    parameters: Sequence[Node]
    bodies: Sequence[Body]
    calls: tuple[Call, ...]
    references: tuple[Reference, ...]
    place: Place

    @property
    def package(self) -> tuple[str, ...]:
        """The package it is in."""
        return self.module.package

    @property
    def path(self) -> tuple[str, ...]:
        """The path of its name in data, up to the first computed part."""
        return (*self.package, *static(self.head))

    @property
    def arity(self) -> int:
        """The number of arguments it takes."""
        return len(self.parameters)


def read_rules(tree: str) -> list[Rule]:
    """Read every rule of the modules in a syntax tree (JSON text of ``get_ast_as_json``)."""
    rules: list[Rule] = []
    for node in json.loads(tree):
        module = read_module(node)
        if ("data", *module.package, "format") in INSTEAD:
            continue
        rules += [_rule(module, rule) for rule in node["ast"]["rules"]]
    return rules


def read_module(node: Node) -> Module:
    """Read a module of a syntax tree, without its rules."""
    syntax, contents = node["ast"], node["source"]["contents"].encode()
    package = tuple(str(part) for part in flatten(syntax["package"]["refr"])[0])
    imports = _imports(syntax["imports"], contents)
    return Module(node["source"]["file"], package, imports, contents)


def flatten(node: Node) -> tuple[Path, list[Node]]:
    """Return a reference's path, and the expressions that compute its dynamic parts.

    The path is empty when the reference doesn't start at a name.
    """
    parts: list[str | None] = []
    inside: list[Node] = []
    while True:
        kind, body = only(node)
        if kind == "RefDot":
            parts.append(body["field"][1])
            node = body["refr"]
        elif kind == "RefBrack":
            index_kind, index = only(body["index"])
            parts.append(index["value"] if index_kind == "String" else None)
            inside.append(body["index"])
            node = body["refr"]
        elif kind == "Var":
            parts.append(body["value"])
            return tuple(reversed(parts)), inside
        else:
            inside.append(node)
            return (), inside


def _rule(module: Module, node: Node) -> Rule:
    kind, body = only(node)
    head_kind, head = (kind, body) if kind == "Default" else only(body["head"])
    name, keys = flatten(head["refr"])
    reader = Reader(module)
    reader.read([value for key, value in head.items() if key != "refr"])
    reader.read(body.get("bodies", []))
    return Rule(
        module=module,
        head=name,
        bracketed=only(head["refr"])[0] == "RefBrack",
        keys=keys,
        kind={"Set": "set", "Func": "function", "Default": "default"}.get(head_kind, "value"),
        parameters=head.get("args", []),
        bodies=_bodies(head, body.get("bodies", [])),
        calls=tuple(reader.calls),
        references=tuple(reader.references),
        place=Place(module.file, body["span"]["line"]),
    )


def _bodies(head: Mapping[str, Any], nodes: Sequence[Node]) -> Sequence[Body]:
    value = head.get("key") or head.get("value") or (head.get("assign") or {}).get("value")
    if not nodes:
        return [Body(value, [])]
    values = [value, *((node["assign"] or {}).get("value") for node in nodes[1:])]
    return [Body(value, node["query"]["stmts"]) for value, node in zip(values, nodes, strict=True)]


class Reader:
    """A collector of the calls and references below a node of a module."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self.calls: list[Call] = []
        self.references: list[Reference] = []

    def read(self, node: Node) -> None:
        """Add the calls and references below another node."""
        # A list of its own instead of recursion: expressions can nest deeply.
        waiting = [node]
        while waiting:
            node = waiting.pop()
            if isinstance(node, list):
                waiting += node
            elif isinstance(node, dict):
                waiting += self._children(node)

    def _children(self, node: Mapping[str, Any]) -> Sequence[Node]:
        if "Call" in node:
            body = node["Call"]
            name, inside = flatten(body["fcn"])
            place = Place(self._module.file, body["span"]["line"])
            self.calls.append(Call(self._module.resolve(name), tuple(body["params"]), place))
            return [*inside, *body["params"]]
        for kind in REFERENCES:
            if kind in node and isinstance(node[kind], dict):
                path, inside = flatten(node)
                if path:
                    self._refer(path, line_of(node))
                return inside
        return list(node.values())

    def _refer(self, path: Path, line: int) -> None:
        imported = self._module.imports.get(path[0] or "")
        place = Place(self._module.file, line)
        self.references.append(Reference(self._module.resolve(path), place, imported))


def _imports(nodes: Sequence[Node], contents: bytes) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for node in nodes:
        path, _ = flatten(node["refr"])
        if path[0] in {"data", "input"}:
            alias = node.get("as")
            name = contents[alias["start"] : alias["end"]].decode() if alias else path[-1]
            found[str(name)] = path
    return found


def line_of(node: Node) -> int:
    """Return the line a node starts in."""
    _, body = only(node)
    return int(body["span"]["line"])


def only(node: Node) -> tuple[str, Any]:
    """Return a node's kind and what it holds."""
    kind, body = next(iter(node.items()))
    return kind, body


def static(path: Path) -> Iterator[str]:
    """Yield the parts of a path up to the first computed one."""
    for part in path:
        if part is None:
            return
        yield part
