"""The file and the line in which folders say something, for messages about data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from .folder import DATA_FILES

type Keys = Sequence[str | int]


def place_of(folders: Sequence[Path], path: Keys) -> str | None:
    """Return ``file:line`` of what is at a path in data, or as near as it gets.

    The folder given last counts, as its data lies over the others'. None where no file says it,
    and for bundles.
    """
    for folder in reversed(folders):
        found = [place for file, keys in _files(folder, path) if (place := _line(file, keys))]
        if found:
            return found[-1]
    return None


def named(path: Keys, folders: Sequence[Path]) -> str:
    """Return a path in data as messages name it, behind the file and the line that say it."""
    place = place_of(folders, path)
    return (f"{place}: " if place else "") + ".".join(("data", *map(str, path)))


def _files(folder: Path, path: Keys) -> Iterator[tuple[Path, Keys]]:
    """Yield the data files that may say it, and what the path is in each."""
    for depth in range(len(path)):
        below = folder.joinpath(*map(str, path[:depth]))
        for name in sorted(DATA_FILES):
            if (below / name).is_file():
                yield below / name, path[depth:]


def _line(file: Path, keys: Keys) -> str | None:
    try:
        node = yaml.compose(file.read_text("utf-8"), Loader=yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return None
    line: int | None = None
    for key in keys:
        found = _child(node, key)
        if found is None:
            break
        line, node = found
    return f"{file}:{line}" if line else None


def _child(node: yaml.Node | None, key: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        item = node.value[key]
        return item.start_mark.line + 1, item
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                return name.start_mark.line + 1, value
    return None
