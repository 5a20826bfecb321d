"""Values in heads that may be missing for one of several solutions of the body.

The engine then loses the rule whole, and OPA this one solution: ``deny contains tool.name if some
tool in input.tools`` says nothing here as soon as one tool has no name. So it is where a head
iterates itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from helm_boundary.policy.rego.syntax import Node, Place, Rule, flatten, line_of, only

from .culprits import culprit
from .late_names import bound_before, is_unbound
from .program import Problem, Program
from .scope import Scope
from .shapes import Constant, Kind, Record, Shape
from .terms import below, is_reference, key_of, name_of, statement, steps
from .visits import Role, Visit


def check_heads(program: Program) -> Iterator[Problem]:
    """Find iteration in heads, and values that may be missing beside iteration in the body."""
    for rule in program.rules:
        if rule.kind == "default":
            continue
        if rule.kind == "set" or rule.keys:
            for node in _iterations(program, rule):
                yield Problem(
                    Place(rule.module.file, line_of(node)),
                    "the engine loses the whole rule where this iterates over nothing: write "
                    "some x in … in the body, and x in the head",
                )
        yield from _missing(program, rule)


def _missing(program: Program, rule: Rule) -> Iterator[Problem]:
    iterating = {id(found.scope) for found in program.inference.visits(rule) if _branches(found)}
    for body, scope in zip(rule.bodies, program.inference.scopes(rule), strict=True):
        if id(scope) not in iterating:
            continue
        for node in (*rule.keys, *([body.value] if body.value is not None else ())):
            name = culprit(node, scope, program.inference)
            if name:
                yield Problem(
                    Place(rule.module.file, line_of(node)),
                    f"{name} may be undefined for one of several solutions, and then the engine "
                    f"loses all of them: write x := {name} in the body, and x in the head",
                )


def _branches(found: Visit) -> bool:
    """Tell whether a statement of a body may hold in several ways."""
    if found.statement is None or found.role is Role.NEGATED:
        return False
    if statement(found.statement)[0] == "SomeIn":
        return True
    bound = bound_before(found)
    for node in found.nodes():
        if only(node)[0] == "Call" and flatten(only(node)[1]["fcn"])[0] == ("walk",):
            return True
        if is_reference(node):
            for name in filter(None, map(name_of, steps(node)[1])):
                if name == "_" or is_unbound(name, found, bound):
                    return True
    return False


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
