"""Variables that are bound too late, or nowhere.

OPA orders a body's statements so that a variable below a ``not`` is bound before, and refuses a
body where that can't be done. For the engine an index that isn't bound yet stands for every index,
also below a ``not``. Uses above a declaration are refused by OPA; the engine takes some for
another variable of the name.
"""

from __future__ import annotations

from collections.abc import Iterator

from helm_boundary.policy.rego.imports import declared
from helm_boundary.policy.rego.syntax import Node, flatten, only

from .learning import learn
from .program import Problem, Program
from .shapes import ANY
from .terms import all_below, is_reference, name_of, statement, steps
from .visits import Role, Visit


def check_late_names(program: Program) -> Iterator[Problem]:
    """Find variables used above their declaration, and what a ``not`` would iterate over."""
    for rule in program.rules:
        for found in program.inference.visits(rule):
            for message in (*_late(found), *_late_in_every(found)):
                yield Problem(found.place, message)
            if found.role is Role.NEGATED:
                for message in _iterated(found):
                    yield Problem(found.place, message)


def _late(found: Visit) -> Iterator[str]:
    """Say which names an expression uses that a later statement of the query declares."""
    later = declared(found.scope.module, found.after)
    for name in sorted(later.intersection(_names(found))):
        yield f"{name} is used above the statement that declares it: write that one first"


def _late_in_every(found: Visit) -> Iterator[str]:
    """Say which variables of an every around its body have their values only further down."""
    kind, body = statement(found.statement) if found.statement is not None else ("", {})
    if kind != "Every":
        return
    bound, module = bound_before(found), found.scope.module
    own = {module.text(span) for span in (body["key"], body["value"]) if span is not None}
    own |= declared(module, body["query"]["stmts"])
    for name in sorted(set(_variables(body["query"])) & found.scope.own - own):
        if is_unbound(name, found, bound):
            yield (
                f"{name} has no value yet where this every uses it, and the engine takes it for "
                "any: write what gives it a value above"
            )


def _variables(node: Node) -> Iterator[str]:
    for each in all_below(node):
        if isinstance(each.get("Var"), dict):
            yield str(each["Var"]["value"])


def _names(found: Visit) -> Iterator[str]:
    for node in found.nodes():
        start = steps(node)[0] if is_reference(node) else node
        name = name_of(start)
        if name is not None:
            yield name


def _iterated(found: Visit) -> Iterator[str]:
    bound = bound_before(found)
    for node in found.nodes():
        if only(node)[0] == "Call" and flatten(only(node)[1]["fcn"])[0] == ("walk",):
            yield (
                "walk below a not is negated for each step by the engine, for all by OPA: "
                "write not a rule or count([1 | walk(…)]) == 0"
            )
        for name in _indices(node):
            if name in found.scope.each and name not in found.scope.own:
                yield (
                    f"the engine takes the index {name} below this not for any index, not for "
                    f"what every gives it: write y := {name} before it, and y as the index"
                )
            elif name == "_" or is_unbound(name, found, bound):
                yield (
                    f"the index {name} isn't bound before this not, and the engine takes it for "
                    "any index: bind it above, or write not a rule that iterates"
                )


def _indices(node: Node) -> Iterator[str]:
    if is_reference(node):
        yield from filter(None, map(name_of, steps(node)[1]))


def bound_before(found: Visit) -> set[str]:
    """Return the names that the statements above an expression bind in its query."""
    scope = found.scope.inner()
    scope.names = {name: scope.names[name] for name in scope.names.keys() - found.scope.own}
    binding = [node for node in found.before if statement(node)[0] != "SomeVars"]
    learn(scope, binding, lambda node, scope: ANY)
    return scope.own


def is_unbound(name: str, found: Visit, bound: set[str]) -> bool:
    """Tell whether a name is a variable that has no value yet where an expression stands."""
    scope = found.scope
    if name in scope.names and name not in scope.own:
        return False
    return scope.is_local(name) and name not in bound
