"""Variables that nothing gives a value, which OPA refuses and the engine finds when it comes by."""

from __future__ import annotations

from collections.abc import Iterator

from helm_boundary.policy.rego.builtins import BUILTINS
from helm_boundary.policy.rego.imports import names_in
from helm_boundary.policy.rego.syntax import Module, Node, Rule, flatten

from .program import Problem, Program


def check_unbound(program: Program) -> Iterator[Problem]:
    """Find names that are neither a rule's nor anywhere given a value."""
    for rule in program.rules:
        bound: set[str] | None = None
        for reference in rule.references:
            name = reference.path[0] or ""
            if reference.imported or name in {"input", "data", "_"}:
                continue
            if program.rule_path(rule, reference.path) is not None:
                continue
            if bound is None:
                bound = set(_bound(rule))
            if name not in bound:
                yield Problem(
                    reference.place,
                    f"{name} has no value: it is no rule of this package and no import; bind it "
                    "with := or some, put it in quotes, or correct its name",
                )


def _bound(rule: Rule) -> Iterator[str]:
    for parameter in rule.parameters:
        yield from names_in(parameter)
    waiting: list[Node] = [*rule.keys]
    waiting += [part for body in rule.bodies for part in (body.value, *body.statements)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            waiting += node.values()
            yield from _binds(node, rule.module)


def _binds(node: Node, module: Module) -> Iterator[str]:
    """Yield the names that a node may give a value, by itself."""
    if "AssignExpr" in node:
        body = node["AssignExpr"]
        yield from names_in(body["lhs"])
        if body["op"] != "ColEq":
            yield from names_in(body["rhs"])
    elif "RefBrack" in node:
        yield from names_in(node["RefBrack"]["index"])
    elif "Call" in node:
        yield from _output(node["Call"], module)
    elif "SomeVars" in node:
        yield from (module.text(span) for span in node["SomeVars"]["vars"])
    elif "SomeIn" in node:
        for part in ("key", "value"):
            if node["SomeIn"][part]:
                yield from names_in(node["SomeIn"][part])
    elif "Every" in node:
        body = node["Every"]
        yield from (module.text(body[part]) for part in ("key", "value") if body[part])


def _output(call: Node, module: Module) -> Iterator[str]:
    """Yield the names in a call's last argument, if that may be where its result goes."""
    name = ".".join(part or "" for part in module.resolve(flatten(call["fcn"])[0]))
    if len(call["params"]) > BUILTINS.get(name, 0):
        yield from names_in(call["params"][-1])
