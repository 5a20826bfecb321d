"""The mark of how far a writer's journal is durable, as readers find it.

The file `durable` in a writer's folder has two numbers: that of the segment's first line, and a
size in bytes. It is written after a sync and not synced itself, so it may be behind, never ahead.
"""

from dataclasses import dataclass
from pathlib import Path

from .segments import segment_name

MARK = "durable"


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a journal is durable: a segment's name and a size in it, in bytes."""

    segment: str
    size: int


def read_mark(folder: Path) -> Mark | None:
    """Read how far a writer's journal is durable, as the writer last said; None before it has."""
    try:
        segment, _, size = (folder / MARK).read_text("ascii").strip().partition(" ")
        return Mark(segment_name(int(segment)), int(size))
    except (FileNotFoundError, ValueError):
        return None
