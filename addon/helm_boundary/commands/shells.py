"""Shells and interpreters: what their words have them run, code or a file.

Source: the manual pages of bash, zsh, util-linux and Python.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .inner import Inner, read_text
from .words import Word

SHELLS = frozenset(
    {
        "ash", "bash", "csh", "dash", "elvish", "fish", "ksh", "lksh", "mksh", "nu", "osh", "posh",
        "rbash", "sh", "tcsh", "xonsh", "yash", "zsh",
    }
)  # fmt: skip
RESERVED = frozenset(
    {"case", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in", "select",
     "then", "until", "while", "{", "}"}
)  # fmt: skip
"""Where one of a shell's own words is taken for a program, the text was read another way."""
INTERPRETER = re.compile(r"(?:python|pypy|perl|ruby|node|nodejs|php|lua|deno|bun)[0-9.]*")
_CODE = re.compile(r"-[A-Za-z]*c[A-Za-z]*")
SCRIPT = re.compile(r".*\.(?:ba|da|k|z)?sh", re.DOTALL)
SHELLS_VALUED = frozenset({"-o", "+o", "-O", "+O"})
SHELLS_IDLE = re.compile(r"[-+][abefhklmnptuvxBCEHPT]+|--(?:login|noprofile|norc|posix|verbose)")
"""Options of shells that have them read no other file, and not their standard input."""
_IDLE = re.compile(r"-[uBEIOSbdiqsw]+")
"""Options of interpreters that say nothing about the code."""


def read_shell(words: Sequence[Word]) -> Inner:
    """Read the words of a shell: its code, or the file that it runs."""
    for at, word in enumerate(words):
        if word.is_known and _CODE.fullmatch(word.text):
            code = [each for each in words[at + 1 :] if not each.text.startswith(("-", "+"))]
            return read_text(code[:1])
        if not word.text.startswith(("-", "+")) or not word.is_known:
            break
        if word.text in ("--version", "--help"):
            return Inner()
    return _of_file(words)


def _of_file(words: Sequence[Word]) -> Inner:
    """Read the words of a shell that has no code in them: a file's name, or it reads its input."""
    at = 0
    while at < len(words) and words[at].is_known and words[at].text.startswith(("-", "+")):
        option = words[at].text
        at += 2 if option in SHELLS_VALUED else 1
        if option == "--":
            break
        if option not in SHELLS_VALUED and not SHELLS_IDLE.fullmatch(option):
            return Inner(complete=False)
    return Inner(script=words[at]) if at < len(words) else Inner(complete=False)


def is_script(program: str) -> bool:
    """Tell whether a program's name is that of a shell's file."""
    return SCRIPT.fullmatch(program) is not None


def read_option(words: Sequence[Word]) -> Inner:
    """Read the code that follows `-c`, without which there is a shell that reads its input."""
    for at, word in enumerate(words):
        if word.text in ("-c", "--command") and word.is_known:
            return read_text(words[at + 1 : at + 2])
    return Inner(complete=False)


def has_code(words: Sequence[Word]) -> bool:
    """Tell whether an interpreter is told what to run, or else reads it from its input."""
    valued = {at + 1 for at, word in enumerate(words) if word.text in ("-W", "-X")}
    rest = (word for at, word in enumerate(words) if at not in valued and at + 1 not in valued)
    told = next((word for word in rest if not _IDLE.fullmatch(word.text)), None)
    if told is None or not told.is_known:
        return False
    return told.text not in ("-", "/dev/stdin") and not told.text.startswith("/dev/fd/")
