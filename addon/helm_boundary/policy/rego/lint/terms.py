"""Expressions of the syntax tree, and how they are taken apart."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from helm_boundary.policy.rego.syntax import REFERENCES, Node, Rule, only

from .shapes import Key

LITERALS = frozenset({"Null", "Bool", "Number", "String", "RawString"})
COMPREHENSIONS = frozenset({"ArrayCompr", "SetCompr", "ObjectCompr"})
OPERATIONS = frozenset({"ArithExpr", "BoolExpr", "BinExpr", "OrExpr"})


def is_reference(node: Node) -> bool:
    """Tell whether it is a variable, or a path from something."""
    return only(node)[0] in REFERENCES


def name_of(node: Node) -> str | None:
    """Return the name of a plain variable; None for anything else."""
    kind, body = only(node)
    return str(body["value"]) if kind == "Var" else None


def literal(node: Node) -> tuple[Any] | None:
    """Return the value of a scalar literal, in a tuple since it may be null."""
    kind, body = only(node)
    return (body.get("value"),) if kind in LITERALS else None


def steps(node: Node) -> tuple[Node, list[Node]]:
    """Return where a reference starts, and the expressions of its steps (a name is a String)."""
    found: list[Node] = []
    while True:
        kind, body = only(node)
        if kind == "RefDot":
            found.append({"String": {"value": body["field"][1]}})
        elif kind == "RefBrack":
            found.append(body["index"])
        else:
            return node, found[::-1]
        node = body["refr"]


def key_of(step: Node) -> Key:
    """Return a step's name or index; None when it is computed."""
    kind, body = only(step)
    if kind in {"String", "RawString"}:
        return str(body["value"])
    return body["value"] if kind == "Number" and isinstance(body["value"], int) else None


def spelling(node: Node) -> str:
    """Return a text that is the same for the same expression, wherever it stands."""
    return json.dumps(_bare(node), sort_keys=True)


def _bare(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _bare(value) for key, value in node.items() if key not in {"span", "eidx"}}
    if isinstance(node, list):
        return [_bare(value) for value in node]
    return node


def operands(node: Node) -> Sequence[Node]:
    """Return the expressions that must have a value for this one to have one."""
    kind, body = only(node)
    match kind:
        case "Array" | "Set":
            found: Sequence[Node] = body["items"]
        case "Object":
            found = [part for _, key, value in body["fields"] for part in (key, value)]
        case "ArithExpr" | "BoolExpr" | "BinExpr" | "OrExpr" | "AssignExpr":
            found = [body["lhs"], body["rhs"]]
        case "Membership":
            found = [part for part in (body["key"], body["value"], body["collection"]) if part]
        case "Call":
            found = body["params"]
        case "UnaryExpr":
            found = [body["expr"]]
        case _:
            found = []
    return found


def queries(node: Node) -> tuple[list[Node], Sequence[Node]] | None:
    """Return a comprehension's terms and its statements; None for anything else."""
    kind, body = only(node)
    if kind not in COMPREHENSIONS:
        return None
    terms = [body["key"], body["value"]] if kind == "ObjectCompr" else [body["term"]]
    return terms, body["query"]["stmts"]


def below(node: Node) -> Iterator[Node]:
    """Yield the expressions right below one, except a comprehension's."""
    if is_reference(node):
        root, path = steps(node)
        yield from path
        if not is_reference(root):
            yield root
    else:
        yield from operands(node)


def all_below(node: Any) -> Iterator[Node]:
    """Yield every object of the syntax tree from a node on, whatever it is, however deep."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            yield node
            waiting += node.values()


def all_in_bodies(rule: Rule) -> Iterator[Node]:
    """Yield the same of a rule's bodies: their statements, and the values that they give."""
    yield from all_below([part for body in rule.bodies for part in (body.value, body.statements)])


def statement(node: Node) -> tuple[str, Any]:
    """Return a statement's kind and what it holds."""
    return only(node["literal"])


def expressions(node: Node) -> Sequence[Node]:
    """Return the expressions of a statement, values given with ``with`` included."""
    kind, body = statement(node)
    given = [modifier["as"] for modifier in node.get("with_mods", [])]
    match kind:
        case "Expr" | "NotExpr":
            return [body["expr"], *given]
        case "SomeIn":
            return [body["collection"], *given]
        case "Every":
            return [body["domain"], *given]
        case _:
            return given
