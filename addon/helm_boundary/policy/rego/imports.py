"""Imported names, written out before the engine reads a module.

An import is a shorter name for a path. The engine makes more of it: it evaluates the imported
package whole and, once a package has been evaluated whole, finds nothing through the imports in
it; an import of the package that it stands in leads nowhere; and a rule of the same name wins.
With ``data.acme.limits`` in place of ``limits`` it does what OPA does. Lines stay as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

import regorus

from .syntax import Module, Node, Path, Span, flatten, only, read_module

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
IMPORT = re.compile(r"^[ \t]*import[ \t]+(?:data|input)\b", re.MULTILINE)


def write_out_imports(modules: Mapping[str, str]) -> dict[str, str]:
    """Replace the names that modules (by file) import by what they stand for.

    Raises what the engine raises for one that it can't read.
    """
    engine = regorus.Engine()
    for file, text in modules.items():
        if IMPORT.search(text):
            engine.add_policy(file, text)
    written = dict(modules)
    for node in json.loads(engine.get_ast_as_json()):
        module = read_module(node)
        written[module.file] = _write_out(module, node["ast"])
    return written


def _write_out(module: Module, syntax: Node) -> str:
    changes = [(node["span"], "") for node in syntax["imports"] if _is_ours(node)]
    changes += [
        (span, _written(module.imports[name]))
        for rule in syntax["rules"]
        if _may_use(module, rule)
        for span, name in _uses(module, rule)
    ]
    text = module.contents
    for span, new in sorted(changes, key=lambda change: -change[0]["start"]):
        text = text[: span["start"]] + new.encode() + text[span["end"] :]
    return text.decode()


def _may_use(module: Module, rule: Node) -> bool:
    """Tell from the rule's text whether it may use an import, which spares most rules the walk."""
    text = module.text(only(rule)[1]["span"])
    return any(name in text for name in module.imports)


def _is_ours(node: Node) -> bool:
    return flatten(node["refr"])[0][0] in {"data", "input"}


def _written(path: Path) -> str:
    first, *others = map(str, path)
    return first + "".join(
        f".{part}" if NAME.fullmatch(part) else f"[{json.dumps(part)}]" for part in others
    )


def _uses(module: Module, rule: Node) -> Iterator[tuple[Span, str]]:
    """Yield where a rule uses imported names, unless a variable has the name there."""
    waiting = list(_parts(module, rule))
    while waiting:
        node, hidden = waiting.pop()
        if isinstance(node, list):
            waiting += [(part, hidden) for part in node]
        elif isinstance(node, dict):
            if (name := node.get("Var", {}).get("value")) is not None:
                if name in module.imports and name not in hidden:
                    yield node["Var"]["span"], str(name)
            elif "Every" in node:
                body = node["Every"]
                own = {module.text(body[part]) for part in ("key", "value") if body[part]}
                waiting += [(body["domain"], hidden), (body["query"], hidden | own)]
            elif "query" in node:  # a comprehension's terms see what its statements declare
                inside = hidden | declared(module, node["query"]["stmts"])
                waiting += [(part, inside) for part in node.values()]
            elif "stmts" in node:
                inside = hidden | declared(module, node["stmts"])
                waiting += [(part, inside) for part in node["stmts"]]
            else:
                waiting += [(part, hidden) for part in node.values()]


def _parts(module: Module, rule: Node) -> Iterator[tuple[Node, frozenset[str]]]:
    """Yield the head's value and the bodies of a rule, each with the variables that it sees."""
    head, bodies = _head(rule), only(rule)[1].get("bodies", [])
    own = frozenset(name for node in head.get("args", []) for name in names_in(node))
    first = declared(module, bodies[0]["query"]["stmts"]) if bodies else frozenset()
    for name, value in head.items():
        if name == "refr":
            yield [{"RefBrack": {"index": key}} for key in flatten(value)[1]], own | first
        elif name != "args":
            yield value, own | first
    for each in bodies:
        yield each, own


def _head(rule: Node) -> Node:
    kind, body = only(rule)
    return body if kind == "Default" else only(body["head"])[1]


def declared(module: Module, statements: Sequence[Node]) -> frozenset[str]:
    """Return the variables that statements declare: with ``:=`` and ``some``."""
    found: set[str] = set()
    for node in statements:
        kind, body = only(node["literal"])
        if kind == "Expr" and body["expr"].get("AssignExpr", {}).get("op") == "ColEq":
            found.update(names_in(body["expr"]["AssignExpr"]["lhs"]))
        elif kind == "SomeVars":
            found.update(module.text(span) for span in body["vars"])
        elif kind == "SomeIn":
            found.update(*(names_in(body[part]) for part in ("key", "value") if body[part]))
    return frozenset(found)


def names_in(pattern: Node) -> Iterator[str]:
    """Yield the variables of a pattern."""
    kind, body = only(pattern)
    if kind == "Var":
        yield str(body["value"])
    elif kind == "Array":
        for item in body["items"]:
            yield from names_in(item)
    elif kind == "Object":
        for _, _, value in body["fields"]:
            yield from names_in(value)
