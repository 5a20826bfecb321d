"""The shell's grammar: text into a tree, in time that is linear in its size.

The grammar is tree-sitter's for bash, which recovers from errors by trying again and again: 128 KB
of `a=(` would take it a minute. So it reads pieces, each piece that it asks for and each step
counts, and a text that takes more than its size allows isn't parsed.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language, Node

MAX_TEXT = 1 << 20
"""Bytes of a text that is parsed; nobody types more into a shell."""

_PIECE = 4096
_READS = 200
_READS_EVERY = 16
_STEPS = 400
_STEPS_EVERY = 8
"""Bytes for each further read and step that a text may take, beyond those that every text may."""


def tree_of(text: bytes) -> Node | None:
    """Return the root of a text's tree, or None where it takes too long or can't be shell's."""
    from tree_sitter import Parser

    if b"\0" in text or len(text) > MAX_TEXT:
        return None
    reads = _READS + len(text) // _READS_EVERY
    steps = _STEPS + len(text) // _STEPS_EVERY

    def read(at: int, _point: object) -> bytes:
        nonlocal reads
        reads -= 1
        return text[at : at + _PIECE] if reads > 0 else b""

    def is_too_long(_at: int, _has_error: bool) -> bool:
        nonlocal steps
        steps -= 1
        return steps < 0 or reads <= 0

    try:
        tree = Parser(_bash()).parse(read, progress_callback=is_too_long)
    except ValueError:  # it was told to stop
        return None
    return tree.root_node if reads > 0 else None


@cache
def _bash() -> Language:
    import tree_sitter_bash
    from tree_sitter import Language

    return Language(tree_sitter_bash.language())
