"""Canonical JSON in the profile that receipts keep to.

The profile is RFC 8785 without what makes it hard: ASCII member names, no floats, integers within
2^53 - 1. In it, sorting by code point is sorting by UTF-16 unit (RFC 8785 section 3.2.3), and both
orjson and the standard library's encoder already escape as section 3.2.2.2 wants, so this stays
fast and small. `canonical_encoding` checks what is written; the whole of RFC 8785 is in `jcs`.
"""

import json
from typing import Any, NoReturn

from helm_receipts.errors import CanonicalError

MAX_INTEGER = 2**53 - 1

encode_slowly = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode

# Whoever only verifies needs nothing but the standard library for this.
try:
    import orjson
except ImportError:

    def encode_fast(value: object) -> bytes:
        """Write a value that is in the profile."""
        return encode_slowly(value).encode()
else:

    def encode_fast(value: object) -> bytes:
        """Write a value that is in the profile."""
        try:
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        except TypeError:  # a lone surrogate, or nested deeper than it goes
            return encode_slowly(value).encode()


def decode(text: bytes) -> Any:
    """Return a canonical text's value; `CanonicalError` if encoding it again gives other bytes.

    So duplicate members, other number forms, white space and trailing bytes are all refused by
    one comparison, and two readers can't see two different values.
    """
    try:
        value = _decoder.decode(text.decode())
        again = encode_fast(value)
    except (ValueError, RecursionError) as error:
        raise CanonicalError(f"expected canonical JSON, found {error}") from error
    if again != text:
        raise CanonicalError(
            "expected canonical JSON (RFC 8785), found the same value written differently"
        )
    return value


def in_range(number: int) -> int:
    """Return an integer that every reader of JSON reads the same; `CanonicalError` for others."""
    if not -MAX_INTEGER <= number <= MAX_INTEGER:
        raise CanonicalError(
            f"integers stay within 2^53 - 1, found one of {number.bit_length()} bits"
        )
    return number


def _integer(text: str) -> int:
    if len(text) > 17:
        raise CanonicalError(f"integers stay within 2^53 - 1, found {len(text)} digits")
    return in_range(int(text))


def _refuse_number(text: str) -> NoReturn:
    raise CanonicalError(f"the profile has no floats, found {text[:40]}")


_decoder = json.JSONDecoder(
    parse_float=_refuse_number, parse_constant=_refuse_number, parse_int=_integer
)
