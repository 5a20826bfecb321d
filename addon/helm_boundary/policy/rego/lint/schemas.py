"""Schemas for ``json.match_schema`` that the engine reads otherwise than OPA, where they are known.

Those that a rule makes are looked at when it calls the function, and end the evaluation then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from helm_boundary.policy.rego.schemas import faults
from helm_boundary.policy.rego.syntax import Node, Place, Rule, flatten, line_of, only

from .program import Problem, Program
from .scope import Scope
from .shapes import Constant
from .terms import key_of, literal

MATCH_SCHEMA = ("json", "match_schema")


def check_schemas(program: Program) -> Iterator[Problem]:
    """Find schemas in rules, and in data, that OPA reads otherwise."""
    for rule in program.rules:
        for found in program.inference.visits(rule):
            for node in found.nodes():
                if _is_match(rule, node):
                    place = Place(rule.module.file, line_of(node))
                    for what in _schema_faults(program, only(node)[1]["params"][1], found.scope):
                        yield Problem(place, what)


def _is_match(rule: Rule, node: Node) -> bool:
    kind, body = only(node)
    if kind != "Call" or len(body["params"]) != 2:
        return False
    return rule.module.resolve(flatten(body["fcn"])[0]) == MATCH_SCHEMA


def _schema_faults(program: Program, node: Node, scope: Scope) -> Iterator[str]:
    written = _value(node)
    if written:
        yield from (f"the schema has {what}" for what in faults(written[0]))
        return
    kinds = program.inference.shape(node, scope).kinds
    known = [kind.value for kind in kinds if isinstance(kind, Constant)]
    for schema in known:
        yield from (f"the schema has {what}" for what in faults(schema))
    if not known:
        yield from _arguments(program.data)


def _value(node: Node) -> tuple[Any] | None:
    """Return the value of an expression without a name in it, as far as it is one."""
    kind, body = only(node)
    if kind == "Object":
        members = {key_of(key): _value(value) for _, key, value in body["fields"]}
        return ({key: value[0] for key, value in members.items() if key is not None and value},)
    if kind == "Array":
        return ([value[0] for value in map(_value, body["items"]) if value],)
    return literal(node)


def _arguments(data: Mapping[str, Any]) -> Iterator[str]:
    """Look at the schemas that constraints on arguments have."""
    for where, schema in _below(data, "data"):
        yield from (f"{where} has {what}" for what in faults(schema))


def _below(value: object, where: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, member in value.items():
            if key == "schema" and ".arguments." in where:
                yield f"{where}.schema", member
            else:
                yield from _below(member, f"{where}.{key}")
    elif isinstance(value, list):
        for number, member in enumerate(value):
            yield from _below(member, f"{where}[{number}]")
