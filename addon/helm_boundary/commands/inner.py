"""What a program runs, as a value: the words of commands, and texts of shell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .words import Word

STDIN: Final = Word("", is_known=False, is_plain=False)
"""In place of the words that a program takes from its standard input."""


@dataclass(frozen=True, slots=True)
class Inner:
    """What a program runs: the words of commands, and texts of shell.

    `complete` is False where it runs something else as well, which isn't in its words. `script` is
    a file of a shell's that it runs.
    """

    commands: tuple[Sequence[Word], ...] = ()
    texts: tuple[str, ...] = ()
    complete: bool = True
    script: Word | None = None


def read_text(words: Sequence[Word]) -> Inner:
    """Read the one word that a program hands to a shell as its text."""
    if len(words) != 1 or not words[0].is_known:
        return Inner(texts=tuple(word.text for word in words), complete=False)
    return Inner(texts=(words[0].text,))


def read_texts(words: Sequence[Word]) -> Inner:
    """Read words that a program hands to a shell as one text."""
    is_known = all(word.is_known for word in words)
    return Inner(texts=(" ".join(word.text for word in words),), complete=is_known)


def fill(words: Sequence[Word], place: str) -> list[Word]:
    """Return the words of a command, in some of which something else is put in a place."""
    return [
        STDIN if word.text == place else Word(word.text, False, False)
        if place in word.text else word
        for word in words
    ]  # fmt: skip
