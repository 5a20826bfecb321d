r"""Detectors as they are written, read into what can look.

A detector file is YAML::

    detectors:
      - name: secret.example_token
        pattern: '\bex_([A-Za-z0-9]{32})\b'    # RE2; the span is group 1 where there is one
        validator: entropy                       # optional; `VALIDATORS` has them
        entropy: 3.5                             # optional, bits a character
        keywords: [token, example]               # optional: one must be near, or the member's name
        near: 64                                 # optional, characters before and after
        unless: 'EXAMPLE$'                       # optional: matched text that is no finding
        unless_before: '://$'                    # optional: what stands before it then
        unless_after: '^\('                      # optional: and behind it
    placeholders: ['EXAMPLE']                    # what no credential has in it
    published_keys: [secret]                     # a JWT signed with one of them is none
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import re2

from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.pattern_faults import control_fault

from .detector import NOTHING_PUBLISHED, Detector
from .placeholders import Published
from .validators import VALIDATORS, Validator

MAX_PATTERN = 2_000  # characters
MAX_PROGRAM = 2_000  # RE2's instructions: what one character of a text can cost
MAX_MEMORY = 256 * 1_048_576  # bytes for the automaton of all patterns
MAX_NEAR = 1_000  # characters
MEMBERS = frozenset(
    {
        "name", "pattern", "validator", "entropy", "keywords", "near",
        "unless", "unless_before", "unless_after", "description",
    }
)  # fmt: skip


def read_detector(member: Any, published: Published = NOTHING_PUBLISHED) -> Detector:
    """Read one detector; PolicyError names it and what is wrong with it."""
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
    keywords = _keywords(name, member.get("keywords"))
    return Detector(
        name=name,
        pattern=pattern,
        group=1 if pattern.groups else 0,
        validate=_validator(name, member),
        keywords=keywords,
        keyword=_any_of(keywords) if keywords else None,
        near=_near(name, member.get("near", 64)),
        unless=_optional(name, "unless", member),
        unless_before=_optional(name, "unless_before", member),
        unless_after=_optional(name, "unless_after", member),
        published=published,
    )


def read_published(patterns: Any, keys: Any) -> Published:
    """Read `placeholders` and `published_keys`, both lists of strings."""
    if not isinstance(patterns, list) or not isinstance(keys, list):
        raise PolicyError("detectors.yaml: 'placeholders' and 'published_keys' must be lists")
    for pattern in patterns:
        _pattern("placeholders", "each", pattern)
    if not all(isinstance(key, str) and key for key in keys):
        raise PolicyError("detectors.yaml: each of 'published_keys' must be a string")
    joined = "|".join(f"(?:{pattern})" for pattern in patterns).encode()
    return Published(
        compile_pattern(joined) if patterns else None, tuple(key.encode() for key in keys)
    )


def compile_pattern(pattern: bytes) -> Any:
    """Compile for RE2, with an automaton that no text has grown yet."""
    # re2.compile keeps what it compiled, and with it the automaton that texts have grown.
    re2.purge()
    return re2.compile(pattern, options())


def options() -> Any:
    """Return how patterns are compiled."""
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.log_errors = False
    return options


def _optional(name: str, what: str, member: Mapping[str, Any]) -> Any | None:
    return _pattern(name, what, member[what]) if what in member else None


def _pattern(name: str, what: str, text: Any) -> Any:
    if not isinstance(text, str) or not 0 < len(text) <= MAX_PATTERN:
        raise PolicyError(
            f"detector {name}: {what} must be a string of 1 to {MAX_PATTERN} characters"
        )
    fault = control_fault(text)
    if fault is not None:
        raise PolicyError(f"detector {name}: {what} {fault}")
    try:
        pattern = compile_pattern(text.encode())
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


def _keywords(name: str, words: Any) -> tuple[str, ...]:
    if words is None:
        return ()
    if not isinstance(words, list) or not words or not all(isinstance(w, str) and w for w in words):
        raise PolicyError(f"detector {name}: keywords must be a list of words")
    return tuple(words)


def _any_of(words: Sequence[str]) -> Any:
    alternatives = "|".join(re2.escape(word) for word in words)
    return re2.compile(f"(?i)(?:{alternatives})".encode(), options())


def _near(name: str, distance: Any) -> int:
    if isinstance(distance, bool) or not isinstance(distance, int) or not 0 < distance <= MAX_NEAR:
        raise PolicyError(f"detector {name}: near must be 1 to {MAX_NEAR} characters")
    return distance
