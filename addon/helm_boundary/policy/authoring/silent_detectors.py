"""Detectors whose findings no rule reads: they cost time and do nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path

from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.detector_place import placed
from helm_boundary.policy.sources.policy import Policy

from .words import Words, words_of

_PREFIX = re.compile(r'\bstartswith\([^()\n]*\bdetector,\s*["`]([^"`\n]+)["`]\s*\)')


def silent_detectors(
    policy: Policy, names: Iterable[str], folders: Iterable[Path]
) -> Iterator[str]:
    """Yield a line for each detector that no rule names, with the beginnings that rules read."""
    words = words_of(policy.modules.values(), policy.data)
    known = sorted({found for text in policy.modules.values() for found in _PREFIX.findall(text)})
    if not known or any(_reads_all(text) for text in policy.modules.values()):
        return
    for name in names:
        if not _is_read(name, words):
            said = f"detector {name}: no rule reads what it finds: {_remedy(name, known)}"
            yield str(placed(PolicyError(said), tuple(folders)))


def _reads_all(text: str) -> bool:
    """Tell whether a module takes findings without a look at their detectors' names."""
    return "input.findings" in text and "detector" not in text


def _is_read(name: str, words: Words) -> bool:
    first = name.split(".")[0]
    written = (*words.strings, *words.settings)
    return any(word == first or name == word or _begins(name, word) for word in written)


def _begins(name: str, word: str) -> bool:
    return len(word) > 1 and word.endswith((".", "_")) and name.startswith(word)


def _remedy(name: str, known: list[str]) -> str:
    first = name.split(".")[0]
    near = get_close_matches(f"{first}.", known, 1)
    hint = f"did you mean {near[0]}? Rules read" if near else "rules read"
    return f"{hint} {', '.join(known)}; for other names write one of your own"
