"""All receipts of journals, and the last line of one, unverified."""

from collections.abc import Iterator
from pathlib import Path

from helm_receipts.envelope.record import Record

from .reader import Line, read_lines, read_record, written_lines
from .segments import list_segments, list_writers, written_size

_CHUNK = 2**20


def read_journal(writer: Path) -> Iterator[Line]:
    """Read all lines of one writer's folder in order."""
    for segment in list_segments(writer):
        yield from read_lines(segment)


def read_records(journal: Path) -> Iterator[Record]:
    """Read every writer's receipts, one writer after the other; a torn last line is left out."""
    for writer in list_writers(journal):
        yield from map(read_record, written_lines(*list_segments(writer)))


def last_line(writer: Path, end: tuple[Path, int]) -> bytes:
    """Read the last line before `end` (a segment and an offset in it); b"" when there is none."""
    for segment in reversed(list_segments(writer)):
        if segment > end[0]:
            continue
        size = end[1] if segment == end[0] else written_size(segment)
        if size:
            return _line_before(segment, size)
    return b""


def _line_before(segment: Path, size: int) -> bytes:
    with segment.open("rb") as file:
        start, text = size, b""
        while start and text.count(b"\n") < 2:
            start = max(0, start - _CHUNK)
            file.seek(start)
            text = file.read(size - start)
    return text.rstrip(b"\n").rpartition(b"\n")[2]


def is_empty(journal: Path) -> bool:
    """Tell whether no writer in a journal folder has a receipt."""
    segments = (each for writer in list_writers(journal) for each in list_segments(writer))
    return not any(written_size(segment) for segment in segments)
