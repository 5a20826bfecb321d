"""Functions that don't exist, are called wrongly, or must not be called."""

from __future__ import annotations

from collections.abc import Iterator

from helm_boundary.policy.rego.builtins import ADDED, BUILTINS, FORBIDDEN, LACKING, REPLACED, SYNTAX
from helm_boundary.policy.rego.syntax import (
    INSTEAD,
    Call,
    Place,
    Rule,
    flatten,
    line_of,
    only,
)

from .program import Problem, Program

_WRITTEN_AS = frozenset(INSTEAD.values())
"""The functions that are called by another path than the one that is written."""


def check_calls(program: Program) -> Iterator[Problem]:
    """Find functions that don't exist, are called wrongly, or must not be called."""
    for rule in program.rules:
        for call in rule.calls:
            message = _wrong_call(program, rule, call)
            if message:
                yield Problem(call.place, message)
        yield from _not_called(rule)
        yield from _in_brackets(program, rule)


def _not_called(rule: Rule) -> Iterator[Problem]:
    """Find members of variables that are written as a function is that the engine has elsewhere."""
    for reference in rule.references:
        if len(reference.path) > 1 and reference.path in _WRITTEN_AS:
            name = ".".join(part or "" for part in reference.path)
            yield Problem(
                reference.place,
                f"{name} is a function's name, and the engine takes it for that: give the "
                f"variable {reference.path[0]} another name",
            )


def _in_brackets(program: Program, rule: Rule) -> Iterator[Problem]:
    """Find calls such as json["remove"](…), for which the engine has only what is its own."""
    for found in program.inference.visits(rule):
        for node in found.nodes():
            kind, body = only(node)
            if kind != "Call" or only(body["fcn"])[0] != "RefBrack":
                continue
            name = ".".join(part or "" for part in rule.module.resolve(flatten(body["fcn"])[0]))
            if name in BUILTINS:
                place = Place(rule.module.file, line_of(node))
                yield Problem(place, f"{name} must be written with dots: {name}(…)")


def _wrong_call(program: Program, rule: Rule, call: Call) -> str | None:
    name = ".".join(part or "[…]" for part in call.name) or "an expression"
    count = len(call.arguments)
    path = program.rule_path(rule, call.name)
    if path is not None:
        arities = {known.arity for known in program.named[path]}
        if not {count, count - 1} & arities:
            wanted = " or ".join(str(arity) for arity in sorted(arities))
            return f"{name} takes {wanted} arguments, here it gets {count}"
        return None
    if name in SYNTAX:
        return None
    if name in FORBIDDEN:
        return f"{name} is not allowed: {FORBIDDEN[name]}"
    if name in LACKING:
        return f"{name} is OPA's, and the embedded engine lacks it: write the rule without it"
    if name not in BUILTINS:
        return f"{name} is not a function: define it, import it, or correct its name"
    if name == "walk" and count != 2:
        return "walk must be written walk(x, [path, value]): the engine finds nothing otherwise"
    if (name in ADDED or name in REPLACED) and count != BUILTINS[name]:
        return f"{name} takes {BUILTINS[name]} arguments: write x := {name}(…) for its result"
    if count not in {BUILTINS[name], BUILTINS[name] + 1}:
        return f"{name} takes {BUILTINS[name]} arguments, here it gets {count}"
    return None
