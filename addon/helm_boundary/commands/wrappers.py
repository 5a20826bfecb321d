"""Programs that run other programs, or code: which of their words are that.

Source: the manual pages of GNU findutils and parallel, git, npm and tmux.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from .git_programs import run_by, sets_program
from .inner import STDIN, Inner, fill, read_text
from .option_programs import NAMING, named_by
from .shells import (
    INTERPRETER,
    RESERVED,
    SCRIPT,
    SHELLS,
    has_code,
    read_option,
    read_shell,
)
from .unwrapping import unwrap, unwrap_in_place
from .words import Word
from .wrapper_table import GNU, WAYS, Way

ACTIVATE = re.compile(r"(?!/|~|.*\.\.)(?:.*/)?bin/activate")
"""What every virtual environment has in the working folder, to be sourced: a file as any."""
_EXEC = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_FD_EXEC = frozenset({"-x", "-X", "--exec", "--exec-batch"})
_PARALLEL = Way("jIanN", reads=True)
_EITHER = re.compile("-[A-Za-z]*[lpNh]")
"""Options of tmux that take a word with one of its commands, and none with another."""


def inner(program: str, words: Sequence[Word]) -> Inner:
    """Return what a program runs, by its words without its name."""
    program = program.lower().removesuffix(".exe")
    if program in SHELLS:
        return read_shell(words)
    if program == "eval":
        return Inner(texts=(" ".join(word.text for word in words),), complete=False)
    if program in ("source", "."):
        known = words[0] if words else STDIN
        return Inner(complete=known.is_known and ACTIVATE.fullmatch(known.text) is not None)
    if program in ("alias", "enable", "hash") or program in RESERVED:
        return Inner(complete=False)
    if program == "trap":
        words = words[1:] if words and words[0].text == "--" else words
        return read_text(words[:1]) if len(words) > 1 else Inner()
    if program == "parallel":
        return _of_parallel(words)
    if program == "tmux":
        return _of_tmux(words)
    if (options := NAMING.get(program)) and (named := named_by(options, words)):
        return _of_options(program, words, named)
    if program == "command" and words and re.fullmatch("-[vV]", words[0].text):
        return Inner()  # it says where they are
    if program in ("su", "script", "runuser"):
        return read_option(words)
    if program == "find":
        return Inner(tuple(_of_find(words, _EXEC)))
    if program in ("fd", "fdfind"):
        return Inner(tuple(_of_find(words, _FD_EXEC)))
    if INTERPRETER.fullmatch(program):
        return Inner(complete=has_code(words))
    if program == "git":
        return _of_git(words)
    if program in ("npm", "npx") and (called := _called(words)):
        return read_text(called)
    way = WAYS.get(program) or WAYS.get(GNU.sub("", program))
    return unwrap(way, words) if way else Inner(complete=not SCRIPT.fullmatch(program))


def _of_git(words: Sequence[Word]) -> Inner:
    command, texts = run_by(words)
    is_known = all(word.is_known for word in texts) and not sets_program(words)
    commands = (command,) if command else ()
    return Inner(commands, tuple(word.text for word in texts), is_known)


def _called(words: Sequence[Word]) -> list[Word]:
    """Return the shell's text that npx or npm exec is given."""
    for at, word in enumerate(words):
        if word.text in ("-c", "--call"):
            return [*words[at + 1 : at + 2]]
        if word.text.startswith("--call="):
            return [Word(word.text.removeprefix("--call="), word.is_known)]
        if word.text == "--":
            break
    return []


def _of_find(words: Sequence[Word], options: frozenset[str]) -> list[Sequence[Word]]:
    found: list[Sequence[Word]] = []
    at = 0
    while at < len(words):
        if words[at].text in options:
            ends = (end for end in range(at + 1, len(words)) if words[end].text in (";", "+"))
            end = next(ends, len(words))
            found.append(fill(words[at + 1 : end], "{}"))
            at = end
        at += 1
    return found


def _of_options(program: str, words: Sequence[Word], named: Sequence[Word]) -> Inner:
    """Read what options of a program have it run, beside what it runs anyway."""
    texts = tuple(word.text for word in named)
    way = WAYS.get(program)
    beside = unwrap(way, words) if way else Inner()
    is_known = all(word.is_known for word in named) and beside.complete
    return replace(beside, texts=(*beside.texts, *texts), complete=is_known)


def _of_parallel(words: Sequence[Word]) -> Inner:
    """Read GNU parallel's words: a command and, behind `:::`, what it is given, or the commands."""
    at = next((at for at, word in enumerate(words) if word.text.startswith(":::")), len(words))
    if at == len(words):
        return unwrap_in_place(_PARALLEL, words)
    front = unwrap_in_place(replace(_PARALLEL, reads=False), words[:at])
    lists = [word.text for word in words[at:] if word.text.startswith(":::")]
    given = words[at + 1 :] if lists == [":::"] else (STDIN,)  # of files, or each with each
    if front.texts:
        return front
    if not front.commands:
        is_known = all(word.is_known for word in given)
        return Inner(texts=tuple(word.text for word in given), complete=is_known)
    return replace(front, commands=tuple((*fill(each, "{}"), *given) for each in front.commands))


def _of_tmux(words: Sequence[Word]) -> Inner:
    """Read tmux's words; it takes several commands in them, and options mean one or the other."""
    is_plain = not any(word.text == ";" or _EITHER.fullmatch(word.text) for word in words)
    found = unwrap(WAYS["tmux"], words)
    return replace(found, complete=found.complete and is_plain)
