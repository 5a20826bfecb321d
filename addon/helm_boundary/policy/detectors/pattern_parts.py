r"""RE2's patterns in parts: alternatives of sequences, as far as their beginnings have to be known.

Source: RE2's documentation, Syntax. What isn't read here (``\Q``, ``\C``) makes a pattern
unreadable, which costs time and nothing else: it is used as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<flags>\(\?[imsU-]+\)) | (?P<open>\((?:\?(?:[imsU-]*:|P?<\w+>)|(?!\?))) | (?P<close>\))
    | (?P<or>\|) | (?P<quantity>(?:[*+?]|\{\d+(?:,\d*)?\})\??) | (?P<edge>[\^$]|\\[bBAz])
    | (?P<class>\[\^?\]?(?:\[:\^?\w+:\]|\\[pP]\{\^?\w+\}|\\x\{[0-9A-Fa-f]+\}|\\.|[^\]\\])*\]
        |\\[dswDSW]|\\[pP](?:\{\^?\w+\}|[A-Z])|\.)
    | (?P<letter>\\x\{[0-9A-Fa-f]+\}|\\x[0-9A-Fa-f]{2}|\\[nrtfv]|\\[^A-Za-z0-9\s]
        |[^\\()|*+?\[\]^$.])
    """,
    re.VERBOSE | re.DOTALL,
)
_CHARACTER = re.compile(
    r"\\x\{([0-9A-Fa-f]+)\}|\\x([0-9A-Fa-f]{2})|\\([nrtfv])|\\([^A-Za-z0-9\s])|([^\\])", re.DOTALL
)
_ESCAPES = dict(zip("nrtfv", "\n\r\t\f\v", strict=True))

type Parts = tuple[Part, ...]
type Ranges = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A letter, a class, a group with its alternatives, or an edge (which takes no letter).

    `text` is as it is written, for a group its opening; `ranges` are the characters that a letter
    or a class stands for, empty where they aren't known.
    """

    kind: str
    text: str
    ranges: Ranges = ()
    alternatives: tuple[Parts, ...] = ()
    quantity: str = ""

    @property
    def least(self) -> int:
        """How often the part is there at least."""
        if self.quantity.startswith("{"):
            return int(re.findall(r"\d+", self.quantity)[0])
        return 0 if self.quantity[:1] in ("*", "?") else 1


class Unreadable(ValueError):
    """A pattern with something in it that isn't read here."""


def read_parts(pattern: str) -> tuple[Parts, ...]:
    """Read a pattern that RE2 compiles into its alternatives; raises Unreadable."""
    tokens = _tokens(pattern)
    alternatives, at = _alternatives(tokens, 0)
    if at != len(tokens):
        raise Unreadable(pattern)
    return alternatives


def write_parts(alternatives: tuple[Parts, ...]) -> str:
    """Write alternatives as a pattern."""
    return "|".join("".join(map(_write, parts)) for parts in alternatives)


def _write(part: Part) -> str:
    inner = f"{write_parts(part.alternatives)})" if part.kind == "open" else ""
    return part.text + inner + part.quantity


def _tokens(pattern: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None or token.lastgroup is None:
            raise Unreadable(pattern)
        found.append((token.lastgroup, token[0]))
        at = token.end()
    return found


def _alternatives(tokens: list[tuple[str, str]], at: int) -> tuple[tuple[Parts, ...], int]:
    """Read alternatives up to the end of their group; returns where that is."""
    found: list[Parts] = []
    parts: list[Part] = []
    while at < len(tokens) and tokens[at][0] != "close":
        kind, text = tokens[at]
        at += 1
        if kind == "or":
            found.append(tuple(parts))
            parts = []
            continue
        if kind == "quantity":
            raise Unreadable(text)
        inner: tuple[Parts, ...] = ()
        if kind == "open":
            inner, at = _alternatives(tokens, at)
            if at == len(tokens):
                raise Unreadable(text)
            at += 1
        quantity = ""
        if kind in ("class", "letter", "open") and at < len(tokens) and tokens[at][0] == "quantity":
            quantity = tokens[at][1]
            at += 1
        parts.append(Part(kind, text, _ranges(kind, text), inner, quantity))
    return (*found, tuple(parts)), at


def _ranges(kind: str, text: str) -> Ranges:
    """Return the characters of a letter or a class; nothing where they aren't known."""
    if kind == "letter":
        return _members(text) or ()
    if kind != "class" or text[0] != "[" or text[1] == "^":
        return ()
    return _members(text[1:-1]) or ()


def _members(text: str) -> Ranges | None:
    r"""Read a class's characters and ranges; None where it names others (`\w`, `[:alpha:]`)."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        first = _CHARACTER.match(text, at)
        if first is None or text.startswith("[:", at):
            return None
        at = first.end()
        last = _CHARACTER.match(text, at + 1) if text.startswith("-", at) else None
        at = last.end() if last else at
        found.append((_character(first), _character(last or first)))
    return tuple(found)


def _character(found: re.Match[str]) -> str:
    wide, byte, escape, escaped, plain = found.groups()
    if wide or byte:
        return chr(int(wide or byte, 16))
    return _ESCAPES[escape] if escape else escaped or plain
