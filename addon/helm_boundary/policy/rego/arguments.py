"""Arguments of extensions: one of a type that the built-in doesn't take ends the evaluation."""

from __future__ import annotations

WHOLE = range(-(2**63), 2**63)
"""Whole numbers that stay whole in the engine."""


def as_text(value: object) -> str:
    """Return an argument that must be a string; TypeError for anything else."""
    if not isinstance(value, str):
        raise TypeError("expected a string")
    return value


def as_whole(value: object, within: range = WHOLE) -> int:
    """Return an argument that must be a whole number, and no larger; TypeError for any other."""
    if isinstance(value, bool) or not isinstance(value, int) or value not in within:
        raise TypeError("expected a whole number of at most 64 bits")
    return value
