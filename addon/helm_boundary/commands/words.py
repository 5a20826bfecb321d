"""A shell's words: what one says once its quotes are gone, and whether that is known.

Source: Bash Reference Manual, 3.1.2 (quoting) and 3.5 (expansions).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .braces import expand
from .grammar import MAX_TEXT

if TYPE_CHECKING:
    from tree_sitter import Node

_ESCAPED = re.compile(r"\\(\n|.)", re.DOTALL)
_IN_QUOTES = re.compile(r"\\([\n$`\"\\])")
_BRACES = re.compile(r"\{[^{}\s]*(?:,|\.\.)[^{}\s]*\}")
_SHOWN = 200
"""Bytes of an expansion that are shown: one may hold another, and that one another."""

_OTHERS = 0xE000
"""Where Unicode's private letters begin, which stand for a word's parts while it is expanded."""
_WRITTEN = frozenset({"word", "number", "brace_expression"})
"""Parts of a word in which braces are the shell's own."""
_PRIVATE = re.compile("[\ue000-\uf8ff]")

_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Word:
    """A word without its quotes; one that isn't known still has its expansions as they are written.

    `is_plain` tells of one that is written as most people would: not pieced together from quotes,
    and no pattern of names.
    """

    text: str
    is_known: bool = True
    is_plain: bool = True


def expand_word(node: Node, text: bytes) -> list[Word]:
    """Read a node as the words that it becomes: several, where it has braces to be expanded."""
    source = source_of(node, text)
    if node.type not in ("word", "concatenation") or not _BRACES.search(source):
        return [read_word(node, text)]
    parts = node.children if node.type == "concatenation" else [node]
    # A part that has quotes or expansions is carried through as one letter.
    others = [read_word(part, text) for part in parts if part.type not in _WRITTEN]
    letters = iter(range(_OTHERS, _OTHERS + len(others)))
    written = "".join(
        source_of(part, text) if part.type in _WRITTEN else chr(next(letters)) for part in parts
    )
    expanded = expand(written)
    if expanded is None or "\\" in written or _PRIVATE.search(source):
        return [read_word(node, text)]
    return [_filled(each, others) for each in expanded]


def _filled(expanded: str, others: list[Word]) -> Word:
    """Put a word's other parts back in their places."""
    parts = [others[ord(found[0]) - _OTHERS] for found in _PRIVATE.finditer(expanded)]
    told = iter(part.text for part in parts)
    text = _PRIVATE.sub(lambda _: next(told), expanded)
    return Word(text, all(part.is_known for part in parts), False)


def read_word(node: Node, text: bytes) -> Word:
    """Read a node of a text's tree that stands where a word does."""
    kind = node.type
    if kind == "command_name" and node.named_child_count == 1:
        return read_word(node.named_children[0], text)
    source = source_of(node, text)
    if kind in ("word", "number", "variable_name", "extglob_pattern", "test_operator"):
        return _bare(source)
    if kind == "raw_string":
        return Word(source[1:-1])
    if kind in ("string", "translated_string"):
        return _quoted(source.removeprefix("$"), node)
    if kind == "ansi_c_string":
        return Word(source[2:-1] if "\\" not in source else source, "\\" not in source, False)
    if kind == "concatenation":
        return _joined(node, text, source)
    return Word(source_of(node, text, _SHOWN), is_known=False, is_plain=False)


def source_of(node: Node, text: bytes, most: int = MAX_TEXT) -> str:
    """Return a node's part of the text, or the beginning of it."""
    # The node would ask for its text piece by piece, through the function that it was parsed by.
    part = text[node.start_byte : min(node.end_byte, node.start_byte + most)]
    return part.decode("utf-8", "replace") + ("…" if node.end_byte - node.start_byte > most else "")


def _bare(source: str) -> Word:
    text = _ESCAPED.sub(lambda found: found[1].strip("\n"), source)
    is_plain = "\\" not in source[1:] and source[:1] != "=" and not _GLOB.search(source)
    return Word(text, not _BRACES.search(source), is_plain)


def _quoted(source: str, node: Node) -> Word:
    inner = _IN_QUOTES.sub(lambda found: found[1].strip("\n"), source[1:-1])
    is_known = all(child.type == "string_content" for child in node.named_children)
    return Word(inner, is_known, is_known)


def _joined(node: Node, text: bytes, source: str) -> Word:
    words = [read_word(child, text) for child in node.children]
    is_known = all(word.is_known for word in words) and not _BRACES.search(source)
    return Word("".join(word.text for word in words), is_known, False)
