"""Names that OPA and the engine take for different things: a variable's, a rule's, data's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from helm_boundary.policy.rego.syntax import Node, Place, Rule

from .program import Problem, Program


def check_hidden_names(program: Program) -> Iterator[Problem]:
    """Find variables that are called as a rule beside them, and rules that data hide."""
    for rule in program.rules:
        for span in _declared(rule):
            name = rule.module.text(span)
            if (*rule.package, name) in program.named:
                yield Problem(
                    Place(rule.module.file, span["line"]),
                    f"the engine takes {name} for the rule of that name in this package, and OPA "
                    "for the variable: give the variable another name",
                )
        if _is_in(program.data, rule.path):
            yield Problem(
                rule.place,
                f"data have {'.'.join(rule.path)} as well, and the engine would never look at the "
                "rule: give one of them another name",
            )


def _declared(rule: Rule) -> Iterator[Any]:
    """Yield where a ``some`` without ``in`` declares a variable, however deep it stands."""
    waiting: list[Node] = [body.statements for body in rule.bodies]
    waiting += [body.value for body in rule.bodies]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            if "SomeVars" in node:
                yield from node["SomeVars"]["vars"]
            waiting += node.values()


def _is_in(data: Any, path: tuple[str, ...]) -> bool:
    for part in path:
        if not isinstance(data, dict) or part not in data:
            return False
        data = data[part]
    return True
