"""Patches: the files that one touches, without reading what it does to them.

Two forms: apply_patch's, which Codex's and opencode's models write (its grammar is in the tool that
Codex offers), and unified diffs (POSIX diff -u, and git's headers).
"""

from __future__ import annotations

import re

_OWN = re.compile(r"[ \t]*\*\*\* (?:Add File|Delete File|Update File|Move to): ?(.*?)[ \t\r]*")
_BEGIN = "*** Begin Patch"
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_NAMED = re.compile(r"(?:---|\+\+\+) ([^\t\r]*)")
_GIT = re.compile(r"(?:rename|copy) (?:from|to) (.*)")
_NOWHERE = "/dev/null"


def files_of(text: str) -> tuple[str, ...] | None:
    """Return the files that a patch touches, each once; None where the text is no patch."""
    own = _BEGIN in text
    found = _own_files(text) if own else _unified_files(text)
    return tuple(dict.fromkeys(found)) if found else None


def _own_files(text: str) -> list[str]:
    return [found[1] for line in text.split("\n") if (found := _OWN.fullmatch(line))]


def _unified_files(text: str) -> list[str]:
    """Read headers, and step over hunks: their lines may look like headers."""
    files: list[str] = []
    old = new = 0
    for line in text.split("\n"):
        if old > 0 or new > 0:
            old -= line[:1] in ("-", " ", "")
            new -= line[:1] in ("+", " ", "")
        elif hunk := _HUNK.match(line):
            old, new = (1 if count is None else int(count[:9]) for count in hunk.groups())
        elif found := _NAMED.match(line) or _GIT.fullmatch(line):
            files.append(_without_prefix(found[1].strip('" ')))
    return [file for file in files if file != _NOWHERE]


def _without_prefix(name: str) -> str:
    """Return a name without the a/ or b/ that git puts before it."""
    return name[2:] if name.startswith(("a/", "b/")) else name
