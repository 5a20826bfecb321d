r"""Detectors, which find what policy then judges: credentials, personal data, hidden characters.

All patterns are compiled into one RE2 automaton that reads each text once; only a pattern
that is known to match is run again, by itself, for its spans. RE2 has no backtracking, so no
text can make a pattern slow. A finding says where, never what.

A detector file is YAML::

    detectors:
      - name: secret.example_token
        pattern: '\bex_([A-Za-z0-9]{32})\b'    # RE2; the span is group 1 where there is one
        validator: entropy                       # optional: luhn, entropy, jwt
        entropy: 3.5                             # optional, bits a character
        keywords: [token, example]               # optional: one must be near, or the member's name
        near: 64                                 # optional, characters before and after
        unless: 'EXAMPLE$'                       # optional: matched text that is no finding
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import re2

from helm_boundary.policy import data_file
from helm_boundary.policy.errors import PolicyError

from .validators import VALIDATORS, Validator

if TYPE_CHECKING:
    from helm_boundary.calls.call import Place, Text

MAX_PATTERN = 2_000  # characters
MAX_PROGRAM = 2_000  # RE2's instructions: what one character of a text can cost
MAX_MEMORY = 256 * 1_048_576  # bytes for the automaton of all patterns
MAX_SPANS = 1_000  # of one detector in one text
_ESCAPE = re.compile("u[0-9a-fA-F]{4}|[bfnrt]")
CANARY = "helm-boundary detector canary"
MEMBERS = frozenset(
    {"name", "pattern", "validator", "entropy", "keywords", "near", "unless", "description"}
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A detector's match: code points ``start`` to ``end`` of the text at ``pointer``.

    Only where ``place`` is "text" can it be cut out there; see `Text` and its kinds.
    """

    detector: str
    pointer: str
    start: int
    end: int
    place: Place = "text"


@dataclass(frozen=True, slots=True)
class Detector:
    """One compiled detector."""

    name: str
    pattern: Any
    group: int
    validate: Validator | None
    keywords: Any | None
    near: int
    unless: Any | None

    def spans(self, text: bytes, name: str = "") -> Iterator[tuple[int, int]]:
        """Yield the byte spans of what the detector finds, in order.

        `name` is that of the member which holds the text: it counts as near.
        """
        for match in self.pattern.finditer(text):
            start, end = match.span(self.group)
            if start < 0:  # the group took no part in the match
                start, end = match.span()
            end = self._valid_end(text, start, end)
            if start < end and self._holds(text, start, end, name):
                yield start, end

    def _valid_end(self, text: bytes, start: int, end: int) -> int:
        """Return where the part that is valid ends; ``start`` when none is.

        A number in groups may have taken the word behind it for one more group.
        """
        if self.validate is None:
            return end
        while start < end and not self.validate(text[start:end]):
            end = text.rfind(b" ", start, end)
        return max(start, end)

    def _holds(self, text: bytes, start: int, end: int, name: str) -> bool:
        found = text[start:end]
        if self.unless is not None and self.unless.search(found):
            return False
        if self.keywords is None:
            return True
        around = text[max(0, start - self.near) : end + self.near]
        if self.keywords.search(around) is not None:
            return True
        return self.keywords.search(name.encode("utf-8", "surrogatepass")) is not None


class Detectors:
    """Every detector of a policy, as one."""

    def __init__(self, detectors: Iterable[Detector], patterns: Any) -> None:
        self._detectors = tuple(detectors)
        self._patterns = patterns
        self.names = tuple(detector.name for detector in self._detectors)

    def scan(self, texts: Iterable[Text]) -> list[Finding]:
        """Return the findings in the texts, in their order.

        What a string holds as it is written isn't found a second time in what it says decoded.
        """
        findings: list[Finding] = []
        written: set[tuple[str, str, str]] = set()
        for text in texts:
            raw = text.text.encode("utf-8", "surrogatepass")
            hits = self._patterns.Match(raw)
            for found in self._locate(text, raw, hits) if hits else ():
                key = (found.detector, found.pointer, text.text[found.start : found.end])
                if found.place == "text":
                    written.add(key)
                elif found.place == "coded" and key in written:
                    continue
                findings.append(found)
        return findings

    def slowest(self, text: bytes) -> list[tuple[str, float]]:
        """Return the seconds that each detector's own pattern takes, the slowest first."""
        times = [(detector.name, _seconds(detector, text)) for detector in self._detectors]
        return sorted(times, key=lambda item: -item[1])

    def _locate(self, text: Text, raw: bytes, hits: list[int]) -> Iterator[Finding]:
        position = _positions(text.text, raw)
        name = text.pointer.rpartition("/")[2]
        is_json = text.text.lstrip()[:1] in ("{", "[")
        for index in sorted(hits):
            if index == len(self._detectors):
                continue  # the canary
            detector = self._detectors[index]
            for count, (start, end) in enumerate(detector.spans(raw, name), 1):
                at, until = position(start), position(end)
                if is_json and text.text[at - 1 : at] == "\\":
                    at = _behind_escape(text.text, at, until)
                if count > MAX_SPANS:
                    # Too many to name one by one: the rest of the text counts as found.
                    until = len(text.text)
                yield Finding(detector.name, text.pointer, at, until, text.place)
                if count > MAX_SPANS:
                    break


def _behind_escape(text: str, start: int, end: int) -> int:
    """Return where a match begins behind the letters of JSON's escape, which aren't part of it.

    Cut out with it, they would leave a string that is no JSON any more.
    """
    escape = _ESCAPE.match(text, start)
    before = text[max(0, start - MAX_SPANS) : start]
    is_escaped = (len(before) - len(before.rstrip("\\"))) % 2 == 1
    return escape.end() if escape and is_escaped and escape.end() < end else start


def compile_detectors(yaml_text: bytes) -> Detectors:
    """Compile a detector file; PolicyError names the detector that can't be."""
    value = data_file.parse_object(yaml_text, "detectors.yaml")
    members = value.get("detectors", [])
    if not isinstance(members, list):
        raise PolicyError("detectors.yaml: 'detectors' must be a list")
    detectors = [_detector(member) for member in members]
    names = [detector.name for detector in detectors]
    for name in names:
        if names.count(name) > 1:
            raise PolicyError(f"detectors.yaml: two detectors are called {name!r}")
    return Detectors(detectors, _automaton(detectors))


def _detector(member: Any) -> Detector:
    if not isinstance(member, dict) or not isinstance(member.get("name"), str):
        raise PolicyError("detectors.yaml: each detector must be an object with a name")
    name = member["name"]
    unknown = sorted(set(member) - MEMBERS)
    if unknown:
        known = ", ".join(sorted(MEMBERS))
        raise PolicyError(f"detector {name}: unknown member {unknown[0]!r}, known are {known}")
    pattern = _pattern(name, "pattern", member.get("pattern"))
    if pattern.search(b""):
        raise PolicyError(f"detector {name}: the pattern matches the empty text, so everything")
    return Detector(
        name=name,
        pattern=pattern,
        group=1 if pattern.groups else 0,
        validate=_validator(name, member),
        keywords=_keywords(name, member.get("keywords")),
        near=_near(name, member.get("near", 64)),
        unless=_pattern(name, "unless", member["unless"]) if "unless" in member else None,
    )


def _pattern(name: str, what: str, text: Any) -> Any:
    if not isinstance(text, str) or not 0 < len(text) <= MAX_PATTERN:
        raise PolicyError(
            f"detector {name}: {what} must be a string of 1 to {MAX_PATTERN} characters"
        )
    try:
        pattern = _compile(text.encode())
    except re2.error as error:
        detail = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        problem = f"{what} is not one that RE2 can run: {detail}"
        raise PolicyError(f"detector {name}: {problem}") from None
    if pattern.programsize > MAX_PROGRAM:
        raise PolicyError(
            f"detector {name}: {what} compiles to {pattern.programsize} instructions, at most "
            f"{MAX_PROGRAM} are taken, or a text could keep it busy: repeat less, or use + and *"
        )
    return pattern


def _compile(pattern: bytes) -> Any:
    # re2.compile keeps what it compiled, and with it the automaton that texts have grown.
    re2.purge()
    return re2.compile(pattern, _options())


def _validator(name: str, member: Mapping[str, Any]) -> Validator | None:
    kind = member.get("validator")
    if kind is None:
        return None
    if kind not in VALIDATORS:
        known = ", ".join(sorted(VALIDATORS))
        raise PolicyError(f"detector {name}: unknown validator {kind!r}, known are {known}")
    bits = member.get("entropy", 3.0)
    if isinstance(bits, bool) or not isinstance(bits, int | float) or not 0 < bits < 8:
        raise PolicyError(f"detector {name}: entropy must be bits a character, between 0 and 8")
    return VALIDATORS[kind](float(bits))


def _keywords(name: str, words: Any) -> Any | None:
    if words is None:
        return None
    if not isinstance(words, list) or not words or not all(isinstance(w, str) and w for w in words):
        raise PolicyError(f"detector {name}: keywords must be a list of words")
    alternatives = "|".join(re2.escape(word) for word in words)
    return re2.compile(f"(?i)(?:{alternatives})".encode(), _options())


def _near(name: str, distance: Any) -> int:
    if isinstance(distance, bool) or not isinstance(distance, int) or not 0 < distance <= 1_000:
        raise PolicyError(f"detector {name}: near must be 1 to 1000 characters")
    return distance


def _automaton(detectors: list[Detector]) -> Any:
    patterns = re2.Set.SearchSet(_options())
    for detector in detectors:
        patterns.Add(detector.pattern.pattern)
    canary = patterns.Add(re2.escape(CANARY).encode())
    patterns.Compile()
    # An automaton that doesn't fit its memory matches nothing, without a word.
    if canary not in patterns.Match(CANARY.encode()):
        raise PolicyError("the detectors together are too large for RE2: simplify their patterns")
    return patterns


def _options() -> Any:
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.log_errors = False
    return options


def _seconds(detector: Detector, text: bytes) -> float:
    """Time a freshly compiled pattern: what counts is what a text can make it do."""
    best = math.inf
    for _ in range(3):
        fresh = replace(detector, pattern=_compile(detector.pattern.pattern))
        started = time.perf_counter()
        for _span in fresh.spans(text):
            pass
        best = min(best, time.perf_counter() - started)
    return best


def _positions(text: str, raw: bytes) -> Any:
    """Return a function from byte offsets to code points; free where all characters are ASCII."""
    if len(text) == len(raw):
        return lambda offset: offset
    return lambda offset: len(raw[:offset].decode("utf-8", "surrogatepass"))
