"""``urlquery.*`` as OPA has it: Go's net/url, https://pkg.go.dev/net/url.

The engine's own reads a query out of a whole URL, so that what stands behind ``#`` is lost, and
lets wrong escapes stand. What Go refuses raises here, which ends the evaluation: DENY.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote_plus, unquote_to_bytes

from .arguments import as_text
from .go_bytes import text_of

WRONG = re.compile(r"%(?![0-9A-Fa-f]{2})")


def encode(value: str) -> str:
    """Escape a text; of what is no letter and no digit only ``-_.~`` stays."""
    return quote_plus(as_text(value), safe="")


def decode(value: str) -> str:
    """Undo the escapes of a text; ValueError for one that isn't two digits."""
    if WRONG.search(as_text(value)):
        raise ValueError("expected two hexadecimal digits behind each %")
    return text_of(unquote_to_bytes(value.replace("+", " ")))


def encode_object(query: Mapping[str, object]) -> str:
    """Write a query, by its keys in order; each has one text, or several."""
    if not isinstance(query, dict):
        raise TypeError("expected an object")
    pairs = [(key, value) for key in sorted(query) for value in _values(query[key])]
    return "&".join(f"{encode(key)}={encode(value)}" for key, value in pairs)


def decode_object(query: str) -> dict[str, list[str]]:
    """Read a query: the texts of each key, as they come; ValueError where there is a ``;``."""
    found: dict[str, list[str]] = {}
    for part in as_text(query).split("&"):
        if ";" in part:
            raise ValueError("expected no semicolon: what it separates was never agreed on")
        if part:
            key, _, value = part.partition("=")
            found.setdefault(decode(key), []).append(decode(value))
    return found


def _values(value: object) -> Iterable[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, set | frozenset):
        return sorted(map(as_text, value))
    if isinstance(value, list | tuple):
        return value
    raise TypeError("expected a string, or several")


# Name, number of arguments, function.
FUNCTIONS: Mapping[str, tuple[int, Callable[..., object]]] = {
    "urlquery.encode": (1, encode),
    "urlquery.decode": (1, decode),
    "urlquery.encode_object": (1, encode_object),
    "urlquery.decode_object": (1, decode_object),
}
