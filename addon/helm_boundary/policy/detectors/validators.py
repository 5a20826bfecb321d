"""Checks that tell a credential or a card number from a string that only looks like one."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections import Counter
from collections.abc import Callable

from .placeholders import is_placeholder

type Validator = Callable[[bytes], bool]

_WORD = re.compile(rb"[A-Z]?[a-z]{6,}|[A-Z]{7,}")
_UNSPEAKABLE = re.compile(rb"q[^u]|[jqvxz][jqvxz]|[^aeiouy]{5}", re.IGNORECASE)
_NO_LETTER = re.compile(rb"[0-9!#%&*+?@^]")
_HEX = re.compile(rb"[0-9a-f]+|[0-9A-F]+")
_HEX_BITS = 0.4
"""By how much a text in sixteen letters may fall behind one in sixty."""
_LETTER = re.compile(rb"[A-Za-z]")
_SHORTEST_PASSWORD = 8
_STOP_WORDS = re.compile(
    rb"pass|pwd|secret|example|change|placeholder|redacted|your|dummy|sample|test|admin|foo|bar"
    rb"|user|demo|token|xxx|\*\*\*|\.\.\.|^[$%{<\[(]",
    re.IGNORECASE,
)


def luhn(found: bytes) -> bool:
    """Tell whether the digits carry a valid check digit (ISO/IEC 7812-1 annex B)."""
    digits = [byte - 48 for byte in found if 48 <= byte <= 57]
    if len(set(digits)) < 2:
        return False  # 0000 0000 0000 0000 passes the sum and is nobody's card
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def entropy(found: bytes) -> float:
    """Return Shannon's entropy of the bytes, in bits per byte."""
    counts = Counter(found).values()
    return -sum(n / len(found) * math.log2(n / len(found)) for n in counts)


def drawn(found: bytes, bits: float) -> bool:
    """Tell whether a generator made it: letters and digits, in no order, and hardly a word."""
    if not (_NO_LETTER.search(found) and _LETTER.search(found)):
        return False
    if entropy(found) < bits - (_HEX_BITS if _HEX.fullmatch(found) else 0):
        return False
    words = (word for word in _WORD.findall(found) if not _UNSPEAKABLE.search(word))
    return 2 * sum(map(len, words)) < len(found)


def jwt(found: bytes) -> bool:
    """Tell whether it starts with a JOSE header (RFC 7515 section 4): JSON that names an "alg"."""
    header = found.split(b".", 1)[0]
    try:
        value = json.loads(base64.urlsafe_b64decode(header + b"=" * (-len(header) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return False
    return isinstance(value, dict) and isinstance(value.get("alg"), str)


def login(found: bytes, bits: float) -> bool:
    """Tell whether ``name:password`` has a password that is neither the name nor a stop word."""
    name, _, password = found.partition(b":")
    return (
        len(password) >= _SHORTEST_PASSWORD
        and password.lower() != name.lower()
        and entropy(password) >= bits
        and _STOP_WORDS.search(password) is None
        and not is_placeholder(password)
    )


def basic(found: bytes, bits: float) -> bool:
    """Tell whether base64 holds such a login (RFC 7617 section 2)."""
    try:
        decoded = base64.b64decode(found, validate=True)
    except (ValueError, binascii.Error):
        return False
    # JSON has colons, too: the header of a JWT that was sent as if it were a login.
    is_text = decoded.isascii() and decoded.decode().isprintable() and decoded[:1] != b"{"
    return is_text and login(decoded, bits)


def iban(found: bytes) -> bool:
    """Tell whether the length is its country's and the check digits are right (ISO 13616-1)."""
    compact = found.replace(b" ", b"").decode("ascii")
    if IBAN_LENGTHS.get(compact[:2]) != len(compact):
        return False
    return int("".join(str(int(letter, 36)) for letter in compact[4:] + compact[:4])) % 97 == 1


# Country and length, from the registry of ISO 13616.
_REGISTRY = """
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20
    EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30
    KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28
    PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TN24 TR26 UA29 VA22 VG24 XK20
"""
IBAN_LENGTHS = {land: int(size) for land, size in re.findall(r"([A-Z]{2})(\d{2})", _REGISTRY)}


VALIDATORS: dict[str, Callable[[float], Validator]] = {
    "luhn": lambda _: luhn,
    "iban": lambda _: iban,
    "jwt": lambda _: jwt,
    "entropy": lambda bits: lambda found: entropy(found) >= bits,
    "random": lambda bits: lambda found: drawn(found, bits),
    "login": lambda bits: lambda found: login(found, bits),
    "basic": lambda bits: lambda found: basic(found, bits),
}
