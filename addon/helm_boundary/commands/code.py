"""Another language's code in a command's own words, and in what it is given to read.

Source: `python --help`, `node --help`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .words import Word

_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*")
_NODE = re.compile("node|nodejs")
_PYTHONS = re.compile(r"-[bBdEhiIOqsSuvVx]*c(.*)", re.DOTALL)
_PYTHONS_VALUED = frozenset({"-W", "-X"})
_NODES = re.compile(r"(?:-[ip]*[ep]+|--eval|--print)(?:=(.*))?", re.DOTALL)


def code_of(program: str, words: Sequence[Word], given: Sequence[Word]) -> list[Word]:
    """Return the code that Python or Node is told to run; what they read is `given`."""
    if _PYTHON.fullmatch(program):
        return _of_python(words) or _of_input(words, given)
    if _NODE.fullmatch(program):
        found = [_value(words, at, each[1]) for at, each in _matches(words, _NODES)]
        return [word for word in found if word is not None] or _of_input(words, given)
    return []


def _of_python(words: Sequence[Word]) -> list[Word]:
    """Read what follows -c, behind which everything is the code's own."""
    at = 0
    while at < len(words) and words[at].text.startswith("-") and len(words[at].text) > 1:
        if found := _PYTHONS.fullmatch(words[at].text):
            value = _value(words, at, found[1])
            return [] if value is None else [value]
        at += 2 if words[at].text in _PYTHONS_VALUED else 1
    return []


def _matches(words: Sequence[Word], pattern: re.Pattern[str]) -> list[tuple[int, re.Match[str]]]:
    found = [(at, pattern.fullmatch(word.text)) for at, word in enumerate(words)]
    return [(at, each) for at, each in found if each is not None]


def _value(words: Sequence[Word], at: int, glued: str | None) -> Word | None:
    if glued:
        return Word(glued, words[at].is_known)
    return words[at + 1] if at + 1 < len(words) else None


def _of_input(words: Sequence[Word], given: Sequence[Word]) -> list[Word]:
    """Return a here-document, where that is what is run: no file is named, or it is `-`."""
    files = [word.text for word in words if not word.text.startswith("-") or word.text == "-"]
    return [*given[-1:]] if not files or files[0] in ("-", "/dev/stdin") else []
