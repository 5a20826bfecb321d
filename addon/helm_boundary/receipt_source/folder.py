"""A state folder as a source: a position is a segment's name and a place in it, in bytes."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from helm_receipts.envelope.checkpoint import parse_checkpoint
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.envelope.record import Record
from helm_receipts.errors import ReceiptError
from helm_receipts.export.verified import verify_present
from helm_receipts.journal.durable_mark import read_mark
from helm_receipts.journal.reader import Line, read_lines
from helm_receipts.journal.segments import list_segments, list_writers, written_size
from helm_receipts.layout import Layout
from helm_receipts.log.inclusion import InclusionProof
from helm_receipts.log.proof import prove_under
from helm_receipts.log.published_keys import PublishedKeys, read_published
from helm_receipts.storage import durable as files

from .source import CursorTaken, LogState, Part, Place


class FolderSource:
    """The receipts of one state folder, or of a copy of one."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        try:
            self.name = layout.origin.read_text().strip()
        except OSError:
            self.name = ""

    def parts(self, *, durable: bool = False) -> Iterator[Part]:
        """Yield every writer who has written something."""
        for writer in list_writers(self.layout.journal):
            found = ((each, size) for each in reversed(list_segments(writer))
                     if (size := written_size(each)))  # fmt: skip
            last, end = next(found, (None, 0))
            if last is None:
                continue
            mark = read_mark(writer) if durable else None
            if mark is not None and mark.segment == last.name:
                end = mark.size
            yield Part(writer.name, _position(last.name, end))

    def read(self, part: Part, position: str) -> Iterator[tuple[str, Line]]:
        """Yield whole lines; a torn one is left out."""
        (begun, start), (last, end) = _parsed(position), _parsed(part.end)
        for segment in list_segments(self.layout.journal / part.writer):
            if not begun <= segment.name <= last:
                continue
            until = end if segment.name == last else written_size(segment)
            after = start if segment.name == begun else 0
            for line in read_lines(segment, after, until) if until > after else ():
                yield _position(segment.name, line.offset + len(line.raw) + 1), line

    def is_before(self, position: str, other: str) -> bool:
        """Compare segments, which are named by their first receipts' numbers, then places."""
        return _parsed(position) < _parsed(other)

    def line(self, place: Place) -> Line:
        """Read a line where it is said to be."""
        segment = self.layout.journal / place.writer / place.segment
        with segment.open("rb") as file:
            file.seek(place.offset)
            return Line(segment, place.offset, file.read(place.size))

    def prove(self, key: PublicKey, log: LogKey, record: Record) -> InclusionProof:
        """Prove from the folder's tiles."""
        return prove_under(self.layout, key, log, record)

    def published(self) -> PublishedKeys | None:
        """Read the published keys."""
        has_keys = (self.layout.log / "keys.json").exists()
        return read_published(self.layout) if has_keys else None

    def successors(self, trusted: dict[str, PublicKey]) -> dict[str, PublicKey]:
        """Follow handovers, which verifies the whole journal."""
        return verify_present(self.layout.journal, trusted.values()).keys

    def log_state(self) -> LogState | None:
        """Look at the checkpoint."""
        path = self.layout.log / "checkpoint"
        try:
            size = parse_checkpoint(path.read_bytes()).size
            return LogState(size, time.time() - path.stat().st_mtime)
        except (OSError, ReceiptError):
            return None

    @contextlib.contextmanager
    def shipping(self, destination: str) -> Iterator[FolderCursor]:
        """Hold the lock of a destination in `decision-logs/`."""
        folder = self.layout.state / "decision-logs"
        folder.mkdir(mode=0o700, exist_ok=True)
        name = hashlib.sha256(destination.encode()).hexdigest()[:16]
        lock = os.open(folder / f"{name}.lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CursorTaken from None
            yield FolderCursor(folder / f"{name}.json")
        finally:
            os.close(lock)


class FolderCursor:
    """A file `{writer: [segment, place in it]}`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, str]:
        """Read the file; OSError for one that isn't a cursor."""
        try:
            value = json.loads(self._path.read_bytes())
            return {writer: _position(name, int(at)) for writer, (name, at) in value.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError) as error:
            raise OSError(
                f"expected a cursor in {self._path}, found {error}; delete it to begin anew"
            ) from error

    def advance(self, positions: dict[str, str]) -> None:
        """Write the file."""
        value = {writer: _parsed(position) for writer, position in positions.items()}
        files.replace_file(self._path, json.dumps(value).encode(), 0o600)


def _position(segment: str, at: int) -> str:
    return f"{segment} {at}"


def _parsed(position: str) -> tuple[str, int]:
    segment, _, at = position.partition(" ")
    return segment, int(at or 0)
