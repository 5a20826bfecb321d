"""The command in the words of a program that runs it, found as the table says of the program."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from .inner import STDIN, Inner, fill, read_text, read_texts
from .words import Word
from .wrapper_table import Way

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_SPLIT = re.compile(r"-[iv0]*S(.*)|--split-string(?:=(.*))?", re.DOTALL)
_MOVES = re.compile("-[a-z0]*C|--c")


def unwrap(way: Way, words: Sequence[Word]) -> Inner:
    """Return the command that a program runs, and whether that is all."""
    found = unwrap_in_place(way, words)
    moves = way.moves and any(_MOVES.match(word.text) for word in words)
    return replace(found, complete=False) if moves else found  # what it writes is elsewhere


def unwrap_in_place(way: Way, words: Sequence[Word]) -> Inner:
    """Return the same of a program that runs nothing in another folder."""
    at, before = 0, way.words
    if way.verbs:
        found = _verb(way, words)
        if found is None:
            return Inner(complete=way.idle is None or _is_idle(way, words))
        at = found + 1
    while at < len(words):
        word = words[at]
        if not word.is_known and at == 0 and not word.text.startswith("-"):
            return Inner(complete=False)
        if way.moves and (split := _SPLIT.fullmatch(word.text)):
            glued = split[1] or split[2]
            return read_text([Word(glued, word.is_known)] if glued else words[at + 1 : at + 2])
        if word.text == "--":
            at += 1 + before
            break
        if word.text.startswith("-") and (len(word.text) > 1 or way.moves):
            at += 1 + _takes_next(way, word.text)
        elif way.assigns and _ASSIGNMENT.match(word.text):
            at += 1
        elif before:
            before -= 1
            at += 1
        else:
            break
    command = words[at:]
    if command and (way.joins or (len(command) == 1 and " " in command[0].text)):
        return read_texts(command)
    if not command:
        return Inner(complete=not way.reads)
    if way.reads:
        return Inner(((*fill(command, _replaced(words) or "{}"), STDIN),))
    return Inner((command,))


def _verb(way: Way, words: Sequence[Word]) -> int | None:
    """Return the place of the verb that a command follows; options may stand before it."""
    for at, word in enumerate(words):
        if word.text in way.verbs:
            return at
        follows = at > 0 and words[at - 1].text.startswith("-")
        if not word.text.startswith("-") and not follows:
            return None
    return None


def _is_idle(way: Way, words: Sequence[Word]) -> bool:
    """Tell whether the verb of a program is one that runs nothing."""
    verbs = [word.text for word in words if not word.text.startswith("-")]
    return not verbs or verbs[0] in (way.idle or ())


def _replaced(words: Sequence[Word]) -> str:
    """Return what xargs puts its input in place of."""
    for at, word in enumerate(words):
        if word.text in ("-I", "-J") and at + 1 < len(words):
            return words[at + 1].text
        if word.text.startswith(("-I", "--replace=")):
            return re.sub("-I|--replace=", "", word.text, count=1)
    return "{}"


def _takes_next(way: Way, option: str) -> bool:
    """Tell whether the word after an option is its value."""
    if option.startswith("--"):
        return option in way.long_valued
    return option[-1] in way.valued and not any(each in way.valued for each in option[1:-1])
