"""Calls known by their body alone, on whatever host and path and with whatever method they come.

A body is a call's when any reader would find one in it. So it is looked at as the most forgiving of
readers would look: in other encodings, letter cases and codings, as JSON5 (comments, other quotes),
with more after its end. What only such a reader finds is refused, for the boundary and the server
mustn't read two things.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from helm_boundary.calls.call import Json, Operation
from helm_boundary.calls.refusal import Refusal
from helm_boundary.wire import content_coding, strict_json

from .catalogue import known_operations

_OBJECT = re.compile(rb"(?:[\t-\r ]++|\xef\xbb\xbf|\xc2\xa0|//[^\r\n]*+|/\*(?s:.*?)\*/)*+\{")
_KEYS = ("messages", "input", "prompt", "inputs")
"""The members that a conversation is in, the one that counts first before the others."""
CONVERSE = Operation(
    "mistral.converse",
    "inference",
    "conversations",
    "POST",
    "/conversations/{conversation_id}",
    loose=True,
)
"""Mistral's conversations, told from other people's by a body with `inputs`."""
# A key can be spelt with escapes, or with letters that fold to s and k.
_OTHER_SPELLINGS = (b"\\u", b"\xc5\xbf", b"\xe2\x84\xaa")


def operation_of_body(body: bytes, content_encoding: str | None, limit: int) -> Operation | None:
    """Return the operation that a request's body asks for by its shape, or None.

    `limit` bounds the decoded body, in bytes.

    Raises:
        Refusal: it may be a call's, and can't be read in one way.
    """
    try:
        decoded = content_coding.decode(body, content_encoding, limit)
    except Refusal:
        glimpse = content_coding.glimpse(body, content_encoding, limit)
        cut_short = len(glimpse) >= limit and glimpse != body
        if _OBJECT.match(glimpse) and (cut_short or may_be_call(glimpse)):
            raise
        if may_be_call(in_utf8(body)):  # many a server never looks for a coding
            raise
        return None  # nothing says that it is a call, and it isn't ours to break
    text = in_utf8(decoded)
    if not may_be_call(text):
        return None
    try:
        return by_shape(strict_json.parse(decoded))
    except Refusal:
        value = _first_value(text)
        if value is None or by_shape(value) is not None:
            raise
        return None


def may_be_call(text: bytes) -> bool:
    """Tell cheaply whether a text may have a call's shape; no call's JSON text fails."""
    if not _OBJECT.match(text):
        return False
    if any(spelling in text for spelling in _OTHER_SPELLINGS):
        return True
    lower = text.lower()
    return _has_key(lower, "model") and any(_has_key(lower, key) for key in _KEYS)


def _has_key(lower: bytes, key: str) -> bool:
    quoted = (f'"{key}"', f"'{key}'")
    if any(each.encode() in lower for each in quoted):
        return True
    return re.search(rf"{key}\s*:".encode(), lower) is not None


def by_shape(value: Json) -> Operation | None:
    """Return the operation of a JSON value: an object with a model and a conversation's member.

    What it is answered nobody knows, so it is loose.
    """
    if not isinstance(value, dict):
        return None
    folded = {key.casefold(): member for key, member in value.items()}
    if not isinstance(folded.get("model"), str):
        return None
    key = conversation_in(folded)
    if key == "input" and is_of_texts(folded["input"]):
        return _operations()["texts"]
    return None if key is None else _operations()[key]


def is_of_texts(given: Json) -> bool:
    """Tell whether an input is a list of texts, or of tokens, none of which is an item."""
    return isinstance(given, list) and bool(given) and not any(isinstance(x, dict) for x in given)


def conversation_in(folded: Mapping[str, Json]) -> str | None:
    """Return the member that an object's conversation is in; its names are in lower case."""
    for key in _KEYS:
        if isinstance(folded.get(key), list if key == "messages" else str | list):
            return key
    return None


@cache
def _operations() -> dict[str, Operation]:
    """Return the operation of each member that a conversation is in."""
    paths = {
        "messages": ["chat", "completions"],
        "input": ["responses"],
        "prompt": ["completions"],
        "texts": ["embeddings"],
    }
    found = {key: known_operations().find("POST", path) for key, path in paths.items()}
    loose = {key: replace(each, loose=True) for key, each in found.items() if each is not None}
    return {**loose, "inputs": CONVERSE}


def in_utf8(text: bytes) -> bytes:
    """Return the same text in UTF-8, from whichever encoding JSON readers would guess."""
    encoding = json.detect_encoding(text)
    if encoding.startswith("utf-8"):
        return text
    return text.decode(encoding, "replace").encode("utf-8", "replace")


def _first_value(text: bytes) -> Json:
    """Return what a forgiving reader takes from a text's start, None where even that fails."""
    readable = text.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    try:
        return json.JSONDecoder(strict=False).raw_decode(readable)[0]
    except (ValueError, RecursionError):
        return None
