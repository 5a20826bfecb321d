"""Programs that run other programs, or code: which of their words are that.

Source: the manual pages of GNU coreutils and findutils, sudo, util-linux and bash.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from .git_programs import run_by, sets_program
from .option_programs import NAMING, named_by
from .words import Word

STDIN: Final = Word("", is_known=False, is_plain=False)
"""In place of the words that a program takes from its standard input."""

_SHELLS = frozenset(
    {
        "ash", "bash", "csh", "dash", "elvish", "fish", "ksh", "lksh", "mksh", "nu", "osh", "posh",
        "rbash", "sh", "tcsh", "xonsh", "yash", "zsh",
    }
)  # fmt: skip
_RESERVED = frozenset(
    {"case", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in", "select",
     "then", "until", "while", "{", "}"}
)  # fmt: skip
"""Where one of a shell's own words is taken for a program, the text was read another way."""
_INTERPRETER = re.compile(r"(?:python|pypy|perl|ruby|node|nodejs|php|lua|deno|bun)[0-9.]*")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_CODE = re.compile(r"-[A-Za-z]*c[A-Za-z]*")
_SCRIPT = re.compile(r".*\.(?:ba|da|k|z)?sh", re.DOTALL)
_SHELLS_VALUED = frozenset({"-o", "+o", "-O", "+O"})
_SHELLS_IDLE = re.compile(r"[-+][abefhklmnptuvxBCEHPT]+|--(?:login|noprofile|norc|posix|verbose)")
"""Options of shells that have them read no other file, and not their standard input."""
_ACTIVATE = re.compile(r"(?!/|~|.*\.\.)(?:.*/)?bin/activate")
"""What every virtual environment has in the working folder, to be sourced: a file as any."""
_IDLE = re.compile(r"-[uBEIOSbdiqsw]+")
"""Options of interpreters that say nothing about the code."""
_SPLIT = re.compile(r"-[iv0]*S(.*)|--split-string(?:=(.*))?", re.DOTALL)
_MOVES = re.compile("-[a-z0]*C|--c")
_EXEC = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_FD_EXEC = frozenset({"-x", "-X", "--exec", "--exec-batch"})


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


@dataclass(frozen=True, slots=True)
class _Way:
    """How to find a program's inner command: options that take a word, and words before it."""

    valued: str = ""
    long_valued: frozenset[str] = frozenset()
    words: int = 0
    verbs: frozenset[str] = frozenset()
    """If there are any, the first word must be one of them for the rest to be a command."""
    idle: frozenset[str] | None = None
    """Verbs that run nothing; where they are told, any other may run something."""
    assigns: bool = False
    reads: bool = False
    """Whether it adds words that it reads from its standard input."""
    moves: bool = False
    """Whether it may be told to run that in another folder."""
    joins: bool = False
    """Whether its words are a shell's text, as one."""


_GNU = re.compile("^g(?=(?:env|nice|nohup|stdbuf|timeout|xargs)$)")
"""The letter before GNU's programs where the system has others."""
_RUN = frozenset({"run", "exec"})
_WAYS: Mapping[str, _Way] = {
    "!": _Way(),
    "builtin": _Way(),
    "bunx": _Way(),
    "busybox": _Way(),
    "caffeinate": _Way("tw"),
    "chroot": _Way(words=1, long_valued=frozenset({"--userspec", "--groups"})),
    "command": _Way(),
    "coproc": _Way(),
    "doas": _Way("uC"),
    "chronic": _Way(),
    "chrt": _Way("TPD", words=1),
    "conda": _Way("np", frozenset({"--name", "--prefix", "--cwd"}), verbs=_RUN),
    "concurrently": _Way(joins=True),
    "cross-env": _Way(assigns=True),
    "dbus-run-session": _Way(),
    "direnv": _Way(verbs=frozenset({"exec"}), words=1),
    "dotenv": _Way("fe"),
    "eatmydata": _Way(),
    "env": _Way("uCa", frozenset({"--unset", "--argv0", "--chdir"}), assigns=True, moves=True),
    "fakeroot": _Way(),
    "firejail": _Way(),
    "gosu": _Way(words=1),
    "hatch": _Way("e", frozenset({"--env"}), verbs=_RUN),
    "hyperfine": _Way("wrmMsn", frozenset({"--warmup", "--runs", "--name"}), joins=True),
    "exec": _Way("a"),
    "bundle": _Way(verbs=_RUN),
    "flock": _Way("wE", frozenset({"--timeout", "--wait", "--conflict-exit-code"}), words=1),
    "ionice": _Way("cnp", frozenset({"--class", "--classdata"})),
    "ltrace": _Way("oepsuan"),
    "mamba": _Way("np", frozenset({"--name", "--prefix", "--cwd"}), verbs=_RUN),
    "mise": _Way(verbs=frozenset({"exec", "x"})),
    "nice": _Way("n", frozenset({"--adjustment"})),
    "nohup": _Way(),
    "npm": _Way(verbs=frozenset({"exec", "x"})),
    "npx": _Way("pc", frozenset({"--package", "--call"})),
    "op": _Way(verbs=_RUN),
    "pdm": _Way(verbs=_RUN),
    "pipenv": _Way(verbs=_RUN),
    "pixi": _Way(verbs=_RUN),
    "pnpm": _Way("CF", frozenset({"--dir", "--filter"}), verbs=frozenset({"dlx", "exec"})),
    "pnpx": _Way(),
    "poetry": _Way(verbs=_RUN),
    "proxychains": _Way("f"),
    "proxychains4": _Way("f"),
    "rye": _Way(verbs=_RUN),
    "screen": _Way("ScehpstT"),
    "sem": _Way("jIanN", joins=True),
    "setpriv": _Way(
        long_valued=frozenset({"--reuid", "--regid", "--groups", "--inh-caps", "--bounding-set"})
    ),
    "setsid": _Way(),
    "stdbuf": _Way("ioe", frozenset({"--input", "--output", "--error"})),
    "strace": _Way("oepPsuE"),
    "su-exec": _Way(words=1),
    "sudo": _Way(
        "ugpCDhRrtTU",
        frozenset({"--user", "--group", "--prompt", "--chdir", "--host", "--role", "--type"}),
        assigns=True,
    ),
    "time": _Way("fo", frozenset({"--format", "--output"})),
    "timeout": _Way("sk", frozenset({"--signal", "--kill-after"}), words=1),
    "taskset": _Way(words=1),
    "tmux": _Way(
        "cefFLnSstxy",
        verbs=frozenset(
            {
                "display-popup",
                "if-shell",
                "new",
                "new-session",
                "new-window",
                "neww",
                "pipe-pane",
                "popup",
                "respawn-pane",
                "respawn-window",
                "respawnp",
                "respawnw",
                "run",
                "run-shell",
                "send",
                "send-keys",
                "split-window",
                "splitw",
            }
        ),
        idle=frozenset(
            {
                "a",
                "at",
                "attach",
                "attach-session",
                "capture-pane",
                "capturep",
                "detach",
                "display-message",
                "has",
                "has-session",
                "kill-pane",
                "kill-server",
                "kill-session",
                "kill-window",
                "list-keys",
                "list-panes",
                "list-sessions",
                "list-windows",
                "ls",
                "lsp",
                "lsw",
                "select-pane",
                "select-window",
                "show-options",
            }
        ),
        joins=True,
    ),
    "torify": _Way(),
    "torsocks": _Way(),
    "toybox": _Way(),
    "unbuffer": _Way(),
    "unshare": _Way(),
    "uv": _Way(
        "pP",
        frozenset(
            {
                "--directory",
                "--env-file",
                "--extra",
                "--group",
                "--index",
                "--only-group",
                "--package",
                "--project",
                "--python",
                "--with",
                "--with-editable",
                "--with-requirements",
            }
        ),
        verbs=_RUN,
    ),
    "valgrind": _Way(),
    "watchexec": _Way("defgiopsw", joins=True),
    "entr": _Way(joins=True),
    "watch": _Way("n", frozenset({"--interval"}), joins=True),
    "xargs": _Way(
        "IEnPLdsaJR",
        frozenset({"--max-args", "--max-procs", "--delimiter", "--arg-file", "--max-chars"}),
        reads=True,
    ),
    "xvfb-run": _Way("nsefpw"),
    "yarn": _Way(verbs=frozenset({"dlx", "exec"})),
}


_PARALLEL = _Way("jIanN", reads=True)
_EITHER = re.compile("-[A-Za-z]*[lpNh]")
"""Options of tmux that take a word with one of its commands, and none with another."""


def inner(program: str, words: Sequence[Word]) -> Inner:
    """Return what a program runs, by its words without its name."""
    program = program.lower().removesuffix(".exe")
    if program in _SHELLS:
        return _of_shell(words)
    if program == "eval":
        return Inner(texts=(" ".join(word.text for word in words),), complete=False)
    if program in ("source", "."):
        known = words[0] if words else STDIN
        return Inner(complete=known.is_known and _ACTIVATE.fullmatch(known.text) is not None)
    if program in ("alias", "enable", "hash") or program in _RESERVED:
        return Inner(complete=False)
    if program == "trap":
        words = words[1:] if words and words[0].text == "--" else words
        return _of_text(words[:1]) if len(words) > 1 else Inner()
    if program == "parallel":
        return _of_parallel(words)
    if program == "tmux":
        return _of_tmux(words)
    if (options := NAMING.get(program)) and (named := named_by(options, words)):
        return _of_options(program, words, named)
    if program == "command" and words and re.fullmatch("-[vV]", words[0].text):
        return Inner()  # it says where they are
    if program in ("su", "script", "runuser"):
        return _of_option(words)
    if program == "find":
        return Inner(tuple(_of_find(words, _EXEC)))
    if program in ("fd", "fdfind"):
        return Inner(tuple(_of_find(words, _FD_EXEC)))
    if _INTERPRETER.fullmatch(program):
        return Inner(complete=_has_code(words))
    if program == "git":
        return _of_git(words)
    if program in ("npm", "npx") and (called := _called(words)):
        return _of_text(called)
    way = _WAYS.get(program) or _WAYS.get(_GNU.sub("", program))
    return _wrapped(way, words) if way else Inner(complete=not _SCRIPT.fullmatch(program))


def _of_shell(words: Sequence[Word]) -> Inner:
    for at, word in enumerate(words):
        if word.is_known and _CODE.fullmatch(word.text):
            code = [each for each in words[at + 1 :] if not each.text.startswith(("-", "+"))]
            return _of_text(code[:1])
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
        at += 2 if option in _SHELLS_VALUED else 1
        if option == "--":
            break
        if option not in _SHELLS_VALUED and not _SHELLS_IDLE.fullmatch(option):
            return Inner(complete=False)
    return Inner(script=words[at]) if at < len(words) else Inner(complete=False)


def is_script(program: str) -> bool:
    """Tell whether a program's name is that of a shell's file."""
    return _SCRIPT.fullmatch(program) is not None


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
            found.append(_filled(words[at + 1 : end], "{}"))
            at = end
        at += 1
    return found


def _has_code(words: Sequence[Word]) -> bool:
    """Tell whether an interpreter is told what to run, or else reads it from its input."""
    valued = {at + 1 for at, word in enumerate(words) if word.text in ("-W", "-X")}
    rest = (word for at, word in enumerate(words) if at not in valued and at + 1 not in valued)
    told = next((word for word in rest if not _IDLE.fullmatch(word.text)), None)
    if told is None or not told.is_known:
        return False
    return told.text not in ("-", "/dev/stdin") and not told.text.startswith("/dev/fd/")


def _filled(words: Sequence[Word], place: str) -> list[Word]:
    """Return the words of a command, in some of which something else is put in a place."""
    return [
        STDIN if word.text == place else Word(word.text, False, False)
        if place in word.text else word
        for word in words
    ]  # fmt: skip


def _replaced(words: Sequence[Word]) -> str:
    """Return what xargs puts its input in place of."""
    for at, word in enumerate(words):
        if word.text in ("-I", "-J") and at + 1 < len(words):
            return words[at + 1].text
        if word.text.startswith(("-I", "--replace=")):
            return re.sub("-I|--replace=", "", word.text, count=1)
    return "{}"


def _wrapped(way: _Way, words: Sequence[Word]) -> Inner:
    found = _unwrapped(way, words)
    moves = way.moves and any(_MOVES.match(word.text) for word in words)
    return replace(found, complete=False) if moves else found  # what it writes is elsewhere


def _unwrapped(way: _Way, words: Sequence[Word]) -> Inner:
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
            return _of_text([Word(glued, word.is_known)] if glued else words[at + 1 : at + 2])
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
        return _of_texts(command)
    if not command:
        return Inner(complete=not way.reads)
    if way.reads:
        return Inner(((*_filled(command, _replaced(words) or "{}"), STDIN),))
    return Inner((command,))


def _verb(way: _Way, words: Sequence[Word]) -> int | None:
    """Return the place of the verb that a command follows; options may stand before it."""
    for at, word in enumerate(words):
        if word.text in way.verbs:
            return at
        follows = at > 0 and words[at - 1].text.startswith("-")
        if not word.text.startswith("-") and not follows:
            return None
    return None


def _is_idle(way: _Way, words: Sequence[Word]) -> bool:
    """Tell whether the verb of a program is one that runs nothing."""
    verbs = [word.text for word in words if not word.text.startswith("-")]
    return not verbs or verbs[0] in (way.idle or ())


def _of_options(program: str, words: Sequence[Word], named: Sequence[Word]) -> Inner:
    """Read what options of a program have it run, beside what it runs anyway."""
    texts = tuple(word.text for word in named)
    way = _WAYS.get(program)
    beside = _wrapped(way, words) if way else Inner()
    is_known = all(word.is_known for word in named) and beside.complete
    return replace(beside, texts=(*beside.texts, *texts), complete=is_known)


def _of_parallel(words: Sequence[Word]) -> Inner:
    """Read GNU parallel's words: a command and, behind `:::`, what it is given, or the commands."""
    at = next((at for at, word in enumerate(words) if word.text.startswith(":::")), len(words))
    if at == len(words):
        return _unwrapped(_PARALLEL, words)
    front = _unwrapped(replace(_PARALLEL, reads=False), words[:at])
    lists = [word.text for word in words[at:] if word.text.startswith(":::")]
    given = words[at + 1 :] if lists == [":::"] else (STDIN,)  # of files, or each with each
    if front.texts:
        return front
    if not front.commands:
        is_known = all(word.is_known for word in given)
        return Inner(texts=tuple(word.text for word in given), complete=is_known)
    return replace(front, commands=tuple((*_filled(each, "{}"), *given) for each in front.commands))


def _of_tmux(words: Sequence[Word]) -> Inner:
    """Read tmux's words; it takes several commands in them, and options mean one or the other."""
    is_plain = not any(word.text == ";" or _EITHER.fullmatch(word.text) for word in words)
    found = _wrapped(_WAYS["tmux"], words)
    return replace(found, complete=found.complete and is_plain)


def _takes_next(way: _Way, option: str) -> bool:
    """Tell whether the word after an option is its value."""
    if option.startswith("--"):
        return option in way.long_valued
    return option[-1] in way.valued and not any(each in way.valued for each in option[1:-1])
