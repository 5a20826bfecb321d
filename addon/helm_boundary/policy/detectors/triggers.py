r"""What a text holds wherever a pattern matches: the pattern from its first letters on.

``[A-Za-z0-9]{14}\.atlasv1\.`` begins with anything; an automaton that looks for it has a state for
each number of letters so far, beside all that it has for others. Whatever it matches has
``.atlasv1.`` in it, which nearly no text has. So what stands before the first letters is left out,
and a gap of up to so many characters is one of any length. Both match more than the pattern does,
never less.
"""

from __future__ import annotations

import re
from dataclasses import replace

from .pattern_parts import Part, Parts, Unreadable, read_parts, write_parts

_LETTERS = 2
"""Characters of its own with which a trigger begins; most texts never get past the first."""
_FEW = 10  # characters of a class that are told one by one
_MANY = 64  # beginnings of one pattern
_AHEAD = 12  # parts that are looked at for a beginning
_RARE = "\x80" * _LETTERS
"""Stands for any character beyond ASCII: several bytes, the first of which are seldom in a text."""
_GAP = re.compile(r"\{([01]),(\d*)\}")
_SHORT_GAP = 3

type Beginnings = frozenset[tuple[str, bool]]
"""The first characters of what may be matched, each with whether more of it is known."""
_ANY: Beginnings = frozenset({("", False)})


def trigger_of(pattern: str) -> str | None:
    """Return a pattern that begins with letters and matches wherever this one does; None for none.

    `pattern` is one that RE2 compiles.
    """
    try:
        found = _begun(read_parts(pattern))
    except (Unreadable, RecursionError):
        return None
    return None if found is None else write_parts(tuple(map(_widened, found)))


def _begun(alternatives: tuple[Parts, ...]) -> tuple[Parts, ...] | None:
    """Return each alternative from its first letters on; None where one has none."""
    found = [_from_letters(parts) for parts in alternatives]
    return None if None in found else tuple(parts for parts in found if parts is not None)


def _from_letters(parts: Parts) -> Parts | None:
    for at, part in enumerate(parts):
        flags = tuple(each for each in parts[:at] if each.kind == "flags")
        rest = parts[at:]
        if all(len(begins) >= _LETTERS for begins, _ in _beginnings_of(rest)):
            # An edge takes no character: what stands right before is kept with it.
            edges = parts[at - 1 : at] if at and parts[at - 1].kind == "edge" else ()
            return (*flags, *edges, *rest)
        if part.kind == "open" and not part.quantity:
            inner = _begun(part.alternatives)
            if inner is not None:
                return (*flags, replace(part, alternatives=inner), *rest[1:])
    return None


def _beginnings_of(parts: Parts) -> Beginnings:
    known: Beginnings = frozenset({("", True)})
    for part in parts[:_AHEAD]:
        if not any(goes_on and len(begins) < _LETTERS for begins, goes_on in known):
            break
        found: set[tuple[str, bool]] = set()
        for begins, goes_on in known:
            if goes_on and len(begins) < _LETTERS:
                found |= {(begins + more, open_) for more, open_ in _beginnings(part)}
            else:
                found.add((begins, goes_on))
        known = frozenset(found)
        if len(known) > _MANY:
            return _ANY
    return known


def _beginnings(part: Part) -> Beginnings:
    """Return how what a part matches may begin; empty, and going on, where it may be left out."""
    if part.kind in ("flags", "edge"):
        return frozenset({("", True)})
    if part.kind == "open":
        own = frozenset().union(*map(_beginnings_of, part.alternatives))
    else:
        own = _characters(part)
    if part.quantity and part.quantity not in ("?", "{1}"):
        own = frozenset((_repeated(part, begins), False) for begins, _ in own)
    if part.least:
        return own
    # Blanks and marks that may be there make nothing of a text: letters follow, or it is none.
    return frozenset({("", True)}) if _has_no_letter(part) else own | {("", True)}


def _repeated(part: Part, begins: str) -> str:
    """Return as much of a part's repetition as is known: of ``A{20}`` that another A follows."""
    is_one = part.kind != "open" and len(begins) == 1 and len(set(part.ranges)) == 1
    known = is_one and part.ranges[0][0] == part.ranges[0][1]
    return begins * min(part.least, _LETTERS) if known and part.least else begins


def _characters(part: Part) -> Beginnings:
    ranges = part.ranges
    if ranges and all(first >= "\x80" for first, _ in ranges):
        return frozenset({(_RARE, True)})
    if not ranges or sum(ord(last) - ord(first) + 1 for first, last in ranges) > _FEW:
        return _ANY
    codes = (code for first, last in ranges for code in range(ord(first), ord(last) + 1))
    return frozenset((chr(code), True) for code in codes)


def _has_no_letter(part: Part) -> bool:
    if part.text == r"\s":
        return True
    codes = [(ord(first), ord(last)) for first, last in part.ranges]
    return bool(codes) and not any(
        chr(code).isalnum() for first, last in codes for code in range(first, min(last, 127) + 1)
    )


def _widened(parts: Parts) -> Parts:
    """Let gaps be of any length: their counts are states beside all others."""
    return tuple(
        replace(
            part,
            quantity=_without_limit(part.quantity),
            alternatives=tuple(map(_widened, part.alternatives)),
        )
        for part in parts
    )


def _without_limit(quantity: str) -> str:
    gap = _GAP.fullmatch(quantity)
    if gap is None or (gap[2] and int(gap[2]) <= _SHORT_GAP):
        return quantity
    return "+" if gap[1] == "1" else "*"
