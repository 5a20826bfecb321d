"""Options by which programs are told to run another: shell's text in the words of a command.

Source: the manual pages of the programs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .words import Word

NAMING: Mapping[str, tuple[str, ...]] = {
    "chokidar": ("-c", "--command"),
    "make": ("SHELL",),
    "gmake": ("SHELL",),
    "man": ("-P", "--pager"),
    "nodemon": ("-x", "--exec"),
    "rg": ("--pre", "--hostname-bin"),
    "sort": ("--compress-program",),
    "split": ("--filter",),
    "tar": ("--to-command", "--use-compress-program", "-I", "--rsh-command", "--info-script"),
    "xterm": ("-e",),
    "zip": ("-TT", "--unzip-command"),
}
"""The options of each program whose value a shell runs, or is a program's name."""


def named_by(options: Sequence[str], words: Sequence[Word]) -> list[Word]:
    """Return the values of options: the next word, or what follows in the same word."""
    found: list[Word] = []
    for at, word in enumerate(words):
        if word.text == "--":
            break
        for option in options:
            if word.text == option:
                found += words[at + 1 : at + 2]
            elif word.text.startswith(f"{option}="):
                found.append(Word(word.text.removeprefix(f"{option}="), word.is_known))
            elif option[:2] == option and word.text.startswith(option) and option[0] == "-":
                found.append(Word(word.text.removeprefix(option), word.is_known))
    return found
