"""Finding every string that a model or a person will read.

What is left out is what only machines read: type tags, roles, and members' names that are plain
words. Anything unknown is taken to be read, so that a field invented tomorrow is judged today.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import lru_cache
from itertools import takewhile
from typing import Final

from .call import Attachment, CodedText, Json, NameText, Text
from .hosts import canonical_host
from .inline import SHORT, inline_bytes, inline_text, payload
from .refusal import schema_violation

MACHINE_KEYS: Final = frozenset({"type", "role", "object"})
"""Keys whose strings are tags for machines."""

_TAG = re.compile(r"[a-z]{1,16}(?:[_.-][a-z0-9]{1,16}){0,6}")
"""How tags are written, and credentials aren't: short words in small letters."""

_PLAIN_NAME = re.compile(
    r"\$?(?:[a-z]{1,24}|[A-Z][a-z]{0,23}|[A-Z]{2,6})(?:[_.-]?[A-Z]?[a-z]{1,24}){0,7}_?\d{0,3}"
)
"""How members are named, and credentials and sentences aren't: words, joined, and a number."""

_NESTED = (dict, list)

_LOOKED_THROUGH = 4_000_000
"""Characters that are looked through for what needn't be judged twice; more would take too long."""

_READER = json.JSONDecoder(
    object_pairs_hook=lambda pairs: [list(pair) for pair in pairs],
    parse_int=float,  # an integer may have more digits than Python reads, and other readers read it
)


def pointer_token(key: str | int) -> str:
    """Write a reference token of RFC 6901 section 3, with its slash."""
    text = str(key)
    if "~" in text or "/" in text:
        text = text.replace("~", "~0").replace("/", "~1")
    return "/" + text


TOOL: Final = "tool"
"""The role of what a tool gave back, whoever passes it on and whatever role that claims."""

type ToolMembers = Callable[[dict[str, Json]], Collection[str]]
"""The names of an object's members that a tool gave back, whatever `role` stands near them."""


def no_members(value: dict[str, Json]) -> Collection[str]:
    """None: only a message's own `role` says that it is a tool's."""
    return ()


def strings(
    value: Json, pointer: str, role: str, from_tool: ToolMembers = no_members
) -> list[Text]:
    """Every string below a value that isn't a machine's tag or an attachment, in document order.

    A message below the value (an object with a `role`) gives its strings its own role, but what a
    tool gave back is the tool's. A member's name is a text too unless it is a plain one; its
    pointer is the member's. Base64 that is text is there as it is and decoded.
    """
    found: list[Text] = []
    _gather(value, pointer, role, found, from_tool)
    return found


def _gather(
    value: Json, pointer: str, role: str, found: list[Text], from_tool: ToolMembers
) -> None:
    if isinstance(value, str):
        found += spoken(value, pointer, role)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _gather(item, f"{pointer}/{index}", role, found, from_tool)
    elif isinstance(value, dict):
        own, given = value.get("role"), from_tool(value)
        role = own if isinstance(own, str) and role != TOOL else role
        for key, item in value.items():
            speaker = TOOL if key in given else role
            if not is_plain_name(key):
                found.append(NameText(pointer + pointer_token(key), speaker, key))
            if isinstance(item, str):
                found += _member(value, key, item, pointer + pointer_token(key), speaker)
            elif isinstance(item, _NESTED):
                _gather(item, pointer + pointer_token(key), speaker, found, from_tool)


def _member(
    holder: dict[str, Json], key: str, item: str, pointer: str, role: str
) -> Iterable[Text]:
    """List the texts in a member's string: none in a tag or a file, two in text that is coded."""
    # Hiding something under a machine's key must not pay: neither a sentence nor a credential
    # looks like a tag. Ids are anybody's to choose, so they are no tags.
    if key in MACHINE_KEYS and is_tag(item):
        return ()
    inner = inline_text(key, item)
    if inner is not None:
        return (*spoken(item, pointer, role), CodedText(pointer, role, inner))
    if len(item) > SHORT and inline_bytes(holder, key, item) is not None:
        return ()
    return spoken(item, pointer, role)


def spoken(text: str, pointer: str, role: str) -> list[Text]:
    """List a string as a text, and what it escapes where it is JSON (a tool call's arguments).

    Whoever reads that JSON reads what the escapes spell; its texts point to the whole string.

    Raises:
        Refusal: it is nested deeper than can be read.
    """
    found: list[Text] = [Text(pointer, role, text)]
    # One character is sought a hundred times faster than two, and most texts have none.
    if "\\" in text and "\\u" in text and text.lstrip()[:1] in ("{", "["):
        try:
            inner = strings(_READER.decode(text), "", role)
        except ValueError:
            return found
        except RecursionError:
            raise schema_violation("a string holds JSON nested too deep to be read") from None
        few = len(inner) * len(text) < _LOOKED_THROUGH
        found += [
            CodedText(pointer, role, each.text)
            for each in inner
            if not (few and f'"{each.text}"' in text)  # `"\u0034111"` has 4111 in it, too
        ]
    return found


def known_part(pointer: str) -> str:
    """Cut a pointer before its first name that isn't plain, for where no content may be."""
    tokens = pointer.split("/")
    plain = takewhile(lambda token: token.isdecimal() or is_plain_name(token), tokens[1:])
    return "/".join((tokens[0], *plain))


@lru_cache(maxsize=4096)
def is_plain_name(key: str) -> bool:
    """Tell whether a member's name is made of words, so that nobody can say anything with it."""
    return len(key) <= 64 and _PLAIN_NAME.fullmatch(key) is not None


def is_tag(text: str) -> bool:
    """Tell whether a string is written as machines' tags are: few short words in small letters."""
    return _TAG.fullmatch(text) is not None


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
                yield from _attachment(value, kind, key, item, where)
            else:
                yield from attachments(item, where)


def _attachment(
    holder: dict[str, Json], kind: str, key: str, item: str, pointer: str
) -> Iterator[Attachment]:
    content = inline_bytes(holder, key, item)
    if content is not None:
        head = item.partition(",")[0] if item[:5].lower() == "data:" else ""
        media_type = head[5:].partition(";")[0] or None
        data = payload(key, item) or ""
        digest = hashlib.sha256(data.encode()).hexdigest()
        yield Attachment(pointer, kind, media_type, None, len(data) * 3 // 4, digest)
    elif key in ("url", "image_url", "file_url") and item[:8].lower().startswith("http"):
        authority = item.partition("//")[2].partition("/")[0].rpartition("@")[2]
        host = canonical_host(authority.partition(":")[0])
        yield Attachment(pointer, kind, None, host, None, None)
    elif key == "file_id":
        yield Attachment(pointer, kind, None, None, None, None)
