"""Attachments inside JSON: base64 that decodes to something other than text.

Nothing is binary because it says so: what doesn't decode is text, and what decodes to text is read
by whoever decodes it, so that it is text too.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final
from urllib.parse import unquote

from .call import Json

BINARY_KEYS: Final = frozenset(
    {"audio", "b64_json", "bytes", "data", "file_data", "partial_image_b64", "result"}
)
"""Members that hold inline content."""

URL_KEYS: Final = (BINARY_KEYS - {"bytes", "result"}) | {
    "audio_url", "file_url", "image", "image_base64", "image_url", "input_image",
    "input_reference", "uri", "url", "video_url",
}  # fmt: skip
"""Members that hold a `data:` URL; anywhere else, it is what somebody wrote."""

SHORT: Final = 256
"""What is shorter is judged as it stands, too: a credential is base64 itself."""

_SCHEME = "data:"
_LAX = str.maketrans("-_", "+/", "\r\n")
_CODED = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_DESCRIBED = frozenset(
    {
        "expires_at", "format", "mediaType", "media_type", "mimeType", "mime_type", "transcript",
    }
)  # fmt: skip
"""What stands beside `data` that is a file's; without it, `data` is anybody's word."""
_PRINTED = bytes([*range(32, 127), 9, 10, 13])
_MOSTLY = 0.85
_GAPS = 0.35


def payload(key: str, item: str) -> str | None:
    """Return a member's base64 where it is inline content by its name or its scheme, else None."""
    text = item.lstrip()
    if key in URL_KEYS and text[: len(_SCHEME)].lower() == _SCHEME:
        head, comma, data = text.partition(",")
        coded = "base64" in (part.strip() for part in head.lower().split(";")[1:])
        return unquote(data) if comma and coded else None
    return item if key in BINARY_KEYS else None


def decoded(text: Json) -> bytes | None:
    """Decode a base64 string (also URL-safe, in lines, or unpadded); None where it is none.

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
    """Decode bytes that are text, in UTF-8, UTF-16 or nearly; None where they are something else.

    One byte that is no letter makes no picture of a text: readers are forgiving.
    """
    if not content.strip(b"\x00"):
        return None
    for encoding, gaps in (("utf-16-le", content[1::2]), ("utf-16-be", content[::2])):
        if gaps.count(0) > _GAPS * len(gaps) and content.count(0) < 0.6 * len(content):
            return content.decode(encoding, "replace").lstrip("\ufeff")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        odd = len(content.translate(None, _PRINTED))
        return content.decode("utf-8", "replace") if odd < (1 - _MOSTLY) * len(content) else None


def inline_bytes(holder: dict[str, Json], key: str, item: str) -> bytes | None:
    """Decode a member that is an attachment's content; None for text."""
    coded = payload(key, item)
    if coded is None or (coded is item and not _holds_file(holder, key)):
        return None
    return decoded(coded)


def inline_text(key: str, item: str) -> str | None:
    """Decode a member's base64 to the text in it, whoever holds it; None where there is none."""
    coded = payload(key, item)
    content = None if coded is None else decoded(coded.replace(" ", ""))
    return None if content is None else text_in(content)


def _holds_file(holder: dict[str, Json], key: str) -> bool:
    kind = holder.get("type")
    if key == "bytes":  # Bedrock's `source` has nothing else
        return len(holder) == 1
    if key == "result":  # anybody's word, but for the picture that was drawn
        return kind == "image_generation_call"
    if key == "audio":
        return kind == "input_audio_buffer.append"
    if key != "data" or kind in ("base64", "redacted_thinking"):
        return True
    media_type = holder.get("media_type")
    plain = isinstance(media_type, str) and media_type.lower().startswith("text/")
    return kind != "text" and not plain and not _DESCRIBED.isdisjoint(holder)
