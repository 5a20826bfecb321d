"""Patterns in a policy's data: one that can't be run would only be noticed by the call it stops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.pattern_faults import control_fault, pattern_fault

from .data_place import Keys, named

_VALUES = frozenset({"const", "enum", "default", "examples"})
"""Members of a JSON schema that hold values, in which nothing is a pattern."""


def check_patterns(data: Mapping[str, Any], folders: Sequence[Path] = ()) -> None:
    """Refuse a pattern that can't be run, or that YAML has read otherwise: PolicyError.

    The data must be of the settings' schema.
    """
    for path, pattern in _patterns(data):
        _refuse(pattern_fault(pattern), pattern, path, folders)
    for path, pattern in _volatile_patterns(data):
        _refuse(control_fault(pattern), pattern, path, folders)


def _refuse(fault: str | None, pattern: str, path: Keys, folders: Sequence[Path]) -> None:
    if fault is not None:
        raise PolicyError(f"{named(path, folders)}: the pattern {pattern[:60]!r} {fault}")


def _patterns(data: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    for path, constraint in _constraints(data):
        if "match" in constraint:
            yield [*path, "match"], constraint["match"]
        for number, pattern in enumerate(constraint.get("never", ())):
            yield [*path, "never", number], pattern
        yield from _below(constraint.get("schema"), [*path, "schema"])
    for number, pattern in enumerate(data.get("commands", {}).get("code", ())):
        yield ["commands", "code", number], pattern


def _constraints(data: Mapping[str, Any]) -> Iterator[tuple[Keys, Mapping[str, Any]]]:
    for tool, constraints in data.get("tools", {}).get("arguments", {}).items():
        for number, constraint in enumerate(constraints):
            yield ["tools", "arguments", tool, number], constraint


def _volatile_patterns(data: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    """Yield the patterns that are compiled elsewhere, where RE2's own faults are told."""
    for number, member in enumerate(data.get("approvals", {}).get("volatile") or ()):
        yield from _below(member, ["approvals", "volatile", number])


def _below(value: Any, path: Keys) -> Iterator[tuple[Keys, str]]:
    """Yield each text that is called pattern, at any depth."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name == "pattern" and isinstance(item, str):
                yield [*path, name], item
            elif name not in _VALUES:
                yield from _below(item, [*path, name])
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _below(item, [*path, number])
