"""References to data or input that is never there: undefined, which for a deny rule is silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from helm_boundary.policy.rego.syntax import Reference, static

from .program import Problem, Program, Schema


def check_data(program: Program) -> Iterator[Problem]:
    """Find references to data that nothing provides."""
    for rule in program.rules:
        for reference in rule.references:
            if reference.path[0] != "data" or len(reference.path) == 1:
                continue
            missing = _missing_data(program, reference)
            if missing:
                yield Problem(
                    reference.place,
                    f"{missing} is neither a rule nor in a data file: "
                    "add it to data.yaml or correct its name",
                )


def _missing_data(program: Program, reference: Reference) -> str | None:
    known = tuple(static(reference.path[1:]))
    for package in program.packages:
        if package[: len(known)] == known or program.rule_path_in(package, known):
            return None
    here: Any = program.data
    for depth, part in enumerate(known):
        if not isinstance(here, Mapping):
            return None
        if part not in here:
            return ".".join(("data", *(known if depth == 0 else known[: depth + 1])))
        here = here[part]
    return None


def check_input(program: Program) -> Iterator[Problem]:
    """Find references to parts of the input document that it never has."""
    for rule in program.rules:
        for reference in rule.references:
            if reference.path[0] == "input" and not _in_schema(program.schema, reference.path[1:]):
                path = ".".join(part or "[…]" for part in reference.path)
                yield Problem(
                    reference.place,
                    f"{path} is never in the input document: see input.schema.json",
                )


def _in_schema(schema: Schema, path: Sequence[str | None]) -> bool:
    here: Any = schema
    for part in path:
        if "$ref" in here:
            here = schema["$defs"][here["$ref"].rsplit("/", 1)[-1]]
        if "properties" in here:
            if part is None:
                return True
            if part not in here["properties"]:
                return False
            here = here["properties"][part]
        elif "items" in here:
            here = here["items"]
        else:
            return True
    return True
