"""JSON with one reading only.

Two parsers that disagree on a body make a hole: policy would judge one text and the provider act
on another. So whatever RFC 8259 leaves to the reader is refused: duplicate keys (section 4),
lone surrogates (8.2), other encodings than UTF-8 and a byte order mark (8.1), numbers that don't
survive (6), and nesting so deep that some parser gives up (9).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from json import scanner
from typing import Any, NoReturn

from helm_boundary.calls.call import Json
from helm_boundary.calls.refusal import schema_violation

MAX_DEPTH = 100
"""Levels of nesting; the policy engine ends at 127, and the document adds some of its own."""

MANY_LISTS = 50_000
"""Lists that are read in C in some milliseconds."""

MAX_INTEGER = 2**64 - 1
"""Larger integers become floats in some readers, and so other numbers."""


def parse(text: bytes, what: str = "the body") -> Json:
    """Parse a JSON text in UTF-8; `what` names it in messages.

    Raises:
        Refusal: SCHEMA_VIOLATION, with what is wrong with it.
    """
    lists = text.count(b"[")
    try:
        decoder = _DECODER if lists <= MANY_LISTS else _PATIENT_DECODER
        value = _decode(decoder, text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise schema_violation(f"{what} isn't UTF-8 (at byte {error.start})") from None
    except json.JSONDecodeError as error:
        if not text.strip(b" \t\r\n"):
            raise schema_violation(f"{what} is empty; expected a JSON value") from None
        raise schema_violation(f"{what} isn't JSON: {error.msg} at {error.pos}") from None
    except RecursionError:
        raise schema_violation(f"{what} is nested deeper than {MAX_DEPTH} levels") from None
    # Counting brackets is an upper bound and nearly free; only texts with many are walked.
    if lists + text.count(b"{") > MAX_DEPTH:
        _check_depth(value, what)
    _check_surrogates(value, text, what)
    return value


def _decode(decoder: json.JSONDecoder, text: str) -> Json:
    """Decode a text; `json`'s own way around the scanner takes as long as a small event itself."""
    try:
        value, end = decoder.scan_once(text, 0)  # type: ignore[attr-defined]
    except StopIteration:  # a blank before the value, or no value
        return decoder.decode(text)
    if end != len(text) and text[end:].strip(" \t\r\n"):
        return decoder.decode(text)  # which says what is wrong
    return value


def dump(value: Json) -> bytes:
    """Serialise a value as compact JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def dump_ascii(value: Json) -> bytes:
    """Serialise a value as compact JSON in ASCII, for what must be one line to every reader."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise schema_violation("the JSON has an object with the same key twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise schema_violation(f"the JSON has {name}, which isn't a JSON number")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise schema_violation("the JSON has a number too large for a double")
    return number


def _integer(text: str) -> int:
    if len(text) < 19:
        return int(text)
    if len(text) > 20 or not -(2**63) <= (number := int(text)) <= MAX_INTEGER:
        raise schema_violation("the JSON has an integer of more than 64 bits")
    return number


class _PatientDecoder(json.JSONDecoder):
    """A decoder in Python: lists of lists keep the usual one, in C, from giving others a turn."""

    def __init__(self, **hooks: Any) -> None:
        super().__init__(**hooks)
        self.scan_once = scanner.py_make_scanner(self)  # type: ignore[attr-defined]


_HOOKS: dict[str, Any] = {
    "object_pairs_hook": _unique,
    "parse_constant": _no_constant,
    "parse_float": _float,
    "parse_int": _integer,
}
_DECODER = json.JSONDecoder(**_HOOKS)
_PATIENT_DECODER = _PatientDecoder(**_HOOKS)


def _check_depth(value: Json, what: str) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise schema_violation(f"{what} is nested deeper than {MAX_DEPTH} levels")


def _children(value: Json) -> Iterable[Json]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _check_surrogates(value: Json, text: bytes, what: str) -> None:
    # UTF-8 itself can't carry a surrogate, so only an escape can have made one.
    if b"\\u" not in text:
        return
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise schema_violation(f"{what} has half a surrogate pair in a string") from None
