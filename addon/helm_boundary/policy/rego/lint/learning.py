"""Facts about names and references that a body's statements tell.

A body holds when all its statements do, in whatever order they are evaluated. So whatever one of
them needs has a value for the others too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from helm_boundary.policy.rego.syntax import Node, flatten, only

from .scope import Scope
from .shapes import ANY, Shape, Test, may_be, may_differ_from
from .terms import below, is_reference, key_of, literal, name_of, operands, statement, steps

type Infer = Callable[[Node, Scope], Shape]


def learn(scope: Scope, statements: Sequence[Node], infer: Infer) -> None:
    """Take in what the statements say; twice where a name is used before it is bound."""
    for _ in range(2):
        scope.early.clear()
        for node in statements:
            _learn(scope, node, infer)
        if not scope.early & scope.names.keys():
            return


def _learn(scope: Scope, node: Node, infer: Infer) -> None:
    kind, body = statement(node)
    if kind == "SomeVars":
        for span in body["vars"]:
            name = scope.module.text(span)
            scope.bind(name, scope.names.get(name, ANY))
    elif kind == "SomeIn":
        _learn_some(scope, body, infer)
    elif kind == "Every":
        _define(scope, body["domain"])
    elif kind == "Expr":
        _learn_expression(scope, body["expr"], bool(node.get("with_mods")), infer)


def _learn_some(scope: Scope, body: Mapping[str, Any], infer: Infer) -> None:
    collection, key = body["collection"], body["key"]
    shape = infer(collection, scope)
    route = scope.route(collection) if is_reference(collection) else None
    _define(scope, collection)
    if key is not None:
        bind_pattern(scope, key, ANY)
        if route is not None and name_of(key) not in {None, "_"}:
            route = (*route, scope.step(key))
            scope.define(route)
            _bind_alias(scope, body["value"], shape.element(), route)
            return
    bind_pattern(scope, body["value"], shape.element())
    _define_by_key(scope, collection, body["value"])


def _define_by_key(scope: Scope, collection: Node, key: Node) -> None:
    """Note that an object has a value by each of its ``object.keys``."""
    kind, body = only(collection)
    if kind == "Call" and flatten(body["fcn"])[0] == ("object", "keys") and name_of(key):
        route = scope.route(body["params"][0]) if is_reference(body["params"][0]) else None
        if route is not None:
            scope.define((*route, scope.step(key)))


def _bind_alias(scope: Scope, node: Node, shape: Shape, route: tuple[str, ...]) -> None:
    name = name_of(node)
    if name is None:
        bind_pattern(scope, node, shape)
    else:
        scope.bind(name, shape, route)


def _learn_expression(scope: Scope, node: Node, elsewhere: bool, infer: Infer) -> None:
    kind, body = only(node)
    if elsewhere:
        if kind == "AssignExpr":
            bind_pattern(scope, body["lhs"], ANY)
        return
    if kind == "AssignExpr":
        _assign(scope, body, infer)
    elif kind == "Call":
        _bind_outputs(scope, body["params"])
    _define(scope, node)
    if kind in {"BoolExpr", "AssignExpr"}:
        _narrow(scope, body, infer)


def _assign(scope: Scope, body: Mapping[str, Any], infer: Infer) -> None:
    left, right = body["lhs"], body["rhs"]
    if body["op"] == "ColEq" or _is_new(scope, left):
        name = name_of(left)
        if name is not None and is_reference(right):
            scope.bind(name, infer(right, scope), scope.route(right))
        else:
            bind_pattern(scope, left, infer(right, scope))
    elif _is_new(scope, right):
        bind_pattern(scope, right, infer(left, scope))


def _is_new(scope: Scope, node: Node) -> bool:
    """Tell whether it is a name, or a pattern with one, that nothing around has bound."""
    kind, _ = only(node)
    if kind == "Var":
        name = str(name_of(node))
        return scope.is_local(name) and (name not in scope.names or name in scope.own)
    return kind in {"Array", "Object"} and any(_is_new(scope, part) for part in operands(node))


def bind_pattern(scope: Scope, node: Node, shape: Shape) -> None:
    """Bind the names of a pattern to what a value of the shape has in their place."""
    kind, body = only(node)
    if kind == "Var":
        scope.bind(str(name_of(node)), shape)
    elif kind == "Array":
        for position, item in enumerate(body["items"]):
            bind_pattern(scope, item, shape.member(position)[0])
    elif kind == "Object":
        for _, key, value in body["fields"]:
            bind_pattern(scope, value, shape.member(key_of(key))[0])


def _bind_outputs(scope: Scope, parameters: Sequence[Node]) -> None:
    for node in parameters:
        for part in [node, *operands(node)]:
            name = name_of(part)
            if name is not None and scope.is_local(name) and name not in scope.names:
                scope.bind(name, ANY)


def _define(scope: Scope, node: Node) -> None:
    """Note the references without which the expression has no value."""
    for reference in _needed(node, outermost=True):
        for step in steps(reference)[1]:
            name = name_of(step)
            if name is not None and scope.is_local(name) and name not in scope.names:
                scope.bind(name, ANY)
        route = scope.route(reference)
        if route is not None:
            scope.define(route)


def _needed(node: Node, *, outermost: bool = False) -> Iterator[Node]:
    # Inside another expression the engine takes a membership in nothing for false.
    if only(node)[0] == "Membership" and not outermost:
        return
    if is_reference(node):
        yield node
    for part in below(node):
        yield from _needed(part)


def _narrow(scope: Scope, body: Mapping[str, Any], infer: Infer) -> None:
    """Learn from a comparison with a constant: ``!= null`` leaves what has members."""
    for one, other in ((body["lhs"], body["rhs"]), (body["rhs"], body["lhs"])):
        value = literal(other)
        if value is None or not is_reference(one):
            continue
        if body["op"] == "Eq" or body["op"] == "ColEq":
            _keep(scope, one, may_be(value[0]), infer)
        elif body["op"] == "Ne":
            _keep(scope, one, may_differ_from(value[0]), infer)


def _keep(scope: Scope, node: Node, test: Test, infer: Infer) -> None:
    route = scope.route(node)
    if route is None:
        return
    nodes, path = _beginnings(node), [key_of(step) for step in steps(node)[1]]
    for size, beginning in enumerate(nodes):
        start = scope.route(beginning)
        if start is not None and start != ("data",):
            shape = infer(beginning, scope).only(path[size:], test)
            scope.narrowed[start] = shape


def _beginnings(node: Node) -> Sequence[Node]:
    """Return each beginning of a reference, the shortest first, the whole last."""
    found = [node]
    while only(node)[0] in {"RefDot", "RefBrack"}:
        node = only(node)[1]["refr"]
        found.append(node)
    return found[::-1]
