"""Placeholders, which stand where a credential would be: ``xxxx``, ``0000``, ``abcdef1234``.

No vendor's format has a say here: whatever a detector of credentials finds is asked the same.
"""

from __future__ import annotations

from itertools import pairwise

_LONG = 200
"""Bytes; a key in many lines isn't made up because one of them looks so."""

_RUN = 4
"""Characters in a row that a generator seldom makes: equal, or each one after the last."""

_FILLING = 8
"""Of these letters in a row there is no credential, whatever else there is."""

_FILLERS = b"xX0*.#"


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
