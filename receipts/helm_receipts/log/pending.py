"""Lines that aren't in the log yet: whole and durable, from each writer's cursor on."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from helm_receipts.errors import LogError
from helm_receipts.journal.durable_mark import read_mark
from helm_receipts.journal.reader import Line, read_lines
from helm_receipts.journal.records import last_line
from helm_receipts.journal.segments import list_segments, list_writers, written_size


@dataclass(frozen=True, slots=True)
class Cursor:
    """How much of a writer's journal is in the log: its last receipt and where that ends."""

    number: int
    segment: str
    offset: int
    digest: str


def pending_lines(journal: Path, cursors: Mapping[str, Cursor]) -> Iterator[tuple[str, Line]]:
    """List lines that may go into the log, writer by writer, each with its writer."""
    for writer in list_writers(journal):
        for line in _pending(writer, cursors.get(writer.name)):
            yield writer.name, line


def _pending(writer: Path, cursor: Cursor | None) -> Iterator[Line]:
    mark = read_mark(writer)
    if mark is None:
        return
    for segment in list_segments(writer):
        if segment.name > mark.segment or (cursor and segment.name < cursor.segment):
            continue
        start = cursor.offset if cursor and segment.name == cursor.segment else 0
        # Earlier segments are durable to their ends: the mark moves on only after that.
        end = mark.size if segment.name == mark.segment else written_size(segment)
        if end > start:
            yield from read_lines(segment, start, end)


def advance(cursor: Cursor | None, line: Line) -> Cursor:
    """Move a cursor on after a line has gone into the log."""
    return Cursor(
        number=cursor.number + 1 if cursor else 1,
        segment=line.segment.name,
        offset=line.offset + len(line.raw) + 1,
        digest=hashlib.sha256(line.raw).hexdigest(),
    )


def check_cursors(journal: Path, cursors: Mapping[str, Cursor]) -> None:
    """Require journals to hold what the log has already committed to; `LogError` otherwise."""
    for name, cursor in cursors.items():
        writer = journal / name
        segment = writer / cursor.segment
        size = written_size(segment) if segment.exists() else 0
        line = last_line(writer, (segment, cursor.offset)) if size >= cursor.offset else b""
        if hashlib.sha256(line).hexdigest() != cursor.digest:
            raise LogError(
                f"expected receipt {name}-{cursor.number:06d} at the end of byte {cursor.offset} "
                f"of {segment}, as the log has committed to it, found something else: the journal "
                "was cut or changed. Keep this folder for the auditor, restore the journal from "
                "a backup, or start with another state folder"
            )
