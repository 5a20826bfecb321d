"""Functions that a ``with`` replaces under another name than they are called by.

The engine looks for the name that is written: ``with data.lib.f as 7`` replaces ``data.lib.f(1)``
and not the ``f(1)`` in the package itself, and the other way round. OPA replaces the function.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from helm_boundary.policy.rego.syntax import Node, Place, Reader, Rule, flatten, line_of, static

from .program import Problem, Program
from .reach import Reach
from .with_values import with_values


def check_with_targets(program: Program) -> Iterator[Problem]:
    """Find functions that are called by one name, and replaced by another."""
    functions = {rule.path for rule in program.rules if rule.kind == "function"}
    reach = Reach(program)
    for rule in program.rules:
        for node in with_values(rule):
            for modifier in node["with_mods"]:
                written = tuple(static(flatten(modifier["refr"])[0]))
                path = program.rule_path(rule, written)
                if path in functions and _misses(program, reach, rule, node, modifier):
                    yield Problem(
                        Place(rule.module.file, line_of(modifier["refr"])),
                        f"the engine replaces {'.'.join(written)} only where it is called by that "
                        "name, and here it is called by another too: write one of them everywhere",
                    )


def _misses(program: Program, reach: Reach, rule: Rule, node: Node, modifier: Any) -> bool:
    """Tell whether a statement calls the function by another name than the one replaced."""
    written = tuple(static(flatten(modifier["refr"])[0]))
    path = program.rule_path(rule, written)
    own = Reader(rule.module)
    own.read(node["literal"])
    local = {name for scope in program.inference.scopes(rule) for name in scope.names}
    needed = reach.needed(rule.module, node["literal"], local, ())
    calls = [(rule.package, call) for call in own.calls]
    calls += [
        (each.package, call) for found in needed for each in program.named[found]
        for call in each.calls
    ]  # fmt: skip
    names = [call.name for package, call in calls if program.path_from(package, call.name) == path]
    return any((name[:1] == ("data",)) != (written[:1] == ("data",)) for name in names)
