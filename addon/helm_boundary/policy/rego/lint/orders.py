"""Which of two values is the smaller: the engine puts sets before objects, and OPA after."""

from __future__ import annotations

from helm_boundary.policy.rego.syntax import Node, Rule, flatten, only

from .program import Program
from .terms import LITERALS, is_reference

_ORDERS = frozenset({"Lt", "Le", "Gt", "Ge"})
_KINDS = {
    "Object": "object",
    "ObjectCompr": "object",
    "Set": "set",
    "SetCompr": "set",
    "Array": "other",
    "ArrayCompr": "other",
    "ArithExpr": "other",
    "Call": "other",
    **dict.fromkeys(LITERALS, "other"),
}


def unordered(program: Program, rule: Rule, node: Node) -> str | None:
    """Say why a comparison is another one for OPA, None where it isn't, or isn't known to be."""
    kind, body = only(node)
    if kind != "BoolExpr" or body["op"] not in _ORDERS:
        return None
    kinds = {_kind(program, rule, body[side]) for side in ("lhs", "rhs")}
    may_differ = kinds & {"set", "object"} and len(kinds) > 1 and "other" not in kinds
    if may_differ:
        return "the engine puts sets before objects, and OPA after: compare values of one kind"
    return None


def _kind(program: Program, rule: Rule, node: Node) -> str:
    """Return what a value is, as far as that is written somewhere; else nothing."""
    kind, body = only(node)
    if kind == "Call" and flatten(body["fcn"])[0] == ("set",):
        return "set"
    if not is_reference(node):
        return _KINDS.get(kind, "")
    path = program.rule_path(rule, flatten(node)[0]) if kind == "Var" else None
    found = {_made_by(each) for each in program.named[path]} if path is not None else {""}
    return found.pop() if len(found) == 1 else ""


def _made_by(rule: Rule) -> str:
    if rule.kind == "set":
        return "set"
    value = rule.bodies[0].value
    if value is None or len(rule.bodies) > 1:
        return ""
    kind, body = only(value)
    is_set = kind == "Call" and flatten(body["fcn"])[0] == ("set",)
    return "set" if is_set else "" if is_reference(value) else _KINDS.get(kind, "")
