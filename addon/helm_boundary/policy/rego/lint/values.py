"""Values that the engine computes otherwise than OPA, and says nothing.

OPA calculates in decimal where the engine has binary floats, puts objects before sets where the
engine puts them after, tells in other words what a schema finds wrong, and writes zones by their
letters where the engine writes their distance.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from helm_boundary.policy.rego.syntax import Node, Place, Rule, flatten, line_of, only

from .orders import unordered
from .program import Problem, Program
from .terms import is_reference, key_of, literal, name_of, steps

MOST = 2**63 - 1
MATCH_SCHEMA, FORMAT = ("json", "match_schema"), ("time", "format")
# Go's layouts with a zone's letters in them: https://pkg.go.dev/time#pkg-constants
LETTERS = frozenset({"UnixDate", "RFC822", "RFC850", "RFC1123"})
# Fractions that are cut short, or have other than three, six or nine digits; what isn't read.
OTHERWISE = re.compile(r",[09]|\.9|\.0(?!(?:0{3}){0,2}0{2}(?!0))|RFC3339Nano|Stamp|07:?00:?00")


def check_values(program: Program) -> Iterator[Problem]:
    """Find decimal arithmetic, orders of objects and sets, and results that no rule may read."""
    for rule in program.rules:
        nodes = [node for found in program.inference.visits(rule) for node in found.nodes()]
        for node in nodes:
            message = _inexact(node) or _huge(node) or _lettered(rule, node)
            message = message or unordered(program, rule, node)
            if message:
                yield Problem(_place(rule, node), message)
        for call in _schema_errors(rule, nodes):
            yield Problem(
                _place(rule, call),
                "what json.match_schema finds wrong is told otherwise by OPA: read only its first "
                "value, as in json.match_schema(…)[0]",
            )


def _inexact(node: Node) -> str | None:
    kind, body = only(node)
    sides = (body["lhs"], body["rhs"]) if kind in {"ArithExpr", "BoolExpr"} else ()
    if kind != "ArithExpr" and "ArithExpr" not in {only(side)[0] for side in sides}:
        return None
    for operand in sides:
        value = literal(operand)
        number = value[0] if value else None
        if isinstance(number, float) and Fraction(number) != Fraction(repr(number)):
            return (
                f"OPA calculates with {number} as a decimal number, the engine with the binary one "
                "nearest to it: calculate in whole numbers, such as thousandths"
            )
    return None


def _huge(node: Node) -> str | None:
    value = literal(node)
    number = value[0] if value else None
    if isinstance(number, int | float) and not isinstance(number, bool) and abs(number) > MOST:
        return (
            f"{number} is beyond what the engine tells apart, and OPA calculates with it exactly: "
            f"stay within {MOST}, or compare texts"
        )
    return None


def _lettered(rule: Rule, node: Node) -> str | None:
    if not _calls(rule, node, FORMAT):
        return None
    kind, argument = only(only(node)[1]["params"][0])
    if kind != "Array" or len(argument["items"]) < 3:
        return None
    layout = literal(argument["items"][2])
    if layout is not None and isinstance(layout[0], str) and not _has_letters(layout[0]):
        if not OTHERWISE.search(layout[0]):
            return None
        return (
            "time.format writes parts of a second, and Stamp, otherwise than OPA: give it a layout "
            "with none, or with .000, .000000 or .000000000"
        )
    return (
        "time.format writes a zone's letters (MST) otherwise than OPA: give it a layout in the "
        "rule itself that has none, such as 2006-01-02T15:04:05Z07:00"
    )


def _has_letters(layout: str) -> bool:
    return layout in LETTERS or "MST" in layout


def _schema_errors(rule: Rule, nodes: list[Node]) -> Iterator[Node]:
    """Yield the calls of json.match_schema of whose result more than the first value is read."""
    calls = {id(node): node for node in nodes if _calls(rule, node, MATCH_SCHEMA)}
    if not calls:
        return
    for node in nodes:
        kind, body = only(node)
        if is_reference(node):
            start, path = steps(node)
            if path and key_of(path[0]) == 0:
                calls.pop(id(start), None)
        elif kind == "AssignExpr" and _reads_first(body["lhs"], nodes):
            calls.pop(id(body["rhs"]), None)
    yield from calls.values()


def _reads_first(pattern: Node, nodes: list[Node]) -> bool:
    """Tell whether no second value is read of what a pattern or a name is given."""
    kind, body = only(pattern)
    if kind == "Array":
        return len(body["items"]) == 2 and name_of(body["items"][1]) == "_"
    name = name_of(pattern)
    uses = [steps(node) for node in nodes if is_reference(node) and node is not pattern]
    read = [path for start, path in uses if name is not None and name_of(start) == name]
    return name is not None and all(path and key_of(path[0]) == 0 for path in read)


def _calls(rule: Rule, node: Node, name: tuple[str, ...]) -> bool:
    kind, body = only(node)
    return kind == "Call" and rule.module.resolve(flatten(body["fcn"])[0]) == name


def _place(rule: Rule, node: Node) -> Place:
    return Place(rule.module.file, line_of(node))
