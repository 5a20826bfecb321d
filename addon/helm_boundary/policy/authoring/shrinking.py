"""A document made as small as it can be while it still shows what it shows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

type Document = dict[str, Any]
type Shows = Callable[[Document], bool]


def shrink(document: Document, shows: Shows) -> Document:
    """Return the smallest document found that still shows it: each change alone is tried.

    ``shows`` says no to what is no document, and to everything once its time is up.
    """
    smallest = document
    while True:
        for smaller in _smaller(smallest):
            if _size(smaller) < _size(smallest) and shows(smaller):
                smallest = smaller
                break
        else:
            return smallest


def _size(value: Any) -> tuple[int, str]:
    text = json.dumps(value, sort_keys=True)
    return len(text), text


def _smaller(value: Any) -> Iterator[Any]:
    """Yield the value with one part of it gone, or simpler, the largest parts first."""
    if isinstance(value, Mapping):
        for name in sorted(value, key=lambda name: -_size(value[name])[0]):
            yield {other: item for other, item in value.items() if other != name}
        for name in value:
            for item in _smaller(value[name]):
                yield {**value, name: item}
    elif isinstance(value, list):
        if len(value) > 1:
            yield from (value[: len(value) // 2], value[len(value) // 2 :])
        for position in range(len(value)):
            yield value[:position] + value[position + 1 :]
        for position, old in enumerate(value):
            for item in _smaller(old):
                yield [*value[:position], item, *value[position + 1 :]]
    elif isinstance(value, str) and value:
        yield from ("", "a", value[: len(value) // 2], value[len(value) // 2 :], value[1:])
        yield value[:-1]
    elif isinstance(value, int | float) and value not in (0, 1):
        yield from (0, 1)
