"""References to all topics, from inside of one: the engine leaves that one out, OPA doesn't."""

from __future__ import annotations

from collections.abc import Iterator

from helm_boundary.policy.rego.syntax import Node, Rule

from .program import Problem, Program
from .scope import Route
from .shapes import Constant
from .terms import is_reference, key_of, name_of, steps
from .visits import Visit


def check_own_topic(program: Program) -> Iterator[Problem]:
    """Find references by a computed step into what the package of a rule is in."""
    own: dict[Route, set[str]] = {}
    for path in program.named:
        own.setdefault(path[:-1], set()).add(path[-1])
    for rule in program.rules:
        for found in program.inference.visits(rule):
            for node in found.nodes():
                route = found.scope.route(node) if is_reference(node) else None
                if route is None or _is_chosen(program, found, node):
                    continue
                if _leads_back(rule, route, own[rule.package]):
                    yield Problem(
                        found.place,
                        "the engine leaves the package of this rule out of what it reads here: "
                        "name the packages that are meant, or read them from a package beside",
                    )


def _is_chosen(program: Program, found: Visit, node: Node) -> bool:
    """Tell whether the first computed step is one of known names, or the document's: it's found."""
    start, path = steps(node)
    step = next((each for each in path if key_of(each) is None), None)
    name = name_of(step) if step is not None else None
    if name is None or name == "_" or found.scope.is_local(name_of(start) or ""):
        return False
    kinds = program.inference.shape(step, found.scope).kinds if step is not None else ()
    is_known = bool(kinds) and all(isinstance(kind, Constant) for kind in kinds)
    return is_known or found.scope.root(name)[0] == "input"


def _leads_back(rule: Rule, route: Route, own: set[str]) -> bool:
    """Tell whether a route may lead into the package of a rule, to something that it has."""
    package = ("data", *rule.package)
    step = next((at for at, part in enumerate(route) if part.startswith("[")), len(package))
    if step >= len(package):
        return False
    if any(
        part != package[at] and part[:1] != "[" for at, part in enumerate(route[: len(package)])
    ):
        return False
    after = route[len(package)] if len(route) > len(package) else "["
    return after.startswith("[") or after in own
