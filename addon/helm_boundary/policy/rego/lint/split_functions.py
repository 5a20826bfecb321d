"""A function with definitions in several files: the engine loses those of all but one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from helm_boundary.policy.rego.syntax import Rule

from .program import Problem, Program


def check_split_functions(program: Program) -> Iterator[Problem]:
    """Find functions with definitions in several files; a default may be anywhere."""
    found: dict[tuple[str, ...], list[Rule]] = defaultdict(list)
    for rule in program.rules:
        if rule.kind == "function":
            found[rule.path].append(rule)
    for rules in found.values():
        first = rules[0].module.file
        for rule in rules:
            if rule.module.file != first:
                name = ".".join(str(part) for part in rule.head)
                yield Problem(
                    rule.place,
                    f"the function {name} is defined in {first} too, and the engine would run "
                    "only one file's definitions: put them into one file",
                )
