"""The types of a message's fields, looked at without saying each time what would be wrong.

Whenever mitmproxy makes a request or a response it checks the type of each field, and writes the
error that it would raise before it looks: a tenth of what a call costs. Here the error is written
only where there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_args

from mitmproxy import http

type Types = tuple[tuple[str, tuple[type, ...]], ...]
"""Fields by name, and what each may be an instance of."""

_check: Callable[[http.MessageData], None] | None = getattr(http.MessageData, "__post_init__", None)
"""mitmproxy's own check; there is none under `python -O`."""
_known: dict[type, Types] = {}


def check_types_quickly() -> None:
    """Have messages checked as mitmproxy does; safe to call again."""
    if _check is not None:
        http.MessageData.__post_init__ = _check_quickly  # type: ignore[method-assign]


def _check_quickly(message: http.MessageData) -> None:
    """Check each field; what isn't plainly right is mitmproxy's to judge, and to raise."""
    kind = type(message)
    types = _known.get(kind)
    if types is None:
        types = _known[kind] = _types_of(kind)
    for name, allowed in types:
        if not isinstance(getattr(message, name), allowed):
            if _check is not None:
                _check(message)
            return


def _types_of(kind: type[Any]) -> Types:
    """Return the types of a message's fields; `float | None` is two."""
    return tuple((field.name, get_args(field.type) or (field.type,)) for field in fields(kind))
