"""A reader of journals: lines, receipts, and one receipt by its id."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from helm_receipts.envelope import dsse
from helm_receipts.envelope.record import Record, parse_statement
from helm_receipts.errors import Broken, CanonicalError, EnvelopeError, ReceiptError

from .segments import MAX_LINE, list_segments, written_size

_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a segment without its newline, and where it starts."""

    segment: Path
    offset: int
    raw: bytes

    def __str__(self) -> str:
        """Say where the line is, for messages."""
        return f"{self.segment.parent.name}/{self.segment.name} at byte {self.offset}"


def read_lines(segment: Path, start: int = 0, end: int | None = None) -> Iterator[Line]:
    """Read the lines of a segment from byte `start` on, in constant memory.

    Without `end`, bytes after the last newline are `Broken` ("torn"); with it they are skipped.
    """
    offset, rest = start, b""
    until = written_size(segment) if end is None else end
    with segment.open("rb") as file:
        file.seek(start)
        while chunk := file.read(min(_CHUNK, until - file.tell())):
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop()
            for raw in lines:
                yield Line(segment, offset, raw)
                offset += len(raw) + 1
            if len(rest) > MAX_LINE:
                raise Broken("torn", f"{segment} at byte {offset}", "a line without an end")
    if rest and end is None:
        place = Line(segment, offset, rest)
        raise Broken("torn", place, f"{len(rest)} bytes after the last newline, cut off mid-write")


def written_lines(*segments: Path) -> Iterator[Line]:
    """Read the lines of segments, one after the other; a torn last one is left out."""
    for segment in segments:
        yield from read_lines(segment, end=written_size(segment))


def read_record(line: Line) -> Record:
    """Read the receipt on a line, unverified; `Broken` when the line isn't one."""
    try:
        return Record.of(line.raw, parse_statement(dsse.parse_line(line.raw).payload))
    except (EnvelopeError, CanonicalError, KeyError, TypeError, ValueError) as error:
        raise Broken("malformed", line, f"not a receipt: {error}") from error


def find_record(journal: Path, identity: str) -> Record:
    """Find the receipt of this id, unverified; `ReceiptError` when there is none."""
    return read_record(find_line(journal, identity))


def find_line(journal: Path, identity: str) -> Line:
    """Find the line of this receipt, unverified; `ReceiptError` when there is none."""
    writer, _, number = identity.rpartition("-")
    if not writer.isalnum() or not number.isascii() or not number.isdecimal():
        raise ReceiptError(f"expected an id like k3v9x2ab-000042, found {identity!r}")
    segments = list_segments(journal / writer)
    before = [segment for segment in segments if int(segment.stem) <= int(number)]
    for segment in before[-1:]:
        wanted = int(number) - int(segment.stem)
        for index, line in enumerate(written_lines(segment)):
            if index == wanted:
                return _named(line, identity)
    if segments and not before and int(number):
        raise ReceiptError(
            f"expected receipt {identity} in {journal}, found that it begins with receipt "
            f"{int(segments[0].stem)}: those before were archived or pruned, look in the archive"
        )
    raise ReceiptError(
        f"expected receipt {identity} in {journal}, found none of this id; "
        "`receipts list` shows those that are there"
    )


def _named(line: Line, identity: str) -> Line:
    """Return a line, if its receipt is the one that belongs here."""
    if (found := read_record(line).id) != identity:
        raise Broken("reordered", line, f"expected receipt {identity}, found {found}")
    return line
