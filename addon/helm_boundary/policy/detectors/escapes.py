r"""Texts in which escapes of line ends and tabs are what they stand for, byte for byte.

A tool's result is often JSON or code, in which a line ends with ``\n``: two characters that make
``\nghp_…`` look like a word that begins with n, and ``\n@app.post`` like an address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_WRITTEN = ((b"\\n", b"\n\n"), (b"\\r", b"\n\n"), (b"\\t", b"\t\t"))
"""JSON's escapes, each as long as what stands for it. JSON within JSON keeps a backslash before."""

_DOUBTFUL = re.compile(rb"\\[nrt][A-Za-z0-9_.-]{20}")
"""A line end and a word, or a backslash and a longer word: a path's last part, a credential."""


def readings(text: bytes) -> Iterator[bytes]:
    """Yield a text as its reader reads it; as it is written too, where that may be meant."""
    read = text
    for written, meant in _WRITTEN:
        read = read.replace(written, meant)
    yield read
    if _DOUBTFUL.search(text):
        yield text
