"""What git runs beside itself: the programs that its options, its settings and its verbs name.

Source: the manual pages of git, git-config, git-rebase, git-bisect and git-submodule.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .words import Word

_SETTINGS = re.compile(
    r"(?:alias|filter|diff|merge|mergetool|difftool|credential|gpg|ssh|uploadpack|pager|protocol"
    r"|include)\.|core\.(?:pager|editor|sshcommand|hookspath|fsmonitor|askpass)|sequence\.editor",
    re.IGNORECASE,
)
"""Settings that name a program."""
_QUIET = re.compile(
    r"(?:core\.(?:pager|editor)|sequence\.editor|pager\.\w+)=(?:cat|true|false|:|)", re.IGNORECASE
)
"""How agents have git ask nobody."""
_NAMED_IN_FRONT = ("--config-env", "--exec-path=")
_VALUED = frozenset({"-c", "-C", "--git-dir", "--work-tree", "--namespace"})
_NAMED_BEHIND = re.compile(r"--(?:upload-pack|receive-pack|exec|extcmd)(?:=|$)|ext::|-O.")
_REWRITES = re.compile(r"--(?:tree|index|msg|env|commit|parent|tag-name)-filter")


def verb_of(words: Sequence[Word]) -> int:
    """Return the place of git's own command among its words; their number where there is none."""
    at = 0
    while at < len(words) and words[at].text.startswith("-"):
        at += 2 if words[at].text in _VALUED else 1
    return min(at, len(words))


def sets_program(words: Sequence[Word]) -> bool:
    """Tell whether git is told to run a program that isn't read here."""
    at = verb_of(words)
    front, rest = words[:at], words[at + 1 :]
    set_in_front = any(
        word.text.startswith(_NAMED_IN_FRONT) or (before.text == "-c" and _names_program(word.text))
        for before, word in zip((Word(""), *front), front, strict=False)
    )
    verb = words[at].text if at < len(words) else ""
    if verb == "config":
        sets = [word for word in rest if not word.text.startswith("-")]
        return set_in_front or (len(sets) > 1 and _SETTINGS.match(sets[0].text) is not None)
    if verb == "filter-branch":
        return set_in_front or any(_REWRITES.match(word.text) for word in rest)
    if verb in ("clone", "fetch", "pull", "push", "ls-remote", "archive", "difftool", "grep"):
        return set_in_front or any(_NAMED_BEHIND.match(word.text) for word in rest)
    return set_in_front


def _names_program(setting: str) -> bool:
    return _SETTINGS.match(setting) is not None and _QUIET.fullmatch(setting) is None


def run_by(words: Sequence[Word]) -> tuple[Sequence[Word], Sequence[Word]]:
    """Return the words of the command that git is told to run, and the words that are shell's."""
    at = verb_of(words)
    verb = [word.text for word in words[at : at + 2]]
    if verb == ["bisect", "run"]:
        return words[at + 2 :], ()
    if verb == ["submodule", "foreach"]:
        texts = [word for word in words[at + 2 :] if word.text not in ("--recursive", "-q")]
        return ((), texts) if len(texts) == 1 else (texts, ())
    return (), [*_executed(words[at + 1 :])] if verb[:1] == ["rebase"] else ()


def _executed(words: Sequence[Word]) -> list[Word]:
    found: list[Word] = []
    for at, word in enumerate(words):
        if word.text in ("-x", "--exec"):
            found += words[at + 1 : at + 2]
        elif word.text.startswith("--exec="):
            found.append(Word(word.text.removeprefix("--exec="), word.is_known))
        elif word.text.startswith("-x"):
            found.append(Word(word.text.removeprefix("-x"), word.is_known))
    return found
