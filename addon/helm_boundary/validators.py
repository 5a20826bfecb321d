"""What tells a credential or a card number from a string that only looks like one."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections import Counter
from collections.abc import Callable

type Validator = Callable[[bytes], bool]


def luhn(found: bytes) -> bool:
    """Whether the digits carry a valid check digit (ISO/IEC 7812-1 annex B)."""
    digits = [byte - 48 for byte in found if 48 <= byte <= 57]
    if len(set(digits)) < 2:
        return False  # 0000 0000 0000 0000 passes the sum and is nobody's card
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def entropy(found: bytes) -> float:
    """Shannon's entropy of the bytes, in bits a byte."""
    counts = Counter(found).values()
    return -sum(n / len(found) * math.log2(n / len(found)) for n in counts)


def jwt(found: bytes) -> bool:
    """Whether it starts with a JOSE header (RFC 7515 section 4): JSON that names an "alg"."""
    header = found.split(b".", 1)[0]
    try:
        value = json.loads(base64.urlsafe_b64decode(header + b"=" * (-len(header) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return False
    return isinstance(value, dict) and isinstance(value.get("alg"), str)


def iban(found: bytes) -> bool:
    """Whether the check digits are right (ISO 13616-1: modulo 97 is 1)."""
    compact = found.replace(b" ", b"").decode("ascii")
    if not 15 <= len(compact) <= 34:
        return False
    return int("".join(str(int(letter, 36)) for letter in compact[4:] + compact[:4])) % 97 == 1


VALIDATORS: dict[str, Callable[[float], Validator]] = {
    "luhn": lambda _: luhn,
    "iban": lambda _: iban,
    "jwt": lambda _: jwt,
    "entropy": lambda bits: lambda found: entropy(found) >= bits,
}
