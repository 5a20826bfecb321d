"""Whole numbers written as floats, where they are printed: OPA keeps how they were written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest

from helm_boundary.policy.rego.syntax import Node, Place, Rule, flatten, line_of, only

from .program import Problem, Program
from .terms import literal, operands

_SPRINTF, _MARSHAL = ("sprintf",), ("json", "marshal")
_VERB = re.compile(r"%[^A-Za-z%]*[A-Za-z%]")
_AGREEING = "%v"
"""The verb that prints 1.0 as 1 in both, where it is printed by itself."""


def check_whole_floats(program: Program) -> Iterator[Problem]:
    """Find 1.0 and the like in what sprintf and json.marshal print."""
    for rule in program.rules:
        for found in program.inference.visits(rule):
            for node in found.nodes():
                for number in _printed(rule, node):
                    written = rule.module.text(number["span"])
                    yield Problem(
                        Place(rule.module.file, line_of(node)),
                        f"OPA prints {written} as a float, the engine as {number['value']}: "
                        f"write {number['value']}",
                    )


def _printed(rule: Rule, node: Node) -> Iterator[Node]:
    kind, body = only(node)
    if kind != "Call":
        return
    called = rule.module.resolve(flatten(body["fcn"])[0])
    if called == _MARSHAL:
        yield from _whole_floats(rule, body["params"])
    elif called == _SPRINTF and len(body["params"]) == 2:
        template, values = body["params"]
        items = only(values)[1]["items"] if only(values)[0] == "Array" else [values]
        verbs = _verbs(template)
        differing = [
            item
            for item, verb in zip_longest(items, verbs[: len(items)])
            if verb != _AGREEING or literal(item) is None
        ]
        yield from _whole_floats(rule, differing)


def _verbs(template: Node) -> list[str]:
    """List the verbs of a format as far as each takes the next value."""
    text = literal(template)
    found = _VERB.findall(str(text[0])) if text else []
    return (
        [] if any("[" in verb or "*" in verb for verb in found) else [v for v in found if v != "%%"]
    )


def _whole_floats(rule: Rule, nodes: list[Node]) -> Iterator[Node]:
    for node in nodes:
        kind, body = only(node)
        if kind == "Number" and isinstance(body["value"], int):
            if not rule.module.text(body["span"]).lstrip("-").isdecimal():
                yield body
        elif kind in ("Array", "Set", "Object"):
            yield from _whole_floats(rule, [*operands(node)])
