"""Values of rules with ``else`` that the engine computes otherwise than OPA.

It looks for the variables of the head's value in the last body: an index that is bound in the
first one only is free there, and stands for every index. And a function whose body holds but whose
value is undefined is undefined, where OPA goes on to the ``else``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from helm_boundary.policy.rego.syntax import Node, Place, Rule, line_of, only

from .culprits import culprit
from .program import Problem, Program
from .terms import below, expressions, is_reference, name_of, queries, statement


def check_else_values(program: Program) -> Iterator[Problem]:
    """Find indices of a head that the last body doesn't bind, and values that may be missing."""
    for rule in program.rules:
        if len(rule.bodies) > 1:
            yield from _free_indices(program, rule)
            if rule.kind == "function":
                yield from _missing_values(program, rule)


def _free_indices(program: Program, rule: Rule) -> Iterator[Problem]:
    first, *_, last = program.inference.scopes(rule)
    value = rule.bodies[0].value
    for node in _indexed(value) if value is not None else ():
        name = name_of(only(node)[1]["index"])
        if name is None or name not in first.own or name in last.names:
            continue
        if first.route(node) not in first.defined:
            yield Problem(
                Place(rule.module.file, line_of(node)),
                f"the engine takes the index {name} in the value of a rule with else for any "
                f"index, OPA for the one found: give the value a name in the body, as in "
                f"{rule.head[0]} := value if {{ …; value := …[{name}] }} else …",
            )


def _indexed(node: Node) -> Iterator[Node]:
    """Yield the references with an index in an expression.

    Of a comprehension's statements only what is negated, or in another comprehension's term: in
    the others the engine compares the index that it tries with the one that is bound.
    """
    waiting, plain = [node], list[Node]()
    while waiting or plain:
        here = waiting or plain
        wanted = here is waiting
        node = here.pop()
        if only(node)[0] == "RefBrack" and wanted:
            yield node
        if is_reference(node) and "refr" in only(node)[1]:
            here.append(only(node)[1]["refr"])
        here += below(node)
        terms, statements = queries(node) or ((), ())
        waiting += terms
        for kind, expression in _inside(statements):
            (waiting if kind == "NotExpr" else plain).append(expression)


def _inside(statements: Sequence[Node]) -> Iterator[tuple[str, Node]]:
    for node in statements:
        kind, body = statement(node)
        yield from ((kind, expression) for expression in expressions(node))
        if kind == "Every":
            yield from _inside(body["query"]["stmts"])


def _missing_values(program: Program, rule: Rule) -> Iterator[Problem]:
    scopes = program.inference.scopes(rule)
    for body, scope in list(zip(rule.bodies, scopes, strict=True))[:-1]:
        if body.value is None:
            continue
        name = culprit(body.value, scope, program.inference)
        if name:
            yield Problem(
                Place(rule.module.file, line_of(body.value)),
                f"{name} may be undefined, and then OPA goes on to the else and the engine "
                f"doesn't: give the value a name in the body, as in "
                f"{rule.head[0]}(…) := value if {{ …; value := {name} }} else …",
            )
