"""Which files a command writes, as far as its words tell."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from .command import Redirect
from .git_programs import verb_of
from .words import Word

_WRITES = re.compile(r"&?>[>|]?|<>|>&")
_NOWHERE = re.compile(r"/dev/(?:null|stdout|stderr|tty|fd/\d+)|-|\d+-?")


def resolve(path: str, folder: str) -> str:
    """Return a path as seen from where the shell began, without dots and steps up and down."""
    if not path.startswith(("/", "~")):
        path = posixpath.join(folder, path)
    if path.startswith("~"):  # a step up from somebody's home leads out of it, not to here
        home, _, below = path.partition("/")
        return posixpath.join(home, posixpath.normpath(below)) if below else home
    return re.sub("^//+", "/", posixpath.normpath(path))


def written_by_redirects(redirects: Sequence[tuple[Redirect, Word]]) -> Iterator[Word]:
    """Yield what redirections write to, but devices that are nobody's file."""
    for redirect, target in redirects:
        if _WRITES.fullmatch(redirect.operator) and not _NOWHERE.fullmatch(target.text):
            yield target


def written_by_program(program: str, words: Sequence[Word]) -> Iterator[Word]:
    """Yield the files that a program writes, removes or changes, by its words without its name."""
    rule = _RULES.get(program)
    if rule is not None:
        yield from rule(words)


def _plain(words: Sequence[Word]) -> list[Word]:
    return [word for word in words if not word.text.startswith("-") or word.text == "-"]


def _all(words: Sequence[Word]) -> Sequence[Word]:
    return _plain(words)


def _but_first(words: Sequence[Word]) -> Sequence[Word]:
    return _plain(words)[1:]


def _last(words: Sequence[Word]) -> Sequence[Word]:
    if any(re.match(r"-[A-Za-z]+t|--target", word.text) for word in words):
        return [*_after(words, "--target-directory"), *_plain(words)]  # one of them is the folder
    return [*_after(words, "-t"), *_plain(words)[-1:]]


def _after(words: Sequence[Word], *options: str) -> Iterator[Word]:
    """Yield the values of options: the word after one, or what follows in the same word."""
    for at, word in enumerate(words):
        for option in options:
            if word.text == option:
                yield from words[at + 1 : at + 2]
            elif option.startswith("--") and word.text.startswith(f"{option}="):
                yield Word(word.text.removeprefix(f"{option}="), word.is_known)
            elif not option.startswith("--") and word.text.startswith(option):
                yield Word(word.text.removeprefix(option), word.is_known)


def _values(*options: str) -> Callable[[Sequence[Word]], Sequence[Word]]:
    return lambda words: [*_after(words, *options)]


def _next(*options: str) -> Callable[[Sequence[Word]], Sequence[Word]]:
    """Read options that are words of their own, such as find's."""
    return lambda words: [
        each
        for at, word in enumerate(words[:-1])
        if word.text in options
        for each in words[at + 1 : at + 2]
    ]


def _tar(words: Sequence[Word]) -> Sequence[Word]:
    """Read tar's words: the archive, where it is made or changed, and the folder it works in."""
    bundled = words[:1] if words and re.fullmatch("[A-Za-z]+", words[0].text) else ()
    letters = "".join(
        word.text
        for word in (*bundled, *words)
        if word in bundled or re.match("-[A-Za-z]", word.text)
    )
    makes = any(each in letters for each in "cruA") or any(
        re.match("--(?:create|append|update|concatenate|delete)", word.text) for word in words
    )
    archives = [*_after(words, "--file")]
    for at, word in enumerate(words[:-1]):
        is_told = word in bundled or re.match("-[A-Za-z]", word.text)
        archives += words[at + 1 : at + 2] if is_told and word.text.endswith("f") else ()
    return [*(archives if makes else ()), *_after(words, "-C", "--directory")]


def _git(words: Sequence[Word]) -> Sequence[Word]:
    """Read git's words: a clone or a worktree is written where it is told to be."""
    at = verb_of(words)
    verbs = [word.text for word in words[at : at + 2]]
    if verbs[:1] == ["clone"]:
        return _plain(words[at + 1 :])[1:]
    if verbs == ["worktree", "add"]:
        return _plain(words[at + 2 :])[:1]
    return _plain(words[at + 1 :])[:1] if verbs[:1] == ["init"] else ()


def _dd(words: Sequence[Word]) -> Sequence[Word]:
    outputs = [word for word in words if word.text.startswith("of=")]
    return [Word(word.text.removeprefix("of="), word.is_known) for word in outputs]


def _in_place(words: Sequence[Word]) -> Sequence[Word]:
    """Read sed's or perl's words: without -i they write to their standard output."""
    if not any(re.match(r"-[A-Za-z]*i|--i", word.text) for word in words):
        return ()
    scripts = any(re.match(r"-[A-Za-z]*[ef]|--(?:expression|file)", word.text) for word in words)
    return _plain(words) if scripts else _plain(words)[1:]


_RULES: Mapping[str, Callable[[Sequence[Word]], Sequence[Word]]] = {
    **dict.fromkeys(
        ("mkdir", "mkfifo", "mv", "rm", "rmdir", "shred", "tee", "touch", "truncate", "unlink"),
        _all,
    ),
    **dict.fromkeys(("cp", "install", "ln", "rsync", "scp"), _last),
    **dict.fromkeys(("chgrp", "chmod", "chown"), _but_first),
    **dict.fromkeys(("sed", "gsed", "perl"), _in_place),
    "dd": _dd,
    "curl": _values("-o", "--output", "--output-dir"),
    "wget": _values("-O", "-P", "--output-document", "--directory-prefix"),
    **dict.fromkeys(("tar", "bsdtar", "gtar"), _tar),
    **dict.fromkeys(("bunzip2", "bzip2", "gunzip", "gzip", "lz4", "unxz", "xz", "zstd"), _all),
    "find": _next("-fprint", "-fprint0", "-fprintf", "-fls"),
    "git": _git,
    "go": _next("-o"),
    "zip": lambda words: _plain(words)[:1],
    "patch": _values("-d", "--directory", "-o", "--output"),
    "split": _last,
    **dict.fromkeys(("c++", "cc", "clang", "clang++", "g++", "gcc", "ld", "rustc"), _values("-o")),
    "unzip": _values("-d"),
    "sort": _values("-o", "--output"),
}
