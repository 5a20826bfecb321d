"""Finding every string that a model or a person will read.

What is left out is what only machines read: type tags, roles, and members' names that are plain
words. Anything unknown is taken to be read, so that a field invented tomorrow is judged today.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import takewhile
from typing import Final

from .call import Attachment, Json, Text
from .hosts import canonical_host
from .refusal import schema_violation

MACHINE_KEYS: Final = frozenset({"type", "role", "object"})
"""Keys whose strings are tags for machines."""

_TAG = re.compile(r"[a-z]{1,16}(?:[_.-][a-z0-9]{1,16}){0,6}")
"""How tags are written, and credentials aren't: short words in small letters."""

_PLAIN_NAME = re.compile(
    r"\$?(?:[a-z]{1,24}|[A-Z][a-z]{0,23}|[A-Z]{2,6})(?:[_.-]?[A-Z]?[a-z]{1,24}){0,7}_?\d{0,3}"
)
"""How members are named, and credentials and sentences aren't: words, joined, and a number."""

_BINARY_KEYS: Final = frozenset({"data", "file_data", "b64_json"})


_READER = json.JSONDecoder(
    object_pairs_hook=lambda pairs: [list(pair) for pair in pairs],
    parse_int=float,  # an integer may have more digits than Python reads, and other readers read it
)


def pointer_token(key: str | int) -> str:
    """A reference token of RFC 6901 section 3, with its slash."""
    text = str(key)
    if "~" in text or "/" in text:
        text = text.replace("~", "~0").replace("/", "~1")
    return "/" + text


def strings(value: Json, pointer: str, role: str) -> list[Text]:
    """Every string below a value that isn't a machine's tag or an attachment, in document order.

    A message below the value (an object with a `role`) gives its strings its own role. A member's
    name is a text too unless it is a plain one; its pointer is the member's.
    """
    found: list[Text] = []
    _gather(value, pointer, role, found)
    return found


def _gather(value: Json, pointer: str, role: str, found: list[Text]) -> None:
    if isinstance(value, str):
        found += spoken(value, pointer, role)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _gather(item, f"{pointer}/{index}", role, found)
    elif isinstance(value, dict):
        own = value.get("role")
        role = own if isinstance(own, str) else role
        for key, item in value.items():
            if not is_plain_name(key):
                found.append(Text(pointer + pointer_token(key), role, key))
            if isinstance(item, str):
                if not _is_machine(key, item):
                    found += spoken(item, pointer + pointer_token(key), role)
            elif isinstance(item, dict | list):
                _gather(item, pointer + pointer_token(key), role, found)


def spoken(text: str, pointer: str, role: str) -> list[Text]:
    """A string as a text; where it is JSON itself (a tool call's arguments), what it escapes too.

    Whoever reads that JSON reads what the escapes spell; its texts point to the whole string.

    Raises:
        Refusal: it is nested deeper than can be read.
    """
    found = [Text(pointer, role, text)]
    if "\\u" in text and text.lstrip()[:1] in ("{", "["):
        try:
            inner = strings(_READER.decode(text), "", role)
        except ValueError:
            return found
        except RecursionError:
            raise schema_violation("a string holds JSON nested too deep to be read") from None
        found += [Text(pointer, role, each.text) for each in inner if each.text not in text]
    return found


def known_part(pointer: str) -> str:
    """A pointer up to the first name that isn't plain, for where no content may be."""
    tokens = pointer.split("/")
    plain = takewhile(lambda token: token.isdecimal() or is_plain_name(token), tokens[1:])
    return "/".join((tokens[0], *plain))


@lru_cache(maxsize=4096)
def is_plain_name(key: str) -> bool:
    """Whether a member's name is made of words, so that nobody can say anything with it."""
    return len(key) <= 64 and _PLAIN_NAME.fullmatch(key) is not None


def _is_machine(key: str, item: str) -> bool:
    # Hiding something under a machine's key must not pay: neither a sentence nor a credential
    # looks like a tag. Ids are anybody's to choose, so they are no tags.
    if key in MACHINE_KEYS:
        return _TAG.fullmatch(item) is not None
    return is_inline_binary(key, item)


def is_inline_binary(key: str, item: str) -> bool:
    """Whether a string is an attachment's content: base64 data, or a `data:` URL."""
    if item.startswith("data:"):
        return ";base64," in item[:128]
    return key in _BINARY_KEYS and len(item) > 256 and " " not in item


def attachments(value: Json, pointer: str) -> Iterator[Attachment]:
    """Every attachment below a value: inline data, remote URLs and uploaded files."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from attachments(item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        kind = value.get("type")
        kind = kind if isinstance(kind, str) else "file"
        for key, item in value.items():
            where = pointer + pointer_token(key)
            if isinstance(item, str):
                yield from _attachment(kind, key, item, where)
            else:
                yield from attachments(item, where)


def _attachment(kind: str, key: str, item: str, pointer: str) -> Iterator[Attachment]:
    if is_inline_binary(key, item):
        head, _, data = item.partition(",") if item.startswith("data:") else ("", "", item)
        media_type = head.removeprefix("data:").partition(";")[0] or None
        digest = hashlib.sha256(data.encode()).hexdigest()
        yield Attachment(pointer, kind, media_type, None, len(data) * 3 // 4, digest)
    elif key in ("url", "image_url", "file_url") and item[:8].lower().startswith("http"):
        authority = item.partition("//")[2].partition("/")[0].rpartition("@")[2]
        host = canonical_host(authority.partition(":")[0])
        yield Attachment(pointer, kind, None, host, None, None)
    elif key == "file_id":
        yield Attachment(pointer, kind, None, None, None, None)
