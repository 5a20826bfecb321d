"""Programs that run other programs, or code: which of their words are that.

Source: the manual pages of GNU coreutils and findutils, sudo, util-linux and bash.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .words import Word

STDIN: Final = Word("", is_known=False, is_plain=False)
"""In place of the words that a program takes from its standard input."""

_SHELLS = frozenset({"ash", "bash", "dash", "fish", "ksh", "mksh", "rbash", "sh", "zsh"})
_INTERPRETER = re.compile(r"(?:python|pypy|perl|ruby|node|nodejs|php|lua|deno|bun)[0-9.]*")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_CODE = re.compile(r"-[A-Za-z]*c[A-Za-z]*")
_SCRIPT = re.compile(r".*\.(?:ba|da|k|z)?sh", re.DOTALL)
_GIT_RUNS = re.compile(
    r"(?:alias|filter|diff|merge|mergetool|difftool|credential|gpg|ssh|uploadpack|pager)\."
    r"|core\.(?:pager|editor|sshcommand|hookspath|fsmonitor|askpass)|sequence\.editor",
    re.IGNORECASE,
)
"""Settings of git's that name a program."""
_EXEC = frozenset({"-exec", "-execdir", "-ok", "-okdir"})


@dataclass(frozen=True, slots=True)
class Inner:
    """What a program runs: the words of commands, and texts of shell.

    `complete` is False where it runs something else as well, which isn't in its words.
    """

    commands: tuple[Sequence[Word], ...] = ()
    texts: tuple[str, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True)
class _Way:
    """How to find a program's inner command: options that take a word, and words before it."""

    valued: str = ""
    long_valued: frozenset[str] = frozenset()
    words: int = 0
    verbs: frozenset[str] = frozenset()
    """If there are any, the first word must be one of them for the rest to be a command."""
    assigns: bool = False
    reads: bool = False
    """Whether it adds words that it reads from its standard input."""
    joins: bool = False
    """Whether its words are a shell's text, as one."""


_RUN = frozenset({"run", "exec"})
_WAYS: Mapping[str, _Way] = {
    "builtin": _Way(),
    "bunx": _Way(),
    "busybox": _Way(),
    "caffeinate": _Way("tw"),
    "chroot": _Way(words=1, long_valued=frozenset({"--userspec", "--groups"})),
    "command": _Way(),
    "coproc": _Way(),
    "doas": _Way("uC"),
    "env": _Way("uCa", frozenset({"--unset", "--chdir", "--argv0"}), assigns=True),
    "exec": _Way("a"),
    "flock": _Way("wE", words=1),
    "ionice": _Way("cnp"),
    "nice": _Way("n", frozenset({"--adjustment"})),
    "nohup": _Way(),
    "npm": _Way(verbs=frozenset({"exec", "x"})),
    "npx": _Way("pc", frozenset({"--package", "--call"})),
    "parallel": _Way("jIanN", reads=True),
    "pdm": _Way(verbs=_RUN),
    "pipenv": _Way(verbs=_RUN),
    "pnpm": _Way(verbs=frozenset({"dlx", "exec"})),
    "pnpx": _Way(),
    "poetry": _Way(verbs=_RUN),
    "proxychains": _Way("f"),
    "setsid": _Way(),
    "stdbuf": _Way("ioe", frozenset({"--input", "--output", "--error"})),
    "strace": _Way("oepPsuE"),
    "sudo": _Way(
        "ugpCDhRrtTU",
        frozenset({"--user", "--group", "--prompt", "--chdir", "--host", "--role", "--type"}),
        assigns=True,
    ),
    "time": _Way("fo", frozenset({"--format", "--output"})),
    "timeout": _Way("sk", frozenset({"--signal", "--kill-after"}), words=1),
    "toybox": _Way(),
    "unbuffer": _Way(),
    "unshare": _Way(),
    "uv": _Way(verbs=_RUN),
    "watch": _Way("n", frozenset({"--interval"}), joins=True),
    "xargs": _Way(
        "IEnPLdsa",
        frozenset({"--max-args", "--max-procs", "--replace", "--delimiter", "--arg-file"}),
        reads=True,
    ),
    "yarn": _Way(verbs=frozenset({"dlx", "exec"})),
}


def inner(program: str, words: Sequence[Word]) -> Inner:
    """Return what a program runs, by its words without its name."""
    if program in _SHELLS:
        return _of_shell(words)
    if program == "eval":
        return Inner(texts=(" ".join(word.text for word in words),), complete=False)
    if program in ("source", ".", "alias", "enable", "hash"):
        return Inner(complete=False)
    if program == "trap":
        return _of_text(words[:1]) if len(words) > 1 else Inner()
    if program in ("su", "script", "runuser"):
        return _of_option(words)
    if program == "find":
        return Inner(tuple(_of_find(words)))
    if _INTERPRETER.fullmatch(program):
        return Inner(complete=_has_code(words))
    if program == "git":
        return Inner(complete=not _sets_program(words))
    way = _WAYS.get(program)
    return _wrapped(way, words) if way else Inner(complete=not _SCRIPT.fullmatch(program))


def _of_shell(words: Sequence[Word]) -> Inner:
    for at, word in enumerate(words):
        if word.is_known and _CODE.fullmatch(word.text):
            return _of_text(words[at + 1 : at + 2])
        if not word.text.startswith(("-", "+")) or not word.is_known:
            break
        if word.text in ("--version", "--help"):
            return Inner()
    return Inner(complete=False)  # a file's, or what it reads from its standard input


def _of_option(words: Sequence[Word]) -> Inner:
    """Read the code that follows `-c`, without which there is a shell that reads its input."""
    for at, word in enumerate(words):
        if word.text in ("-c", "--command") and word.is_known:
            return _of_text(words[at + 1 : at + 2])
    return Inner(complete=False)


def _of_text(words: Sequence[Word]) -> Inner:
    if len(words) != 1 or not words[0].is_known:
        return Inner(texts=tuple(word.text for word in words), complete=False)
    return Inner(texts=(words[0].text,))


def _of_texts(words: Sequence[Word]) -> Inner:
    """Read words that a program hands to a shell as one text."""
    is_known = all(word.is_known for word in words)
    return Inner(texts=(" ".join(word.text for word in words),), complete=is_known)


def _of_find(words: Sequence[Word]) -> list[Sequence[Word]]:
    found: list[Sequence[Word]] = []
    at = 0
    while at < len(words):
        if words[at].text in _EXEC:
            ends = (end for end in range(at + 1, len(words)) if words[end].text in (";", "+"))
            end = next(ends, len(words))
            found.append([STDIN if word.text == "{}" else word for word in words[at + 1 : end]])
            at = end
        at += 1
    return found


def _has_code(words: Sequence[Word]) -> bool:
    """Tell whether an interpreter is told what to run, or else reads it from its input."""
    return bool(words) and words[0].text != "-" and words[0].is_known


def _sets_program(words: Sequence[Word]) -> bool:
    """Tell whether git is told, in front of its command, to run a program for something."""
    for at, word in enumerate(words):
        if not word.text.startswith("-") and (at == 0 or words[at - 1].text not in ("-c", "-C")):
            return False
        told = words[at + 1].text if word.text == "-c" and at + 1 < len(words) else ""
        if word.text.startswith(("--config-env", "--exec-path=")) or _GIT_RUNS.match(told):
            return True
    return False


def _wrapped(way: _Way, words: Sequence[Word]) -> Inner:
    at, before = 0, way.words
    if way.verbs:
        if not words or words[0].text not in way.verbs:
            return Inner()
        at = 1
    while at < len(words):
        word = words[at]
        if not word.is_known and at == 0 and not word.text.startswith("-"):
            return Inner(complete=False)
        if word.text in ("-S", "--split-string"):
            return _of_text(words[at + 1 : at + 2])
        if word.text == "--":
            at += 1 + before
            break
        if word.text.startswith("-") and len(word.text) > 1:
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
        return _of_texts(command)
    if not command:
        return Inner(complete=not way.reads)
    return Inner(((*command, STDIN) if way.reads else command,))


def _takes_next(way: _Way, option: str) -> bool:
    """Tell whether the word after an option is its value."""
    if option.startswith("--"):
        return option in way.long_valued
    return option[-1] in way.valued and not any(each in way.valued for each in option[1:-1])
