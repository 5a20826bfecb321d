"""The files of a journal: their names, their order, and where their lines end.

A journal is a folder of segments, `<number of its first line>.jsonl`. The one that is written to
is padded with preallocated zero bytes, because writing over bytes that are there already costs the
disk half of what making a file longer does. No line has a zero byte in it.
"""

from pathlib import Path

MAX_LINE = 16 * 2**20
_CHUNK = 2**16


def segment_name(first_number: int) -> str:
    """Return the file name of the segment whose first line has this number; names sort."""
    return f"{first_number:012d}.jsonl"


def list_segments(folder: Path) -> list[Path]:
    """List the segments of a writer's folder in order."""
    return sorted(path for path in folder.glob("*.jsonl") if path.stem.isdecimal())


def list_writers(journal: Path) -> list[Path]:
    """List the writers' folders in a journal folder, by name."""
    if not journal.is_dir():
        return []
    return sorted(path for path in journal.iterdir() if path.is_dir())


def gather(*journals: Path) -> dict[str, list[Path]]:
    """List each writer's segments in order, each from the first of the folders that has it.

    A segment that is archived and not yet removed is in two folders.
    """
    found: dict[str, dict[str, Path]] = {}
    for journal in journals:
        for writer in list_writers(journal):
            here = found.setdefault(writer.name, {})
            for segment in list_segments(writer):
                here.setdefault(segment.name, segment)
    return {name: [here[each] for each in sorted(here)] for name, here in sorted(found.items())}


def written_size(segment: Path) -> int:
    """Return a segment's size in bytes without its padding; a torn line counts."""
    with segment.open("rb") as file:
        end = file.seek(0, 2)
        while end:
            start = max(0, end - _CHUNK)
            file.seek(start)
            written = file.read(end - start).rstrip(b"\0")
            if written:
                return start + len(written)
            end = start
    return 0
