"""``base64.*``, ``base64url.decode`` and ``json.is_valid`` as OPA has them: as Go has them.

Go's base64 leaves out line breaks and doesn't ask for zeros in the last bits; its JSON may have
half a pair of surrogates. The engine's own refuses these, and tells a rule that looks into what is
base64 that it isn't. https://pkg.go.dev/encoding/base64, https://pkg.go.dev/encoding/json
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Callable, Mapping

from .arguments import as_text
from .go_bytes import text_of

BREAKS = {ord("\r"): None, ord("\n"): None}
URL = str.maketrans("-_+/", "+/!!")
PADDING = {0: "", 2: "==", 3: "="}


def base64_decode(value: str) -> str:
    """Return the text that base64 stands for; ValueError if it isn't any."""
    return text_of(_bytes(as_text(value)))


def base64_is_valid(value: object) -> bool:
    """Tell whether a value is base64."""
    try:
        return isinstance(value, str) and _bytes(value) is not None
    except ValueError:
        return False


def base64url_decode(value: str) -> str:
    """Return the text that base64 for URLs stands for, padded or not; ValueError if it isn't."""
    text = as_text(value)
    if not text.endswith("="):
        padding = PADDING.get(len(text) % 4)
        if padding is None:
            raise ValueError("expected base64")
        text += padding
    return text_of(_bytes(text.translate(URL)))


def json_is_valid(value: object) -> bool:
    """Tell whether a value is a text of JSON."""
    try:
        if isinstance(value, str):
            json.loads(value, parse_int=len, parse_float=len, parse_constant=_refuse)
            return True
    except ValueError:
        pass
    return False


def _bytes(text: str) -> bytes:
    written = text.translate(BREAKS)
    return binascii.a2b_base64(written, strict_mode=True) if written else b""


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


# Name, number of arguments, function.
FUNCTIONS: Mapping[str, tuple[int, Callable[..., object]]] = {
    "base64.decode": (1, base64_decode),
    "base64.is_valid": (1, base64_is_valid),
    "base64url.decode": (1, base64url_decode),
    "json.is_valid": (1, json_is_valid),
}
