"""Definitions of functions that the engine reads otherwise than OPA."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from helm_boundary.policy.rego.formatting import INSTEAD
from helm_boundary.policy.rego.syntax import Node, Rule, only

from .program import Problem, Program
from .terms import operands


def check_functions(program: Program) -> Iterator[Problem]:
    """Find parameters that are one name, else without its value, and names of built-ins."""
    for rule in program.rules:
        if rule.kind == "function":
            for message in _messages(program, rule):
                yield Problem(rule.place, message)


def _messages(program: Program, rule: Rule) -> Iterator[str]:
    for name in _repeated(rule.parameters):
        yield (
            f"the engine gives {name} the last of its arguments, where OPA wants them to be equal: "
            f"give each parameter a name of its own, and write that they are equal"
        )
    if rule.bodies[0].value is not None and any(body.value is None for body in rule.bodies[1:]):
        yield (
            "the engine takes an else without a value for undefined, where a function has one "
            "above it: write else := true if"
        )
    files = {each.module.file for each in program.rules if each.package == rule.package}
    if len(rule.head) == 1 and rule.head[0] in INSTEAD and len(files) > 1:
        yield (
            f"{rule.head[0]} is a built-in, which the package's other files would call: give the "
            "function another name"
        )


def _repeated(parameters: Sequence[Node]) -> list[str]:
    """List the names that stand in more than one parameter."""
    found = Counter(name for node in parameters for name in {*_names(node)} if name != "_")
    return sorted(name for name, times in found.items() if times > 1)


def _names(node: Node) -> Iterator[str]:
    kind, body = only(node)
    if kind == "Var":
        yield str(body["value"])
    parts = [value for _, _, value in body["fields"]] if kind == "Object" else operands(node)
    for part in parts:
        yield from _names(part)
