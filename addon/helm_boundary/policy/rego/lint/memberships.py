"""``x in y`` as a value: over something undefined it is false for the engine, undefined for OPA."""

from __future__ import annotations

from collections.abc import Iterator

from helm_boundary.policy.rego.syntax import Node, flatten, only

from .culprits import culprit
from .program import Problem, Program
from .terms import operands
from .visits import Role, Visit


def check_memberships(program: Program) -> Iterator[Problem]:
    """Find memberships in other expressions and in heads, over what may be undefined."""
    inference = program.inference
    for rule in program.rules:
        for found in inference.visits(rule):
            for node in _as_values(found):
                names = (culprit(part, found.scope, inference) for part in operands(node))
                name = next(filter(None, names), None)
                if name:
                    yield Problem(
                        found.place,
                        f"{name} may be undefined, and then this in is false here and undefined "
                        f"in OPA: write x := {name} before it, give it a default, or let the in "
                        "be a statement of its own",
                    )


def _as_values(found: Visit) -> Iterator[Node]:
    if _prints(found.expression):
        return
    alone = found.expression if found.role is not Role.VALUE else None
    for node in found.nodes():
        if node is not alone and only(node)[0] == "Membership":
            yield node


def _prints(node: Node) -> bool:
    kind, body = only(node)
    return kind == "Call" and flatten(body["fcn"])[0] == ("print",)
