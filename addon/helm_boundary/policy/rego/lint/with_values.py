"""Values given by ``with`` that are computed from rules which the statement needs as well.

The engine forgets what it computed for the value, but not that it did: for the statement itself
these rules are undefined. So a test passes that should fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from helm_boundary.policy.rego.syntax import Node, Place, Rule, line_of

from .program import Problem, Program
from .reach import Reach
from .terms import all_in_bodies


def check_with_values(program: Program) -> Iterator[Problem]:
    """Find values whose rules are among those of the statement that they are given to."""
    reach = Reach(program)
    for rule in program.rules:
        local = {name for scope in program.inference.scopes(rule) for name in scope.names}
        for node in with_values(rule):
            given, module = node["with_mods"], rule.module
            replaced = [modifier["refr"] for modifier in given]
            needed = reach.needed(module, node["literal"], local, replaced)
            for modifier in given:
                both = reach.evaluated(module, modifier["as"], local) & needed
                if both:
                    place = Place(module.file, line_of(modifier["as"]))
                    yield Problem(place, _message(min(both)))


def _message(path: Sequence[str]) -> str:
    name = ".".join(("data", *path))
    return (
        f"this with computes its value from {name}, which the statement needs as well and the "
        "engine then finds undefined: write x := … before the statement, and with … as x"
    )


def with_values(rule: Rule) -> Iterator[Node]:
    """Yield the statements of a rule that give values by ``with``."""
    yield from (node for node in all_in_bodies(rule) if node.get("with_mods"))
