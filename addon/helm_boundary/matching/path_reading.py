"""How a path is read: as it is written, and as the most lenient of servers might."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

_UNRESERVED = re.compile(r"%(?:2[dDeE]|3[0-9]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aAeE])")
ODD = re.compile(r"[%#?]|//|\\|;|[\x00-\x20]|(?:^|/)\.{1,2}(?:/|$)")
"""What only some servers read, or read otherwise, in a path."""
BLANK = re.compile(r"[\x00-\x20\x7f]")


def canonical_path(path: str) -> str:
    """Normalise a path once (RFC 3986 section 6.2.2.2): decode its unreserved characters."""
    return _UNRESERVED.sub(lambda found: chr(int(found[0][1:], 16)), path) if "%" in path else path


def plain_segments(path: str) -> list[str]:
    """Split a path into segments; there are none where it isn't written plainly."""
    return path.strip("/").split("/") if not ODD.search(path) and path[-1:] != "/" else []


def loosest_reading(path: str) -> str:
    """Read a path as the most lenient of servers might: in lower case, decoded, collapsed."""
    for _ in range(8):
        decoded = unquote(path, errors="replace")
        if decoded == path:
            break
        path = decoded
    if not path.isascii():  # full-width letters and slashes; twice, for blanks kept marks apart
        path = BLANK.sub("", unicodedata.normalize("NFKD", path))
        path = unicodedata.normalize("NFKD", path)
    path = re.sub(r";[^/]*|[#?].*", "", path.replace("\\", "/").lower())
    path = BLANK.sub("", path)
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    return "/" + "/".join(kept)
