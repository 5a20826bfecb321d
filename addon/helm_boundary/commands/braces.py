"""Brace expansion: `src/{a,b}` into the words that a shell makes of it.

Source: Bash Reference Manual, 3.5.1.
"""

from __future__ import annotations

import re

MAX_WORDS = 64
"""A text that becomes more words isn't expanded."""
_SEQUENCE = re.compile(r"(-?\d{1,4}|[A-Za-z])\.\.(-?\d{1,4}|[A-Za-z])(?:\.\.(-?\d{1,4}))?")


def expand(text: str) -> list[str] | None:
    """Return the words of a text without quotes; None where they are too many.

    What has no comma and is no sequence stands for itself, as do braces without their other half.
    """
    ready: list[str] = []
    waiting = [("", text)]
    while waiting:
        done, rest = waiting.pop()
        found = _first(rest)
        if found is None:
            ready.append(done + rest)
        else:
            start, end, parts = found
            before = done + rest[:start]
            # What stands in the braces may have some of its own.
            waiting += [(before, part + rest[end:]) for part in reversed(parts)]
        if len(ready) + len(waiting) > MAX_WORDS:
            return None
    return ready


def _first(text: str) -> tuple[int, int, list[str]] | None:
    """Find the first braces that are expanded: where they begin and end, and what they become."""
    at = text.find("{")
    while at >= 0:
        end, parts = _parts(text, at)
        if end and len(parts) > 1:
            return at, end, parts
        if end and (numbers := _sequence(parts[0])):
            return at, end, numbers
        at = text.find("{", at + 1)
    return None


def _parts(text: str, start: int) -> tuple[int, list[str]]:
    """Split what stands in braces at its own commas; the end is 0 where there is no closing one."""
    depth, begun = 0, start + 1
    parts: list[str] = []
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return at + 1, [*parts, text[begun:at]]
        if depth == 1 and text[at] == ",":
            parts.append(text[begun:at])
            begun = at + 1
    return 0, []


def _sequence(text: str) -> list[str]:
    found = _SEQUENCE.fullmatch(text)
    if found is None or found[1].isalpha() != found[2].isalpha():
        return []
    first, last = (ord(each) if each.isalpha() else int(each) for each in (found[1], found[2]))
    step = abs(int(found[3] or 1)) or 1
    numbers = range(first, last + 1, step) if first <= last else range(first, last - 1, -step)
    if found[1].isalpha():
        return [chr(each) for each in numbers[: MAX_WORDS + 1]]
    padded = any(re.match("-?0.", each) for each in (found[1], found[2]))
    width = max(len(found[1]), len(found[2])) if padded else 0
    return [f"{each:0{width}d}" for each in numbers[: MAX_WORDS + 1]]
