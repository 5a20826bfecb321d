"""Every expression of a rule, with what is known where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from helm_boundary.policy.rego.syntax import Node, Place, Rule, line_of

from .scope import Route, Scope
from .shapes import ANY, Shape
from .terms import below, queries, statement


class Role(Enum):
    """The purpose of an expression."""

    HOLDS = auto()  # a statement of its own
    NEGATED = auto()  # what stands below a not
    VALUE = auto()  # anything else: heads, domains, values given by with


@dataclass(frozen=True, slots=True, eq=False)
class Visit:
    """One whole expression. Comprehensions in it have visits of their own.

    ``statement`` is the one that it is the main expression of, ``before`` and ``after``
    are those above and below it.
    """

    expression: Node
    scope: Scope
    role: Role
    statement: Node | None = None
    before: Sequence[Node] = ()
    after: Sequence[Node] = ()

    @property
    def place(self) -> Place:
        """The file and line of the expression."""
        return Place(self.scope.module.file, line_of(self.expression))

    def nodes(self) -> Iterator[Node]:
        """Yield the expression and all that is in it, down to its comprehensions."""
        waiting = [self.expression]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += below(node)


class Learned(Protocol):
    """The facts that are known of a program."""

    def query(self, outer: Scope, statements: Sequence[Node]) -> Scope:
        """Return the scope of statements inside another scope."""

    def shape(self, node: Node, scope: Scope) -> Shape:
        """Return what the value of an expression looks like."""


def visit(rule: Rule, scopes: Sequence[Scope], learned: Learned) -> Iterator[Visit]:
    """Yield every expression of a rule whose bodies have these scopes."""
    for body, scope in zip(rule.bodies, scopes, strict=True):
        if body.value is not None:
            yield from _expression(Visit(body.value, scope, Role.VALUE), learned)
        yield from _statements(body.statements, scope, learned)


def _statements(nodes: Sequence[Node], scope: Scope, learned: Learned) -> Iterator[Visit]:
    for position, node in enumerate(nodes):
        kind, body = statement(node)
        place = node, nodes[:position], nodes[position + 1 :]
        given = node.get("with_mods") or []
        for modifier in given:
            yield from _expression(Visit(modifier["as"], scope, Role.VALUE), learned)
        inside = scope.under(_given(given, scope, learned)) if given else scope
        if kind in {"Expr", "NotExpr"}:
            role = Role.HOLDS if kind == "Expr" else Role.NEGATED
            yield from _expression(Visit(body["expr"], inside, role, *place), learned)
        elif kind == "SomeIn":
            yield from _expression(Visit(body["collection"], inside, Role.VALUE, *place), learned)
        elif kind == "Every":
            yield from _expression(Visit(body["domain"], inside, Role.VALUE, *place), learned)
            yield from _every(body["query"]["stmts"], body, inside, learned)


def _given(given: Sequence[Node], scope: Scope, learned: Learned) -> dict[Route, Shape]:
    routes = {scope.route(modifier["refr"]): modifier["as"] for modifier in given}
    return {
        route: learned.shape(node, scope)
        for route, node in routes.items()
        if route is not None and route[0] in {"input", "data"}
    }


def _every(nodes: Sequence[Node], body: Node, outer: Scope, learned: Learned) -> Iterator[Visit]:
    scope = outer.inner()
    element = learned.shape(body["domain"], outer).element()
    for span, shape in ((body["key"], ANY), (body["value"], element)):
        if span is not None:
            scope.bind(scope.module.text(span), shape)
            scope.each |= {scope.module.text(span)}
    yield from _statements(nodes, learned.query(scope, nodes), learned)


def _expression(found: Visit, learned: Learned) -> Iterator[Visit]:
    yield found
    for node in found.nodes():
        inside = queries(node)
        if inside is not None:
            terms, statements = inside
            scope = learned.query(found.scope, statements)
            for term in terms:
                yield from _expression(Visit(term, scope, Role.VALUE), learned)
            yield from _statements(statements, scope, learned)
