"""RFC 8785, the whole of it: for receipts of others, which may hold any JSON.

Our own keep to the profile in `canonical`. Section numbers are those of RFC 8785.
"""

import json
import math
from typing import Any

from helm_receipts.errors import CanonicalError

_quote = json.JSONEncoder(ensure_ascii=False).encode


def encode(value: Any) -> bytes:
    """Return the canonical text of a value from `json.loads`; `CanonicalError` if it has none."""
    try:
        return _text(value).encode()
    except (UnicodeEncodeError, RecursionError) as error:
        raise CanonicalError(f"expected a value with a canonical form, found {error}") from error


def _text(value: Any) -> str:
    if isinstance(value, str):
        return _quote(value)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    if isinstance(value, dict):
        # 3.2.3: members sorted by their names' UTF-16 code units.
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{_quote(name)}:{_text(value[name])}" for name in names) + "}"
    raise CanonicalError(f"expected a JSON value, found {type(value).__name__}")


def number(value: float) -> str:
    """Write a number as ECMAScript does (3.2.2.3; ECMA-262, Number::toString)."""
    if isinstance(value, int) and abs(value) < 2**53:
        return str(value)
    value = float(value)
    if not math.isfinite(value):
        raise CanonicalError(f"expected a finite number, found {value}")
    if value == 0:
        return "0"
    # Python's repr has the same shortest digits; only where the point goes differs.
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    point = len(whole) + int(exponent or 0)
    digits = (whole + fraction).lstrip("0")
    point -= len(whole + fraction) - len(digits)
    return ("-" if value < 0 else "") + _place_point(digits.rstrip("0"), point)


def _place_point(digits: str, point: int) -> str:
    """Put the decimal point after `point` digits, or write an exponent beyond 21 and -6."""
    if len(digits) <= point <= 21:
        return digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"
