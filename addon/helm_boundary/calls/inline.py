"""Attachments inside JSON: base64 that decodes to something other than text.

Nothing is binary because it says so: what doesn't decode is text, and what decodes to text is read
by whoever decodes it, so that it is text too.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from .call import Json

BINARY_KEYS: Final = frozenset({"audio", "b64_json", "data", "file_data", "partial_image_b64"})
"""Members that hold inline content."""

URL_KEYS: Final = BINARY_KEYS | {
    "audio_url", "file_url", "image", "image_url", "input_image", "uri", "url", "video_url",
}  # fmt: skip
"""Members that hold a `data:` URL; anywhere else, it is what somebody wrote."""

SHORT: Final = 256
"""What is shorter is judged as it stands, too: a credential is base64 itself."""

_SCHEME = "data:"
_LAX = str.maketrans("-_", "+/", "\r\n")
_CODED = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_DESCRIBED = frozenset({"format", "media_type", "mimeType", "mime_type"})
"""What stands beside `data` that is a file's; without it, `data` is anybody's word."""


def payload(key: str, item: str) -> str | None:
    """The base64 of a member that is inline content by its name or its scheme, else None."""
    if key in URL_KEYS and item[: len(_SCHEME)].lower() == _SCHEME:
        head, comma, data = item.partition(",")
        return data if comma and head.lower().endswith(";base64") else None
    return item if key in BINARY_KEYS and len(item) > SHORT else None


def decoded(text: Json) -> bytes | None:
    """The bytes of a base64 string (also URL-safe, in lines, or unpadded); None where it is none.

    Source: RFC 4648 sections 4 and 5, RFC 2045 section 6.8 for lines.
    """
    if not isinstance(text, str):
        return None
    plain = text.translate(_LAX).rstrip("=")
    if len(plain) % 4 == 1 or _CODED.fullmatch(plain) is None:
        return None
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:  # pragma: no cover - the alphabet and the length have been checked
        return None


def text_in(content: bytes) -> str | None:
    """The text that bytes are, in UTF-8 or UTF-16; None where they are something else."""
    for start, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"", "utf-8")):
        if content.startswith(start):
            try:
                # Letters of UTF-16 without a mark are letters of UTF-8 with zeros between them.
                return content.decode(encoding).replace("\0", "")
            except UnicodeDecodeError:
                continue
    return None


def inline_bytes(holder: dict[str, Json], key: str, item: str) -> bytes | None:
    """The bytes of an attachment's content under that name of that object; None for text."""
    coded = payload(key, item)
    if coded is None or (coded is item and not _holds_file(holder, key)):
        return None
    return decoded(coded)


def _holds_file(holder: dict[str, Json], key: str) -> bool:
    if key != "data" or holder.get("type") == "base64":
        return True
    media_type = holder.get("media_type")
    plain = isinstance(media_type, str) and media_type.lower().startswith("text/")
    return holder.get("type") != "text" and not plain and not _DESCRIBED.isdisjoint(holder)
