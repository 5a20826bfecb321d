"""Variables that are declared under a rule's name: the engine takes them for the rule."""

from __future__ import annotations

from collections.abc import Iterator

from helm_boundary.policy.rego.syntax import Place, Rule, Span

from .program import Problem, Program
from .terms import all_in_bodies


def check_hidden_names(program: Program) -> Iterator[Problem]:
    """Find variables that are declared by ``some`` and called as a rule beside them."""
    for rule in program.rules:
        for span in _declared(rule):
            name = rule.module.text(span)
            if (*rule.package, name) in program.named:
                yield Problem(
                    Place(rule.module.file, span["line"]),
                    f"the engine takes {name} for the rule of that name in this package, and OPA "
                    "for the variable: give the variable another name",
                )


def _declared(rule: Rule) -> Iterator[Span]:
    """Yield where a ``some`` without ``in`` declares a variable, however deep it stands."""
    for node in all_in_bodies(rule):
        if "SomeVars" in node:
            yield from node["SomeVars"]["vars"]
