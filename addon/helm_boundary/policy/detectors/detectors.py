"""Detectors, which find what policy then judges: credentials, personal data, hidden characters.

A few automata read each text once; only a pattern that may match is run again, by itself, for its
spans. RE2 has no backtracking, so no text can make a pattern slow. A finding says where, never
what.
"""

from __future__ import annotations

import math
import re
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from helm_boundary.calls.call import Text
from helm_boundary.policy import data_file
from helm_boundary.policy.errors import PolicyError

from .automaton import CANARY, Automaton
from .definition import compile_pattern, read_detector, read_published
from .detector import CREDENTIALS, Detector, Finding
from .escapes import readings
from .memory import Memory, Span, Spans

__all__ = ["CANARY", "MAX_SPANS", "Detector", "Detectors", "Finding", "compile_detectors"]

MAX_SPANS = 1_000  # of one detector in one text
MAX_NAMES = 10_000  # of members that are known to be no detector's keyword
SHORT_NAME, SHORT_NAMES = 200, 1_000  # characters of a name that is remembered, and how many are
_ESCAPE = re.compile(b"u[0-9a-fA-F]{4}|[bfnrt]")


class Detectors:
    """Every detector of a policy, as one."""

    def __init__(self, detectors: Iterable[Detector]) -> None:
        self._detectors = tuple(detectors)
        self._automaton = Automaton(self._detectors)
        self._by_keyword = [at for at, each in enumerate(self._detectors) if each.keywords]
        self._named: dict[str, frozenset[int]] = {}
        self._memory = Memory()
        self.names = tuple(detector.name for detector in self._detectors)
        # The same few models and tools are named by every call.
        self._named_shortly = lru_cache(SHORT_NAMES)(self._name)

    def scan(self, texts: Iterable[Text]) -> list[Finding]:
        """Return the findings in the texts, in their order.

        What a string holds as it is written isn't found a second time in what it says decoded.
        """
        findings: list[Finding] = []
        written: set[tuple[str, str, str]] = set()
        for text in texts:
            for start, end, detector in self._look(text):
                found = Finding(detector, text.pointer, start, end, text.place, text.role)
                key = (detector, found.pointer, text.text[start:end])
                if found.place == "text":
                    written.add(key)
                elif found.place == "coded" and key in written:
                    continue
                findings.append(found)
        return findings

    def named(self, name: str) -> str:
        """Return a name that somebody chose; where something was found in it, only what that was.

        So it may stand in a receipt and in an error.
        """
        return self._named_shortly(name) if len(name) <= SHORT_NAME else self._name(name)

    def _name(self, name: str) -> str:
        found = self.scan((Text("", "", name),))
        return f"({found[0].detector})" if found else name

    def slowest(self, text: bytes) -> list[tuple[str, float]]:
        """Return the seconds that each detector's own pattern takes, the slowest first."""
        times = [(detector.name, _seconds(detector, text)) for detector in self._detectors]
        return sorted(times, key=lambda item: -item[1])

    def _look(self, text: Text) -> Spans:
        """Return start, end and detector of each finding; positions are code points."""
        raw = text.text.encode("utf-8", "surrogatepass")
        name = text.pointer.rpartition("/")[2]
        named = self._named.get(name)
        if named is None:
            named = self._learn(name)
        key = self._memory.key(raw, name if named else "")
        spans = self._memory.recall(key)
        if spans is None:
            spans = self._seek(text.text, raw, name, named)
            self._memory.keep(key, spans)
        return spans

    def _seek(self, text: str, raw: bytes, name: str, named: frozenset[int]) -> Spans:
        if b"\\" not in raw:
            hits = self._automaton.match(raw) | named
            return tuple(self._locate(text, raw, name, hits)) if hits else ()
        first, *others = (
            [*self._locate(text, reading, name, self._automaton.match(reading) | named)]
            for reading in readings(raw)
        )
        return (*first, *(each for spans in others for each in _doubtful(spans, first)))

    def _learn(self, name: str) -> frozenset[int]:
        """Return which detectors have a keyword in a member's name, and keep it."""
        raw = name.encode("utf-8", "surrogatepass")
        hits = frozenset(at for at in self._by_keyword if self._detectors[at].has_keyword(raw))
        if len(self._named) >= MAX_NAMES:
            self._named.clear()
        self._named[name] = hits
        return hits

    def _locate(self, text: str, raw: bytes, name: str, hits: frozenset[int]) -> Iterator[Span]:
        position = _positions(text, raw)
        is_json = text.lstrip()[:1] in ("{", "[")
        for index in sorted(hits):
            detector = self._detectors[index]
            for count, (start, end) in enumerate(detector.spans(raw, name), 1):
                if start and raw[start - 1] == 0x5C:
                    start = _behind_escape(detector, raw, start, end, is_json)
                    if start < 0:
                        continue
                at, until = position(start), position(end)
                if count > MAX_SPANS:
                    # Too many to name one by one: the rest of the text counts as found.
                    until = len(text)
                yield at, until, detector.name
                if count > MAX_SPANS:
                    break


def _doubtful(spans: Sequence[Span], known: Sequence[Span]) -> Iterator[Span]:
    """Yield the credentials among the spans that overlap with none that their detector has."""
    ends: dict[str, tuple[list[int], list[int]]] = {}
    for start, end, name in known:
        starts, untils = ends.setdefault(name, ([], []))
        starts.append(start)
        untils.append(end)
    for start, end, name in spans:
        starts, untils = ends.get(name, ([], []))
        before = bisect_left(starts, end)  # those from here on begin behind it
        if name.startswith(CREDENTIALS) and (not before or untils[before - 1] <= start):
            yield start, end, name


def _behind_escape(detector: Detector, raw: bytes, start: int, end: int, is_json: bool) -> int:
    r"""Return where a match begins behind the letters of an escape, which aren't part of it.

    Cut out with them, JSON would be none any more. Where only they made it a match there is none
    (-1): ``\n@app.post`` is a line that begins with a decorator, in JSON as in any language.
    """
    before = raw[max(0, start - MAX_SPANS) : start]
    escape = _ESCAPE.match(raw, start)
    if escape is None or (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
        return start
    if not detector.is_credential and not detector.holds_alone(raw, escape.end(), end):
        return -1
    return escape.end() if is_json and escape.end() < end else start


def compile_detectors(yaml_text: bytes) -> Detectors:
    """Compile a detector file; PolicyError names the detector that can't be."""
    value = data_file.parse_object(yaml_text, "detectors.yaml")
    members = value.get("detectors", [])
    if not isinstance(members, list):
        raise PolicyError("detectors.yaml: 'detectors' must be a list")
    published = read_published(value.get("placeholders", []), value.get("published_keys", []))
    detectors = [read_detector(member, published) for member in members]
    repeated = [name for name, n in Counter(each.name for each in detectors).items() if n > 1]
    if repeated:
        raise PolicyError(f"detectors.yaml: two detectors are called {repeated[0]!r}")
    return Detectors(detectors)


def _seconds(detector: Detector, text: bytes) -> float:
    """Time a freshly compiled pattern: what counts is what a text can make it do."""
    best = math.inf
    for _ in range(3):
        fresh = replace(detector, pattern=compile_pattern(detector.pattern.pattern))
        started = time.perf_counter()
        for _span in fresh.spans(text):
            pass
        best = min(best, time.perf_counter() - started)
    return best


def _positions(text: str, raw: bytes) -> Callable[[int], int]:
    """Return a function from byte offsets to code points; free where all characters are ASCII."""
    if len(text) == len(raw):
        return lambda offset: offset
    known, point = 0, 0

    def position(offset: int) -> int:
        nonlocal known, point
        if offset < known:
            known, point = 0, 0
        # Spans come in order: counted from the last one, they cost the text once.
        point += len(raw[known:offset].decode("utf-8", "surrogatepass"))
        known = offset
        return point

    return position
