"""Bytes as text, as Go shows them: each byte that is no UTF-8 becomes one U+FFFD."""

from __future__ import annotations

import re

ESCAPED = re.compile("[\udc80-\udcff]")


def text_of(data: bytes) -> str:
    """Return the text of bytes."""
    return ESCAPED.sub("\ufffd", data.decode("utf-8", "surrogateescape"))
