"""``indexof``, ``substring``, ``replace`` and others over a text's places, as OPA has them.

The engine's own find the empty text, take a fraction for the end of the text, leave braces
unquoted in a glob and end the process over a long range of numbers. Each raises here where OPA
has no answer, or another one in bytes, which ends the evaluation: DENY.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from .arguments import as_text, as_whole

MAX_NUMBERS = 1_000_000  # in a range
INSIDE = range(1 - 2**63, 2**63)
GLOB = re.compile(r"[*?\\\[\]{}]")


def indexof(value: str, part: str) -> int:
    """Return where the part stands first, or -1; ValueError for an empty one."""
    return as_text(value).find(_part(part))


def indexof_n(value: str, part: str) -> list[int]:
    """Return every place of the part, also where two overlap; ValueError for an empty one."""
    size, wanted = len(_part(part)), part
    starts = range(len(as_text(value)) - size + 1)
    return [start for start in starts if value.startswith(wanted, start)]


def substring(value: str, offset: int, length: int) -> str:
    """Return a part of the text, to its end where the length is negative."""
    start, size = _within(offset), _within(length)
    if start < 0:
        raise ValueError("expected an offset that isn't negative")
    return as_text(value)[start:] if size < 0 else as_text(value)[start : start + size]


def replace(value: str, old: str, new: str) -> str:
    """Replace each part of the text; ValueError for an empty one, which OPA puts between bytes."""
    return as_text(value).replace(_part(old), as_text(new))


def quote_meta(pattern: str) -> str:
    """Write a text so that as a glob it matches itself."""
    return GLOB.sub(lambda found: "\\" + found[0], as_text(pattern))


def numbers_range(first: int, last: int) -> list[int]:
    """Return the whole numbers between two, both included, up or down."""
    return numbers_range_step(first, last, 1)


def numbers_range_step(first: int, last: int, step: int) -> list[int]:
    """Return every so manieth of the whole numbers between two; ValueError for too many."""
    if _within(step) <= 0:
        raise ValueError("expected a step above 0")
    if abs(_within(last) - _within(first)) // step >= MAX_NUMBERS:
        raise ValueError(f"expected a range of at most {MAX_NUMBERS} numbers")
    return list(range(first, last + 1, step) if first <= last else range(first, last - 1, -step))


def _within(value: object) -> int:
    return as_whole(value, INSIDE)


def _part(value: object) -> str:
    if not as_text(value):
        raise ValueError("expected a string that isn't empty")
    return str(value)


# Name, number of arguments, function.
FUNCTIONS: Mapping[str, tuple[int, Callable[..., object]]] = {
    "glob.quote_meta": (1, quote_meta),
    "indexof": (2, indexof),
    "indexof_n": (2, indexof_n),
    "numbers.range": (2, numbers_range),
    "numbers.range_step": (3, numbers_range_step),
    "replace": (3, replace),
    "substring": (3, substring),
}
