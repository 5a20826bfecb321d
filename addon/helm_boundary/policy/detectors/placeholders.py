"""Placeholders, which stand where a credential would be: ``xxxx``, ``0000``, ``abcdef1234``.

No vendor's format has a say here: whatever a detector of credentials finds is asked the same.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

_LONG = 200
"""Bytes; a key in many lines isn't made up because one of them looks so."""

_RUN = 4
"""Characters in a row that a generator seldom makes: equal, or each one after the last."""

_FILLING = 8
"""Of these letters in a row there is no credential, whatever else there is."""

_FILLERS = b"xX0*.#"

_HMACS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


@dataclass(frozen=True, slots=True)
class Published:
    """What is published, so that it opens nothing: one pattern for examples, and signing keys."""

    examples: Any | None = None
    keys: tuple[bytes, ...] = ()

    def has(self, found: bytes) -> bool:
        """Tell whether somebody published this, or the key with which anyone can make it."""
        if self.examples is not None and self.examples.search(found):
            return True
        return is_placeholder(found) or is_signed_with(found, self.keys)


def is_signed_with(token: bytes, keys: Sequence[bytes]) -> bool:
    """Tell whether a JWT's HMAC (RFC 7518 section 3.2) is by one of the keys."""
    signed, _, signature = token.rpartition(b".")
    if not keys or signed.count(b".") != 1:
        return False
    try:
        header = json.loads(_decoded(signed.partition(b".")[0]))
        digest = _HMACS.get(header["alg"])
        made = _decoded(signature)
    except (ValueError, TypeError, KeyError, RecursionError):
        return False
    return digest is not None and any(
        hmac.compare_digest(hmac.digest(key, signed, digest), made) for key in keys
    )


def _decoded(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def is_placeholder(found: bytes) -> bool:
    """Tell whether somebody held a key down, or typed the alphabet, instead of a credential."""
    if len(found) <= _LONG and any(found.find(filler * _FILLING) >= 0 for filler in _FILLS):
        return True
    return 2 * _foreseeable(found.lower()) >= len(found)


def _foreseeable(text: bytes) -> int:
    """Count the characters in runs of one letter, or of the alphabet's or the digits' order."""
    total = 0
    for steps in ((0, 0), (1, -9)):  # after 9 comes 0
        run = 1
        for before, after in pairwise(text):
            if after - before in steps:
                run += 1
                continue
            total += run if run >= _RUN else 0
            run = 1
        total += run if run >= _RUN else 0
    return total


_FILLS = tuple(bytes([filler]) for filler in _FILLERS)
