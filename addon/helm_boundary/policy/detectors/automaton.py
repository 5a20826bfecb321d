"""The automata that tell in one reading of a text which detectors may find something there.

An automaton is made while it reads: a text that takes it into states where it hasn't been costs a
hundred times as much as one of a known kind. Patterns that begin with letters of their own
(``AKIA``) add few states, since most texts never get past the first. Those that begin with
anything (any 14 characters, then ``.atlasv1.``) have a state for each mix of counts; they are
looked for by the letters that they can't match without, and by their own pattern where these stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import re2

from helm_boundary.policy.errors import PolicyError

from .definition import options
from .detector import Detector

CANARY = "helm-boundary detector canary"
_NONE: frozenset[int] = frozenset()
_LOOKED_AT = 8  # bytes; the last one of the range is one too many


class Automaton:
    """All detectors' patterns, or the keywords of those that need one."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._letters, self._patterns = re2.Filter(), re2.Set.SearchSet(options())
        self._by_letters: list[int] = []
        self._by_pattern: list[int] = []
        for number, detector in enumerate(detectors):
            for trigger, by_letters in _triggers(detector):
                if by_letters:
                    self._letters.Add(trigger, options())
                    self._by_letters.append(number)
                else:
                    self._patterns.Add(trigger)
                    self._by_pattern.append(number)
        self._compile()

    def match(self, text: bytes) -> frozenset[int]:
        """Return the numbers of the detectors that may find something; no other one can."""
        by_letters = self._letters.Match(text, potential=True)
        by_pattern = self._patterns.Match(text)
        if not (by_letters or by_pattern):
            return _NONE
        numbers = {self._by_letters[at] for at in by_letters or ()}
        numbers.update(self._by_pattern[at] for at in by_pattern or ())
        return frozenset(numbers - {-1})

    def _compile(self) -> None:
        """Compile both, each with a canary: one that doesn't fit matches nothing, wordlessly."""
        canary = CANARY.encode()
        self._letters.Add(canary, options())
        self._patterns.Add(canary)
        self._letters.Compile()
        self._patterns.Compile()
        both = self._letters.Match(canary, potential=True), self._patterns.Match(canary)
        if not all(both):
            raise PolicyError(
                "the detectors together are too large for RE2: simplify their patterns"
            )
        self._by_letters.append(-1)
        self._by_pattern.append(-1)


def _triggers(detector: Detector) -> Iterator[tuple[bytes, bool]]:
    """Yield what stands wherever the detector finds something; whether by its letters, too."""
    if not detector.keywords:
        text: bytes = detector.pattern.pattern
        yield text, not _begins_alike(detector.pattern) and _has_letters(text)
    for word in detector.keywords:
        text = b"(?i)" + re2.escape(word).encode()
        yield text, _has_letters(text)


def _has_letters(pattern: bytes) -> bool:
    """Tell whether the pattern needs letters that can be looked for."""
    alone: Any = re2.Filter()
    alone.Add(pattern, options())
    alone.Compile()
    return not alone.Match(b"", potential=True)


def _begins_alike(pattern: Any) -> bool:
    """Tell whether all that the pattern matches begins with the same two bytes."""
    least, most = pattern.possiblematchrange(_LOOKED_AT)
    return len(least) > 1 and bool(least[:2] == most[:2])
