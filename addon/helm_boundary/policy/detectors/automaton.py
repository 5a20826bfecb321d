"""The automata that tell in one reading of a text which detectors may find something there.

An automaton is made while it reads: a text that takes it into states where it hasn't been costs
much more than one of a known kind, and the states of patterns that are under way at the same time
multiply. So what is looked for begins with letters (`triggers.py`), and words of any case, which
texts are full of, have an automaton for each topic, apart from the formats of tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import re2

from helm_boundary.policy.errors import PolicyError

from .definition import options
from .detector import Detector
from .triggers import trigger_of

CANARY = "helm-boundary detector canary"
_CANARY = -1
_NONE: frozenset[int] = frozenset()
_FORMATS = "formats"
_LETTERS = "letters"
_ANY_CASE = b"(?i"

type Match = Callable[[bytes], list[int] | None]


class Automaton:
    """All detectors' triggers, or the keywords of those that have none."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        groups: dict[str, list[tuple[bytes, int]]] = {}
        for number, detector in enumerate(detectors):
            for group, trigger in _triggers(detector):
                groups.setdefault(group, []).append((trigger, number))
        self._matchers = [
            (_compile(group, [trigger for trigger, _ in found]), [*(n for _, n in found), _CANARY])
            for group, found in groups.items()
        ]

    def match(self, text: bytes) -> frozenset[int]:
        """Return the numbers of the detectors that may find something; no other one can."""
        hits: set[int] = set()
        for match, numbers in self._matchers:
            if found := match(text):
                hits.update([numbers[at] for at in found])
        return frozenset(hits - {_CANARY}) if hits else _NONE


def _triggers(detector: Detector) -> Iterator[tuple[str, bytes]]:
    """Yield what stands wherever the detector finds something, by the automaton that looks."""
    pattern: bytes = detector.pattern.pattern
    topic = detector.name.partition(".")[0]
    trigger = trigger_of(pattern.decode())
    if trigger is not None:
        written = trigger.encode()
        yield f"words of {topic}" if _ANY_CASE in written else _FORMATS, written
    elif detector.keywords:
        for word in detector.keywords:
            yield f"words of {topic}", b"(?i)" + re2.escape(word).encode()
    else:
        yield _LETTERS if _has_letters(pattern) else _FORMATS, pattern


def _compile(group: str, patterns: Sequence[bytes]) -> Match:
    """Compile with a canary: an automaton that doesn't fit matches nothing, wordlessly."""
    canary = CANARY.encode()
    match = _filter(patterns, canary) if group == _LETTERS else _set(patterns, canary)
    if len(patterns) not in (match(canary) or ()):
        raise PolicyError("the detectors together are too large for RE2: simplify their patterns")
    return match


def _set(patterns: Sequence[bytes], canary: bytes) -> Match:
    found = re2.Set.SearchSet(options())
    for pattern in (*patterns, canary):
        found.Add(pattern)
    found.Compile()
    match: Match = found.Match
    return match


def _filter(patterns: Sequence[bytes], canary: bytes) -> Match:
    """Compile patterns that can't match without letters somewhere, by those letters alone."""
    found = re2.Filter()
    for pattern in (*patterns, canary):
        found.Add(pattern, options())
    found.Compile()

    def match(text: bytes) -> list[int] | None:
        numbers: list[int] | None = found.Match(text, potential=True)
        return numbers

    return match


def _has_letters(pattern: bytes) -> bool:
    """Tell whether the pattern needs letters that can be looked for."""
    alone: Any = re2.Filter()
    alone.Add(pattern, options())
    alone.Compile()
    return not alone.Match(b"", potential=True)
