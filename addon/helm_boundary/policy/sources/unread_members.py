"""The members of the input document that no rule of a policy looks into, so that they stay empty.

A conversation of a megabyte stands in the document three times: as messages, as texts and as the
body. Each is written for the worker and read there at every turn, and most policies look into one.
Whatever might be a look counts as one, for a rule that finds nothing where there is something
would let it pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_OF_CALLS = frozenset({"attachments", "body", "messages", "texts", "tools"})
_OF_ANSWERS = frozenset({"response.attachments", "response.messages", "response.texts"})
LONG: Final = _OF_CALLS | _OF_ANSWERS
"""The members that grow with the call and with its answer."""

_LEXEMES = re.compile(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`|#[^\r\n]*')
"""Strings and comments: what looks like the other inside of one isn't."""
_NAME = re.compile(r'"[a-z_]+"')
_GET = re.compile(r'(?<![\w.])object\.get\(input,\s*\[?"([a-z_]+)"(?=\s*[,\]])')
_OWN_OBJECT = re.compile(r"\bimport\b.*\bobject\b")
_REPLACED = re.compile(r"\bwith\s+input\s+as\b")
_MEMBER = r'\.([a-z_]+)|\["([a-z_]+)"\]'
"""Without a blank: a list may stand on the line below."""
_READ = re.compile(rf"\binput(?:{_MEMBER})(?:{_MEMBER})?")
_WHOLE = re.compile(rf'(?<!["\w.])input\b(?!{_MEMBER})|\$"')
"""The document itself, of which a rule may look into anything: ``walk(input)``, ``input[name]``.

So may a string with expressions in it, which begins with a dollar and which OPA has since 1.12.
"""
_IS_NULL = re.compile(rf"\binput\.(?:{'|'.join(sorted(_OF_CALLS))})\s*[!=]=\s*null\b")
"""Such a look tells an empty member from a full one no more than from null."""


def unread_members(modules: Iterable[str]) -> frozenset[str]:
    """Return which of `LONG` no module names; none of them where one reads the whole document."""
    read: set[str] = set()
    for text in modules:
        if reads_all(text):
            return frozenset()
        for found in _READ.finditer(_IS_NULL.sub("", _code(text))):
            read |= _read(found[1] or found[2], found[3] or found[4])
    return LONG - read


def reads_all(text: str) -> bool:
    """Tell whether a module may look into the whole document."""
    return _WHOLE.search(_code(text)) is not None


def _code(text: str) -> str:
    """Return a module without comments, strings but for names, and what replaces the document.

    What is got of the document by a member's name stands there as that member.
    """
    code = _REPLACED.sub("", _LEXEMES.sub(_only_names, text))
    return code if _OWN_OBJECT.search(code) else _GET.sub(r"input.\1", code)


def _read(member: str, below: str | None) -> frozenset[str]:
    if member != "response":
        return frozenset({member})
    return _OF_ANSWERS if below is None else frozenset({f"response.{below}"})


def _only_names(lexeme: re.Match[str]) -> str:
    """Keep a string that may be a member's name, nothing of any other, and no comment."""
    if lexeme[0].startswith("#"):
        return ""
    return lexeme[0] if _NAME.fullmatch(lexeme[0]) else '""'
