"""Built-ins over texts and numbers that the embedded engine has, and has otherwise than OPA.

OPA runs on Go: its letters change case one by one, where the engine's ``upper("ß")`` is ``"SS"``;
``strings.replace_n`` looks at each place once, where the engine replaces in what it has replaced;
``to_number`` takes no spaces; what is between -1 and 0 is cut before it is rounded; JSON is written
so that it can stand in HTML. An argument of the wrong type raises, which ends the evaluation: DENY.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping

from .arguments import WHOLE, as_text
from .identifiers import check_uuid
from .json_paths import read_paths, widest_paths
from .schemas import check_match

NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
# https://semver.org, with the v that OPA lets stand before it.
_IDENTIFIERS = r"(?:[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)"
_PART = r"(?:0|[1-9]\d*)"
_PRE = rf"(?:{_PART}|\d*[A-Za-z-][0-9A-Za-z-]*)"
VERSION = re.compile(
    rf"v?({_PART})\.({_PART})\.({_PART})(?:-{_PRE}(?:\.{_PRE})*)?(?:\+{_IDENTIFIERS})?", re.ASCII
)
FRACTION = re.compile(r"(\.\d*[1-9])0+(?=Z|[+-])", re.ASCII)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
# Go's json.Marshal: https://pkg.go.dev/encoding/json#Marshal
HTML = str.maketrans(
    {character: f"\\u{ord(character):04x}" for character in ("<", ">", "&", "\u2028", "\u2029")}
)


def lower(value: str) -> str:
    """Make each letter a small one, by itself: Unicode's simple mapping."""
    if as_text(value).isascii():
        return value.lower()
    return "".join(_lower(character) for character in value)


def upper(value: str) -> str:
    """Make each letter a capital, by itself: Unicode's simple mapping."""
    if as_text(value).isascii():
        return value.upper()
    return "".join(_upper(character) for character in value)


def _lower(character: str) -> str:
    # Of all letters only İ becomes two, of which the simple mapping has the first.
    return character.lower()[0]


def _upper(character: str) -> str:
    for mapped in (character.upper(), character.title()):
        if len(mapped) == 1:
            return mapped
    return character


def replace_n(replacements: Mapping[str, str], value: str) -> str:
    """Replace what stands in the value; of several that start at one place the first in order."""
    wanted = sorted(map(as_text, replacements))
    any(map(as_text, replacements.values()))
    if not wanted or not all(wanted):
        if wanted:
            raise ValueError("expected no empty string to replace")
        return as_text(value)
    found = re.compile("|".join(map(re.escape, wanted)))
    return found.sub(lambda match: as_text(replacements[match[0]]), as_text(value))


def to_number(value: object) -> int | float:
    """Read a number as JSON writes it; null is 0, true is 1."""
    if value is None or isinstance(value, bool | int | float):
        return int(value) if isinstance(value, bool) else value or 0
    written = NUMBER.fullmatch(as_text(value))
    if written is None:
        raise ValueError("expected a number as JSON writes it")
    if written[1] or written[2]:
        return float(written[0])
    number = int(written[0])
    if number not in WHOLE:
        raise ValueError("expected a number of at most 64 bits")
    return number


def is_version(value: object) -> bool:
    """Tell whether a value is a semantic version."""
    version = VERSION.fullmatch(value) if isinstance(value, str) else None
    return version is not None and all(int(part) in WHOLE for part in version.groups())


def escape_html(marshalled: str) -> str:
    """Write JSON, as the engine does it, so that it can stand in HTML."""
    return marshalled.translate(HTML)


def floor(value: float) -> int:
    """Round down, as OPA does: from a number whose fraction is cut off first."""
    return 0 if -1 < _number(value) < 0 else math.floor(value)


def ceil(value: float) -> int:
    """Round up, as OPA does: from a number whose fraction is cut off first."""
    return 1 if -1 < _number(value) < 0 else math.ceil(value)


def characters(value: str) -> int:
    """Count the characters of a text."""
    return len(as_text(value))


def has_empty(marshalled: str) -> bool:
    """Tell whether JSON has an empty array, or an empty set."""
    return "[]" in _STRING.sub("", marshalled)


def subset(whole: str, part: str) -> bool:
    """Tell whether a value has all that another has, both as JSON: object.subset.

    In JSON a set looks like an array; where that would matter it raises.
    """
    return _has(json.loads(whole), json.loads(part))


def size(time: object) -> int:
    """Return how many parts a time has that is to be written: a layout is the third."""
    return len(time) if isinstance(time, list | tuple) else 1


def trim_fraction(time: str) -> str:
    """Leave out the zeros at the end of a time's parts of a second, as RFC3339Nano has them."""
    return FRACTION.sub(r"\1", time)


def _has(whole: object, part: object) -> bool:
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(key in whole and _has(whole[key], part[key]) for key in part)
    if not isinstance(whole, list) or not isinstance(part, list):
        return whole == part
    starts = range(len(whole) - len(part) + 1)
    if any(whole[start : start + len(part)] == part for start in starts):
        return True
    if all(item in whole for item in part):
        raise ValueError("expected arrays, or sets that aren't empty")
    return False


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("expected a number")
    return value


# Name, number of arguments, function.
TEXTS: Mapping[str, tuple[int, Callable[..., object]]] = {
    "lower": (1, lower),
    "upper": (1, upper),
    "strings.replace_n": (2, replace_n),
    "to_number": (1, to_number),
    "semver.is_valid": (1, is_version),
    "floor": (1, floor),
    "ceil": (1, ceil),
}
# What the functions in formatting.py need.
PARTS: Mapping[str, tuple[int, Callable[..., object]]] = {
    "helm_escape_html": (1, escape_html),
    "helm_characters": (1, characters),
    "helm_has_empty": (1, has_empty),
    "helm_subset": (2, subset),
    "helm_check_match": (2, check_match),
    "helm_check_uuid": (1, check_uuid),
    "helm_paths": (1, read_paths),
    "helm_trim_fraction": (1, trim_fraction),
    "helm_size": (1, size),
    "helm_widest_paths": (1, widest_paths),
}
