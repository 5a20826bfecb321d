r"""Texts in which escapes of line ends and tabs are what they stand for, byte for byte.

A tool's result is often JSON or code, in which a line ends with ``\n``: two characters that make
``\nghp_…`` look like a word that begins with n, and ``\n@app.post`` like an address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_MEANT = {b"n": b"\n\n", b"r": b"\n\n", b"t": b"\t\t"}
"""JSON's escapes, each as long as what stands for it. JSON within JSON keeps a backslash before."""

_DOUBTFUL = re.compile(rb"\\[nrt][A-Za-z0-9_.-]{20}")
"""A line end and a word, or a backslash and a longer word: a path's last part, a credential."""

_SPARSE = 128
"""Bytes for each backslash from which on it is faster to go from one to the next."""


def readings(text: bytes) -> Iterator[bytes]:
    """Yield a text as its reader reads it; as it is written too, where that may be meant."""
    backslashes = text.count(b"\\")
    if backslashes * _SPARSE > len(text):
        read, doubtful = _replaced(text), _DOUBTFUL.search(text) is not None
    else:
        read, doubtful = _replaced_singly(text)
    yield read
    if doubtful:
        yield text


def _replaced(text: bytes) -> bytes:
    for letter, meant in _MEANT.items():
        text = text.replace(b"\\" + letter, meant)
    return text


def _replaced_singly(text: bytes) -> tuple[bytes, bool]:
    """Return the same, and whether one of the escapes is doubtful."""
    read, doubtful = bytearray(text), False
    at = text.find(b"\\")
    while at >= 0:
        meant = _MEANT.get(text[at + 1 : at + 2])
        if meant is not None:
            read[at : at + 2] = meant
            doubtful = doubtful or _DOUBTFUL.match(text, at) is not None
        at = text.find(b"\\", at + 1)
    return bytes(read), doubtful
