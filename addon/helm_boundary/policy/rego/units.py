"""``units.parse`` and ``units.parse_bytes`` as OPA has them.

The engine's own take an underscore and a thousandth of a millionth, miss ``1.``, and round bytes
where OPA cuts them. What is no quantity raises, which ends the evaluation: DENY.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction

from .arguments import as_text

QUANTITY = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)([A-Za-z]*)", re.ASCII)
WHOLE = range(-(2**63), 2**64)
DIGITS = 64
LETTERS = "kmgtpe"
DECIMAL: Mapping[str, int] = {letter: 1000**n for n, letter in enumerate(LETTERS, 1)}
BINARY: Mapping[str, int] = {f"{letter}i": 1024**n for n, letter in enumerate(LETTERS, 1)}
UNITS: Mapping[str, int] = {"": 1, **DECIMAL, **BINARY}
BYTES: Mapping[str, int] = {**UNITS, **{f"{unit}b": UNITS[unit] for unit in UNITS if unit}}


def parse(value: str) -> int | float:
    """Read a quantity such as 10K, 1.5Mi or 3m; ValueError if it isn't one."""
    number, unit = _split(value)
    if unit == "m":
        return _number(number / 1000)
    if unit.lower() not in UNITS:
        raise ValueError("expected a unit such as K, Mi or m")
    return _number(number * UNITS[unit.lower()])


def parse_bytes(value: str) -> int | float:
    """Read a number of bytes such as 10KB or 1.5MiB; ValueError if it isn't one."""
    number, unit = _split(value)
    if unit.lower() not in BYTES:
        raise ValueError("expected a unit such as KB or MiB")
    return _number(Fraction(int(_rounded(_rounded(number) * BYTES[unit.lower()]))))


def _rounded(number: Fraction) -> Fraction:
    """Round to a binary number of 64 digits: Go's big.Float, with which OPA counts bytes."""
    places = DIGITS - abs(number.numerator).bit_length() + number.denominator.bit_length()
    if abs(number) * Fraction(2) ** places >= 2**DIGITS:
        places -= 1
    return round(number * Fraction(2) ** places) / Fraction(2) ** places


def _split(value: str) -> tuple[Fraction, str]:
    found = QUANTITY.fullmatch(as_text(value).replace('"', ""))
    if found is None:
        raise ValueError("expected a number and a unit")
    return Fraction(found[1]), found[2]


def _number(number: Fraction) -> int | float:
    if number.denominator != 1:
        return float(number)
    if int(number) not in WHOLE:
        raise ValueError("expected a quantity of at most 64 bits")
    return int(number)


# Name, number of arguments, function.
FUNCTIONS: Mapping[str, tuple[int, Callable[..., object]]] = {
    "units.parse": (1, parse),
    "units.parse_bytes": (1, parse_bytes),
}
