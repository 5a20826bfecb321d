"""Ordinary text, drawn from what a developer's machine has: packages, their documents, logs."""

from __future__ import annotations

import os
import random
import site
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SMALLEST, LARGEST = 500, 20_000
_CACHES = ("go/pkg/mod", ".npm", ".cargo/registry/src")
_SHARED = ("/usr/share/doc", "/usr/lib/node_modules", "/usr/lib/python3/dist-packages", "/var/log")
_BINARY = b"\0"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a file: ``text`` is what stands from the byte ``offset`` on."""

    file: Path
    offset: int
    text: str


def installed() -> list[Path]:
    """Return the folders of packages, documents and logs that this machine has."""
    home = Path.home()
    shared = [Path(name) for name in (*site.getsitepackages(), *_SHARED)]
    own = [home / name for name in _CACHES]
    return [folder for folder in (*shared, *own) if folder.is_dir()]


def draw(folders: Sequence[Path], count: int, seed: int, size: int | None = None) -> list[Chunk]:
    """Draw chunks: each folder is as likely as any other, and each file within it.

    `size` is in bytes; else each has one of its own, as often below the middle as above it.
    """
    dice = random.Random(seed)  # noqa: S311 - it draws samples
    files = [names for folder in folders if (names := sorted(_files(folder)))]
    if not files:
        return []
    found: list[Chunk] = []
    for _ in range(100 * count):
        wanted = size or int(SMALLEST * (LARGEST / SMALLEST) ** dice.random())
        file = dice.choice(dice.choice(files))
        chunk = _cut(file, wanted, dice.random(), exactly=size is not None)
        if chunk is not None:
            found.append(chunk)
        if len(found) == count:
            break
    return found


def _files(folder: Path) -> Iterator[Path]:
    for where, below, names in os.walk(folder):
        below.sort()
        yield from (Path(where, name) for name in names)


def _cut(file: Path, size: int, at: float, *, exactly: bool) -> Chunk | None:
    """Cut a chunk out of a file; None where it is no text, or too short for the size."""
    try:
        with file.open("rb") as opened:
            length = os.fstat(opened.fileno()).st_size
            offset = int(at * max(0, length - size))
            opened.seek(offset)
            raw = opened.read(size)
    except OSError:
        return None
    if not raw.strip() or _BINARY in raw or (exactly and len(raw) < size):
        return None
    text = raw.decode("utf-8", "ignore")  # a character may be cut at either end
    return None if len(text.encode()) < len(raw) - 6 else Chunk(file, offset, text)
