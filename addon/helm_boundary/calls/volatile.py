"""Volatile members: what differs between two requests that ask for the same.

An agent sends the id of its session, or a counter, with each request. The policy's data says where
(`approvals.volatile`), and a grant of a request fits the next one whatever stands there. A member
that says what a request asks for can't be volatile as a whole; a pattern says what of it may be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import re2

from .call import Json, Text

ANY = "*"
"""In a pointer: each item of a list."""

LONGEST = 200
"""Characters that a pattern may match, once in a text; what is longer isn't volatile."""

_MEANING = frozenset(
    {
        "action", "additional_tools", "arguments", "audio", "call_id", "code", "command",
        "commands", "content", "contents", "context", "conversation", "custom", "data",
        "description", "document", "documents", "fallbacks", "file", "file_data", "file_id",
        "file_url", "files", "function", "function_call", "function_declarations",
        "functiondeclarations", "functions", "id", "image", "image_url", "input", "input_audio",
        "input_schema", "instructions", "mcp_servers", "message", "messages", "model", "models",
        "name", "namespace", "output", "parameters", "parts", "previous_response_id", "prompt",
        "query", "requests", "role", "schema", "server_label", "server_url", "source", "system",
        "system_instruction", "systeminstruction", "text", "tool", "tool_call_id", "tool_calls",
        "tool_choice", "tool_config", "tool_use_id", "toolconfig", "tools", "type", "url",
    }
)  # fmt: skip
"""Members that say what is asked for, of whom and with what; in lower case."""

_PROBES = (
    "Delete the files of all customers.",
    "delete_everything",
    "rm -rf /",
    "gpt-5",
    '{"path": "/etc/passwd"}',
)
"""Texts that mean something: a pattern for one whole is a pattern for all."""


class VolatileError(ValueError):
    """A member can't be volatile; the message says why, and what would do."""


@dataclass(frozen=True, slots=True)
class Volatile:
    """A member that may differ, or what of its text a pattern matches."""

    pointer: str
    tokens: tuple[str, ...]
    pattern: Any = None

    def leads_to(self, tokens: Sequence[str]) -> bool:
        """Tell whether a pointer is to this member, or into it."""
        pairs = zip(self.tokens, tokens, strict=False)
        return len(tokens) >= len(self.tokens) and all(_is_at(one, at) for one, at in pairs)


def read_volatile(pointer: str, pattern: str | None) -> Volatile:
    """Read a member as data has it: an RFC 6901 pointer, `*` for any item, and an RE2 pattern.

    Raises:
        VolatileError: it is no pointer, or no pattern, or too much would be volatile.
    """
    if not pointer.startswith("/"):
        raise VolatileError(f"expected a pointer such as /metadata/user_id, found {pointer!r}")
    tokens = tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/"))
    if pattern is not None:
        return Volatile(pointer, tokens, _compiled(pattern))
    last = tokens[-1]
    if last == ANY or last.isdecimal() or last.casefold() in _MEANING:
        raise VolatileError(
            f"{pointer} says what a request asks for, so it can't be volatile as a whole; add a "
            "pattern for the part that may differ, or point to another member"
        )
    return Volatile(pointer, tokens)


def told(volatile: Volatile) -> tuple[str, str | None]:
    """Return what `read_volatile` makes this member of again."""
    return volatile.pointer, None if volatile.pattern is None else str(volatile.pattern.pattern)


def _compiled(pattern: str) -> Any:
    try:
        compiled = re2.compile(pattern)
    except re2.error as error:
        raise VolatileError(f"pattern is no RE2 regular expression: {error}") from None
    if compiled.search("") is not None or any(map(compiled.fullmatch, _PROBES)):
        raise VolatileError(
            "pattern matches any text, so that everything would be volatile; say what stands "
            "around the part that differs, such as cch=[0-9a-f]+"
        )
    return compiled


def without(body: Json, volatile: Iterable[Volatile]) -> tuple[Json, list[str]]:
    """Return a body without what is volatile in it, and pointers to what that was.

    The body itself stays as it is.
    """
    found = []
    for each in volatile:
        body, was_there = _cut(body, each.tokens, each.pattern)
        if was_there:
            found.append(each.pointer)
    return body, found


def texts_without(texts: Iterable[Text], volatile: Sequence[Volatile]) -> list[tuple[str, str]]:
    """Return pointers and texts of a body, without what is volatile in it."""
    kept = []
    for text in texts:
        tokens = [t.replace("~1", "/").replace("~0", "~") for t in text.pointer.split("/")[1:]]
        meant = [each for each in volatile if each.leads_to(tokens)]
        if any(each.pattern is None for each in meant):
            continue
        said = text.text
        for each in meant:
            said = _without_matches(said, each.pattern)
        kept.append((text.pointer, said))
    return kept


def _cut(value: Json, tokens: Sequence[str], pattern: Any) -> tuple[Json, bool]:
    """Return a value without what the tokens lead to, and whether it was there."""
    if not tokens:
        if not isinstance(value, str):
            return value, False
        left = _without_matches(value, pattern)
        return left, left != value
    first, rest = tokens[0], tokens[1:]
    if isinstance(value, list):
        cut = [
            _cut(item, rest, pattern) if _is_at(first, str(at)) else (item, False)
            for at, item in enumerate(value)
        ]
        return [item for item, _ in cut], any(was for _, was in cut)
    if not isinstance(value, dict) or first not in value:
        return value, False
    if not rest and pattern is None:
        return {name: member for name, member in value.items() if name != first}, True
    member, was_there = _cut(value[first], rest, pattern)
    return {**value, first: member}, was_there


def _without_matches(text: str, pattern: Any) -> str:
    """Return a text without the first match: many would be room for a text of their own."""
    found = pattern.search(text)
    if found is None or len(found[0]) > LONGEST:
        return text
    return text[: found.start()] + text[found.end() :]


def _is_at(token: str, at: str) -> bool:
    return token == at or (token == ANY and at.isdecimal())
