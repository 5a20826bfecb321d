"""What readers that put up with broken JSON make of it.

Agents show a tool call's arguments while they stream, with parsers that complete what was cut off;
and some readers take the first of several values. What they would read must be judged as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from helm_boundary.calls.refusal import Refusal
from helm_boundary.wire import strict_json

_TOKEN = re.compile(
    r'[ \t\r\n]*+(?:(?P<string>"(?:[^"\\]++|\\.)*+")|(?P<open>[{\[])|(?P<close>[}\]])|(?P<comma>,)'
    r'|(?P<colon>:)|(?P<scalar>[-+0-9.a-zA-Z]+)|(?P<cut>"(?:[^"\\]++|\\.)*+\\?\Z)|(?P<end>\Z))',
    re.DOTALL,
)
_BEFORE_VALUE = ("", "{", "[", ",", ":")
_CLOSING = {"{": "}", "[": "]"}
_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|[^u])")
_HALF_PAIR = re.compile(r"\\u[dD][89abAB]")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_BEGUN = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*(?:[eE][-+]?[0-9]*)?|[eE][-+]?[0-9]*)?)?")
_WORDS = ("true", "false", "null")
_DECODER = json.JSONDecoder(strict=False)
_MOST = 256
_MOST_TOKENS = 50_000
"""A text of more is no tool call's that was cut off; looking through it would take too long."""


def is_json(text: str) -> bool:
    """Tell whether a text is one JSON value that every reader reads alike."""
    try:
        strict_json.parse(text.encode("utf-8"))
    except (Refusal, UnicodeEncodeError):
        return False
    return True


def completions(text: str) -> list[str]:
    """Complete a JSON text that was cut off, as partial parsers do.

    Returns it with its last value as far as that came, and without that value; nothing where the
    text isn't the beginning of an object or a list.
    """
    if text.lstrip()[:1] not in ("{", "["):
        return []
    try:
        found = list(dict.fromkeys(_completed(text)))
    except ValueError:
        return []
    return found if all(map(is_json, found)) else []


def documents(text: str) -> list[str]:
    """Take apart a text that is several objects or lists, one after another; else nothing."""
    found: list[str] = []
    at = 0
    while (at := _skip_blanks(text, at)) < len(text):
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return []
        if not isinstance(value, dict | list) or len(found) == _MOST:
            return []
        found.append(text[at:end])
        at = end
    return found if len(found) > 1 and all(map(is_json, found)) else []


def _skip_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _completed(text: str) -> Iterator[str]:
    """Complete a text in both ways; ValueError where it isn't the beginning of a value."""
    stack: list[str] = []
    whole, at, last = 0, 0, ""  # up to where it is complete, but for brackets
    for _ in range(_MOST_TOKENS):
        token = _TOKEN.match(text, at)
        if token is None or (at and not stack and token.lastgroup != "end"):
            raise ValueError
        kind, start, at = token.lastgroup or "", token.start(token.lastgroup or 0), token.end()
        if kind == "end":
            break
        if kind not in ("close", "comma", "colon") and last not in _BEFORE_VALUE:
            raise ValueError
        is_value = kind != "string" or not stack or stack[-1] == "]" or last == ":"
        if kind == "open":
            stack.append(_CLOSING[token[kind]])
        elif kind == "close" and stack.pop() != token[kind]:
            raise ValueError
        if kind == "cut" or (kind == "scalar" and at == len(text)):
            yield from _cut_short(text[:start], text[start:], "".join(reversed(stack)))
        elif is_value and kind not in ("comma", "colon"):
            whole = at
        last = token[kind]
    else:
        raise ValueError
    yield text[:whole] + "".join(reversed(stack))


def _cut_short(before: str, begun: str, brackets: str) -> Iterator[str]:
    """Complete a text whose last string, number or word is only begun."""
    if begun[0] == '"':
        before_key = before.rstrip()[-1:] in ("{", ",") and brackets[:1] == "}"
        if not before_key:
            yield f'{before}{_whole_letters(begun)}"{brackets}'
        return
    words = [word for word in _WORDS if word.startswith(begun)]
    if not words and _BEGUN.fullmatch(begun) is None:
        raise ValueError
    number = _NUMBER.match(begun)
    yield from (before + each + brackets for each in [*words, *([number[0]] if number else [])])


def _whole_letters(begun: str) -> str:
    """Leave out an escape that was cut off, and half of a pair of escapes at the end."""
    for _ in range(2):
        at = begun.rfind("\\")
        run = at + 1 - len(begun[: at + 1].rstrip("\\"))
        escape = _ESCAPE.match(begun, at) if run % 2 else None
        is_half = escape and escape.end() == len(begun) and _HALF_PAIR.match(begun, at)
        if run % 2 and (escape is None or is_half):
            begun = begun[:at]
    return begun
