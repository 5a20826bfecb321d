"""Iteration in the head of a set or object, over what may be empty or missing.

``deny contains input.tools[_].name`` has no value at all in the engine where there are no tools,
or the first has no name; in OPA it is what is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from helm_boundary.policy.rego.syntax import Node, Place, Rule, line_of

from .program import Problem, Program
from .scope import Scope
from .shapes import Constant, Kind, Record, Shape
from .terms import below, is_reference, key_of, name_of, steps


def check_heads(program: Program) -> Iterator[Problem]:
    """Find iteration in heads of sets and objects, unless there is something for certain."""
    for rule in program.rules:
        if rule.kind == "set" or (rule.kind == "value" and None in rule.head):
            for node in _iterations(program, rule):
                yield Problem(
                    Place(rule.module.file, line_of(node)),
                    "the engine loses the whole rule where this iterates over nothing: write "
                    "some x in … in the body, and x in the head",
                )


def _iterations(program: Program, rule: Rule) -> Iterator[Node]:
    for body, scope in zip(rule.bodies, program.inference.scopes(rule), strict=True):
        waiting = [body.value] if body.value is not None else []
        while waiting:
            node = waiting.pop()
            waiting += below(node)
            if is_reference(node) and not _is_certain(program, node, scope):
                yield node


def _is_certain(program: Program, node: Node, scope: Scope) -> bool:
    """Tell whether a reference iterates over nothing, or only over what is there."""
    path = steps(node)[1]
    first = next((n for n, step in enumerate(path) if _iterates(step, scope)), None)
    if first is None:
        return True
    for _ in path[first:]:
        node = _shorter(node)
    shape, certain = program.inference.term(node, scope)
    return certain and _all_there(shape, path[first:], scope)


def _shorter(node: Node) -> Node:
    shorter: Node = next(iter(node.values()))["refr"]
    return shorter


def _iterates(step: Node, scope: Scope) -> bool:
    name = name_of(step)
    return name is not None and (name == "_" or (scope.is_local(name) and name not in scope.names))


def _all_there(shape: Shape, path: Sequence[Node], scope: Scope) -> bool:
    for step in path:
        if _iterates(step, scope):
            there = all(map(_has_members, shape.kinds))
            shape = shape.element()
        else:
            shape, there = shape.member(key_of(step))
        if not there:
            return False
    return True


def _has_members(kind: Kind) -> bool:
    if isinstance(kind, Record):
        return bool(kind.fields)
    return isinstance(kind, Constant) and isinstance(kind.value, dict | list) and bool(kind.value)
