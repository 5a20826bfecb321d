"""Objects as patterns: OPA wants all of a value's keys in them, the engine only theirs.

So ``some {"name": name} in input.tools`` finds every tool here, and in OPA those that have a name
and nothing else. Without a variable in it an object beside ``=`` is compared whole by both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from helm_boundary.policy.rego.syntax import Node, Place, Rule, flatten, line_of, only

from .late_names import bound_before, is_unbound
from .program import Problem, Program
from .shapes import ANY, Constant, Kind, Record, Shape
from .terms import key_of, name_of, operands, statement
from .visits import Visit

type Matched = tuple[Node, Shape]
"""A pattern, and what the value looks like that it is matched with."""


def check_patterns(program: Program) -> Iterator[Problem]:
    """Find object patterns of values that may have more keys."""
    for rule in program.rules:
        for pattern, shape in (*_parameters(program, rule), *_patterns(program, rule)):
            if not _is_whole(pattern, shape):
                yield Problem(
                    Place(rule.module.file, line_of(pattern)),
                    "an object as a pattern matches values with more keys here, and in OPA only "
                    "those with just these: give the value a name, and write what its members "
                    "must be as statements",
                )


def _parameters(program: Program, rule: Rule) -> Iterator[Matched]:
    given = program.inference.parameters(rule.path) if rule.parameters else ()
    yield from zip(rule.parameters, given, strict=False)


def _patterns(program: Program, rule: Rule) -> Iterator[Matched]:
    shape = program.inference.shape
    for found in program.inference.visits(rule):
        kind, body = only(found.expression)
        if found.statement is not None and statement(found.statement)[0] == "SomeIn":
            element = shape(found.expression, found.scope).element()
            yield statement(found.statement)[1]["value"], element
        if kind == "AssignExpr":
            sides = body["lhs"], body["rhs"]
            for one, other in (sides, sides[::-1]):
                if _binds(one, _unbound(found)):
                    yield one, shape(other, found.scope)
        elif kind == "Call" and flatten(body["fcn"])[0] == ("walk",):
            yield body["params"][-1], ANY


def _unbound(found: Visit) -> Callable[[str], bool]:
    bound = bound_before(found)
    return lambda name: name == "_" or is_unbound(name, found, bound)


def _binds(node: Node, unbound: Callable[[str], bool]) -> bool:
    """Tell whether an array or object binds a variable somewhere in it."""
    name = name_of(node)
    if name is not None:
        return unbound(name)
    return only(node)[0] in {"Array", "Object"} and any(
        _binds(part, unbound) for part in operands(node)
    )


def _is_whole(pattern: Node, shape: Shape) -> bool:
    """Tell whether the objects in a pattern have every key that a value of the shape can have."""
    kind, body = only(pattern)
    if kind == "Array":
        items = enumerate(body["items"])
        return all(_is_whole(item, shape.member(position)[0]) for position, item in items)
    if kind != "Object":
        return True
    keys = {key_of(key): value for _, key, value in body["fields"]}
    return all(_has_no_other(each, set(keys)) for each in shape.kinds) and all(
        _is_whole(value, shape.member(key)[0]) for key, value in keys.items()
    )


def _has_no_other(kind: Kind, keys: set[str | int | None]) -> bool:
    if isinstance(kind, Record):
        return set(kind.fields) == keys
    if not isinstance(kind, Constant):
        return False
    known = set(kind.value) if isinstance(kind.value, Mapping) else set()
    return known == keys or not keys <= known
