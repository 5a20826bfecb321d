"""Strings and characters as Go's strconv quotes them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

ESCAPES: Mapping[str, str] = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
}


def quote(text: str, *, ascii_only: bool = False) -> str:
    """Put a text in double quotes."""
    return f'"{"".join(_escape(one, ascii_only, chr(34)) for one in text)}"'


def quote_character(character: str, *, ascii_only: bool = False) -> str:
    """Put one character in single quotes."""
    return f"'{_escape(character, ascii_only, chr(39))}'"


def _escape(one: str, ascii_only: bool, mark: str) -> str:
    if one in ESCAPES or one == mark:
        return ESCAPES.get(one, "\\" + one)
    if is_printable(one) and (one.isascii() or not ascii_only):
        return one
    code = ord(one)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def is_printable(one: str) -> bool:
    """Tell whether a character is shown as it is, rather than escaped."""
    return one == " " or unicodedata.category(one)[0] in "LMNPS"
