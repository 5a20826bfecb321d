"""``not`` over what may be undefined: true for the engine, undefined for OPA.

OPA evaluates the operands of a call, of a comparison other than equality and of a membership
before the ``not``, and so the indices of a reference. Where one of them is undefined, so is the
body. The engine evaluates them below the ``not``, and undefined is what it asks for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from helm_boundary.policy.rego.syntax import Node, only

from .culprits import culprit
from .program import Problem, Program
from .terms import OPERATIONS, is_reference, operands, steps
from .visits import Role


def check_negations(program: Program) -> Iterator[Problem]:
    """Find operands below a ``not`` that may be undefined."""
    inference = program.inference
    for rule in program.rules:
        for found in inference.visits(rule):
            if found.role is Role.NEGATED:
                for node in _evaluated_before(found.expression):
                    name = culprit(node, found.scope, inference)
                    if name:
                        yield Problem(found.place, _message(name))


def _message(name: str) -> str:
    return (
        f"{name} may be undefined, and then OPA and the engine disagree on this not: "
        f"{_remedy(name)}"
    )


def _remedy(name: str) -> str:
    """Say what to write: first what keeps the rule speaking where the value is absent."""
    skips = f"x := {name} before the not would skip the rule where it is absent"
    start, *path = name.split(".")
    if start == "input" and path and all(part.isidentifier() for part in path):
        keys = json.dumps(path if len(path) > 1 else path[0])
        return f"write object.get(input, {keys}, …) with a value for its absence; {skips}"
    return f"give it a default, or write object.get(…) with a value for its absence; {skips}"


def _evaluated_before(node: Node) -> Iterator[Node]:
    """Yield what OPA evaluates before it negates."""
    kind, body = only(node)
    if is_reference(node):
        yield from _indices(node)
    elif kind == "AssignExpr" or (kind == "BoolExpr" and body["op"] == "Eq"):
        for side in (body["lhs"], body["rhs"]):
            yield from _indices(side) if is_reference(side) else [side]
    elif kind == "Call" or kind in OPERATIONS or kind == "Membership":
        yield from operands(node)
    else:
        yield node


def _indices(node: Node) -> Iterator[Node]:
    start, path = steps(node)
    yield from path
    if not is_reference(start):
        yield start
