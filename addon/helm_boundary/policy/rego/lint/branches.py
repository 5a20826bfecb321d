"""Objects made of rules such as ``limits.low := 1 if …``, read whole.

Where none of the rules holds, the object is empty for OPA and undefined for the engine.
"""

from __future__ import annotations

from collections.abc import Iterator

from helm_boundary.policy.rego.syntax import Node, Rule, static

from .program import Problem, Program
from .scope import Route
from .terms import is_reference, statement
from .visits import Visit


def check_branches(program: Program) -> Iterator[Problem]:
    """Find reads of objects made of rules, unless one of the rules always has a value."""
    below = {path for rule in program.rules for path in _above(rule)}
    there = {path for rule in program.rules for path in _certain(program, rule)}
    doubtful = below - there
    if not doubtful:
        return
    for rule in program.rules:
        for found in program.inference.visits(rule):
            for route, iterates in _read(found):
                path = _doubtful_in(route, doubtful, program)
                if path is not None and not (iterates and path == route[1:]):
                    name = ".".join(("data", *path))
                    yield Problem(
                        found.place,
                        f"{name} is empty in OPA and undefined here where none of its rules "
                        f'holds: write its rules as {path[-1]}["name"] := …, or read one of them',
                    )


def _doubtful_in(route: Route, doubtful: set[Route], program: Program) -> Route | None:
    """Return the object that a reference reads, or reads as a part of what it reads."""
    steps = route[1:]
    for path in doubtful if route[0] == "data" else ():
        package = max((p for p in program.packages if path[: len(p)] == p), key=len)
        if len(package) <= len(steps) <= len(path) and all(map(_may_be, steps, path)):
            return path
    return None


def _may_be(step: str, part: str) -> bool:
    return step == part or step.startswith("[")


def _above(rule: Rule) -> Iterator[Route]:
    """Yield the paths of the objects that a rule's head makes, up to a computed part."""
    parts = tuple(static(rule.head))
    for size in range(1, min(len(parts) + 1, len(rule.head))):
        yield (*rule.package, *parts[:size])


def _certain(program: Program, rule: Rule) -> Iterator[Route]:
    """Yield the objects above a value that is always there: a set, an object, a constant."""
    parts = tuple(static(rule.head))
    whole = len(parts) == len(rule.head)
    always = (
        len(parts) >= len(rule.head) - 1 if rule.bracketed else whole and _is_always(program, rule)
    )
    if always:
        yield from _above(rule)


def _is_always(program: Program, rule: Rule) -> bool:
    if rule.kind in {"set", "default"}:
        return True
    body, scope = rule.bodies[0], program.inference.scopes(rule)[0]
    value = body.value
    return not body.statements and (value is None or program.inference.certain(value, scope))


def _read(found: Visit) -> Iterator[tuple[Route, bool]]:
    """Yield what an expression reads, and whether a ``some … in`` iterates over it."""
    for node in found.nodes():
        route = found.scope.route(node) if is_reference(node) else None
        if route is not None:
            yield route, _is_iterated(found, node)


def _is_iterated(found: Visit, node: Node) -> bool:
    """Tell whether it is what ``some … in`` iterates over, where nothing and empty are alike.

    That is so of the object itself: of what is above it, it is a member or isn't.
    """
    within = found.statement
    return within is not None and node is found.expression and statement(within)[0] == "SomeIn"
