"""The words of a policy: the literals and names that its rules compare a document with."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

TOKEN = re.compile(
    r'#[^\n]*|"(?P<string>(?:[^"\\\n]|\\.)*)"|`(?P<raw>[^`]*)`'
    r"|\.(?P<name>[A-Za-z_]\w*)|(?<![\w.])(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\b"
)
# Members that hold whatever a client sends, and what a rule reads of them.
OPEN = re.compile(
    r"\b(body|parameters|arguments|headers|approval)((?:\.[A-Za-z_]\w*|\[[^\]\n]*\])+)"
)
STEP = re.compile(r'\.(?P<name>\w+)|\["(?P<key>[^"\n]*)"\]|\[[^\]]*\]')
LONGEST = 200  # characters; longer ones are messages, which nobody compares
MOST = 2_000  # leaves of data


@dataclass(frozen=True, slots=True)
class Words:
    """Strings and numbers that are written in a policy, and names of members that it reads.

    ``settings`` are the strings in its data, of which there may be a great many more. ``paths`` are
    what it reads of a member that may hold anything: that member's name and the steps from there,
    None for an item of an array.
    """

    strings: tuple[str, ...]
    settings: tuple[str, ...]
    numbers: tuple[int | float, ...]
    names: tuple[str, ...]
    paths: tuple[tuple[str, tuple[str | None, ...]], ...]


def words_of(modules: Iterable[str], data: Mapping[str, Any]) -> Words:
    """Return the words of modules (Rego texts) and of the data, each once."""
    strings: dict[str, None] = {}
    numbers: dict[int | float, None] = {}
    names: dict[str, None] = {}
    paths: dict[tuple[str, tuple[str | None, ...]], None] = {}
    for text in modules:
        paths |= dict.fromkeys(_paths(text))
        for token in TOKEN.finditer(text):
            if token["number"]:
                numbers[json.loads(token["number"])] = None
            elif token["name"]:
                names[token["name"]] = None
            elif token["string"] is not None or token["raw"] is not None:
                strings[_said(token)] = None
    settings: dict[str, None] = {}
    for leaf in _leaves(data):
        if isinstance(leaf, str):
            settings[leaf] = None
        else:
            numbers[leaf] = None
    return Words(_short(strings), _short(settings), tuple(numbers), tuple(names), tuple(paths))


def _paths(text: str) -> Iterator[tuple[str, tuple[str | None, ...]]]:
    for found in OPEN.finditer(text):
        steps = tuple(step["name"] or step["key"] for step in STEP.finditer(found[2]))
        yield found[1], steps


def _short(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(word for word in words if len(word) <= LONGEST)


def _said(token: re.Match[str]) -> str:
    if token["raw"] is not None:
        return token["raw"]
    try:
        return str(json.loads(f'"{token["string"]}"'))
    except ValueError:
        return token["string"]


def _leaves(data: Mapping[str, Any]) -> Iterator[str | int | float]:
    """Yield the strings, names and numbers in the data, breadth first, up to a bound."""
    waiting: list[Any] = [data]
    count = 0
    for value in waiting:
        if isinstance(value, Mapping):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            count += 1
            yield value
        if count >= MOST:
            return
