"""Numbers as Go's fmt and math/big print them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Set
from decimal import Decimal

BASES: Mapping[str, str] = {"b": "b", "o": "o", "O": "o", "d": "d", "v": "d", "x": "x", "X": "X"}
PREFIXES: Mapping[str, str] = {"b": "0b", "o": "0", "O": "0o", "x": "0x", "X": "0X"}
LARGE_EXPONENT = 6  # where the shortest form begins to write an exponent


def format_integer(
    name: str, value: int, flags: Set[str], precision: int | None, *, big: bool
) -> str | None:
    """Print a whole number; None when the verb doesn't take one."""
    if big and name == "s":
        name = "d"
    if name not in BASES:
        return None
    digits = format(abs(value), BASES[name])
    if precision is not None:
        digits = digits.rjust(precision, "0") if value or precision else ""
    if name == "O" or ("#" in flags and not (name == "o" and digits.startswith("0"))):
        digits = PREFIXES.get(name, "") + digits
    return _sign(value < 0, flags) + digits


def format_float(name: str, value: float, flags: Set[str], precision: int | None) -> str | None:
    """Print a float; None when the verb doesn't take one."""
    lower = name.lower()
    if lower not in FLOATS or name in {"V", "B"}:
        return None
    if "#" in flags and name != "v":
        raise ValueError("a # before a float's verb is not supported here: leave it out")
    sign = _sign(math.copysign(1, value) < 0, flags)
    text = FLOATS[lower](abs(value), precision)
    return sign + (text.upper() if name.isupper() else text)


def _sign(negative: bool, flags: Set[str]) -> str:
    return "-" if negative else "+" if "+" in flags else " " if " " in flags else ""


def _fixed(value: float, precision: int | None) -> str:
    return f"{value:.{6 if precision is None else precision}f}"


def _exponential(value: float, precision: int | None) -> str:
    return f"{value:.{6 if precision is None else precision}e}"


def _general(value: float, precision: int | None) -> str:
    if precision is not None:
        return f"{value:.{precision or 1}g}"
    _, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    figures, power = "".join(map(str, digits)), int(exponent) + len(digits) - 1
    if -4 <= power < LARGE_EXPONENT or not value:
        return f"{Decimal(repr(value)).normalize():f}"
    mantissa = figures[0] + ("." + figures[1:] if figures[1:] else "")
    return f"{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"


def _binary(value: float, precision: int | None) -> str:
    mantissa, exponent = math.frexp(value)
    power = max(exponent - 53, -1074) if value else -1074
    return f"{int(math.ldexp(mantissa, exponent - power))}p{power:+d}"


def _hexadecimal(value: float, precision: int | None) -> str:
    if precision is not None:
        raise ValueError("a precision before a float's %x is not supported here: leave it out")
    mantissa, exponent = math.frexp(value)
    if not value:
        return "0x0p+00"
    figures = (mantissa * 2).hex().split("p")[0].rstrip("0").removesuffix(".")
    return f"{figures}p{'-' if exponent < 1 else '+'}{abs(exponent - 1):02d}"


FLOATS: Mapping[str, Callable[[float, int | None], str]] = {
    "b": _binary,
    "e": _exponential,
    "f": _fixed,
    "g": _general,
    "v": _general,
    "x": _hexadecimal,
}
