"""``bits.*``, ``format_int`` and ``semver.compare`` as OPA has them.

The engine's own find nothing in whole numbers that are large, and say nothing. A number of more
than 64 bits, which no extension is given as it is, raises, which ends the evaluation: DENY. So
does what is no version.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from .arguments import as_text, as_whole
from .texts import VERSION

GIVEN = range(-(2**63), 2**64 - 1)  # the engine gives an extension the last one for all above
RETURNED = range(-(2**63), 2**64)
MAX_SHIFT = 65_536
BASES: Mapping[int, str] = {2: "b", 8: "o", 10: "d", 16: "x"}
IDENTIFIER = re.compile(r"\d+", re.ASCII)

type Version = tuple[tuple[int, ...], list[tuple[int, int, str]]]


def bits_and(one: int, other: int) -> int:
    """Return the bits that are set in both numbers."""
    return _returned(as_whole(one, GIVEN) & as_whole(other, GIVEN))


def bits_or(one: int, other: int) -> int:
    """Return the bits that are set in one of the numbers."""
    return _returned(as_whole(one, GIVEN) | as_whole(other, GIVEN))


def bits_xor(one: int, other: int) -> int:
    """Return the bits in which the numbers differ."""
    return _returned(as_whole(one, GIVEN) ^ as_whole(other, GIVEN))


def bits_negate(number: int) -> int:
    """Return the number with each bit changed."""
    return _returned(~as_whole(number, GIVEN))


def bits_lsh(number: int, places: int) -> int:
    """Shift to the left; ValueError where the result has more than 64 bits."""
    return _returned(as_whole(number, GIVEN) << _places(places))


def bits_rsh(number: int, places: int) -> int:
    """Shift to the right."""
    return as_whole(number, GIVEN) >> _places(places)


def format_int(number: float, base: int) -> str:
    """Write a number, cut to a whole one, in base 2, 8, 10 or 16."""
    if isinstance(number, bool) or not isinstance(number, int | float) or base not in BASES:
        raise TypeError("expected a number, and base 2, 8, 10 or 16")
    whole = int(number)
    if isinstance(number, int):
        as_whole(number, GIVEN)
    return format(whole, BASES[base])


def semver_compare(one: str, other: str) -> int:
    """Tell which of two semantic versions comes first: -1, 0 or 1."""
    first, second = _version(one), _version(other)
    if first[0] != second[0] or bool(first[1]) == bool(second[1]):
        return (first > second) - (first < second)
    return -1 if first[1] else 1


def _version(text: str) -> Version:
    found = VERSION.fullmatch(as_text(text))
    if found is None:
        raise ValueError("expected a semantic version")
    numbers = tuple(int(part) for part in found.groups())
    before = text.partition("+")[0].partition("-")[2]
    identifiers = [_identifier(part) for part in before.split(".")] if before else []
    if any(number >= 2**63 for number in (*numbers, *(rank for _, rank, _ in identifiers))):
        raise ValueError("expected numbers of at most 64 bits")
    return numbers, identifiers


def _identifier(text: str) -> tuple[int, int, str]:
    """Return what identifiers are ordered by: numbers first."""
    return (0, int(text), "") if IDENTIFIER.fullmatch(text) else (1, 0, text)


def _places(places: int) -> int:
    if not 0 <= as_whole(places, GIVEN) <= MAX_SHIFT:
        raise ValueError("expected a number of places")
    return places


def _returned(number: int) -> int:
    if number not in RETURNED:
        raise ValueError("expected a result of at most 64 bits")
    return number


# Name, number of arguments, function.
FUNCTIONS: Mapping[str, tuple[int, Callable[..., object]]] = {
    "bits.and": (2, bits_and),
    "bits.lsh": (2, bits_lsh),
    "bits.negate": (1, bits_negate),
    "bits.or": (2, bits_or),
    "bits.rsh": (2, bits_rsh),
    "bits.xor": (2, bits_xor),
    "format_int": (2, format_int),
    "semver.compare": (2, semver_compare),
}
