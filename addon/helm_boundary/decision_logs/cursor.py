"""How far a state folder's journals are shipped to one destination, kept beside them."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from helm_receipts.envelope.record import Record
from helm_receipts.errors import Broken
from helm_receipts.journal.durable_mark import read_mark
from helm_receipts.journal.reader import Line, read_lines, read_record
from helm_receipts.journal.segments import list_segments, list_writers, written_size
from helm_receipts.layout import Layout
from helm_receipts.storage import durable

BATCH = 500


class CursorTaken(Exception):
    """Another process ships the same journals to the same destination."""


class Cursor:
    """The places up to which each writer's journal is shipped: a segment and an offset in it."""

    def __init__(self, layout: Layout, path: Path, places: dict[str, tuple[str, int]]) -> None:
        self._journal = layout.journal
        self._path = path
        self._places = places
        self._next: dict[str, tuple[str, int]] = {}
        self.unread: list[str] = []
        """Lines that are no receipts, and so can't be shipped: where they are."""

    @classmethod
    @contextlib.contextmanager
    def opened(cls, layout: Layout, destination: str) -> Iterator[Self]:
        """Take a destination's cursor, at the journals' beginning the first time.

        Raises:
            CursorTaken: another process has it.
        """
        folder = layout.state / "decision-logs"
        folder.mkdir(mode=0o700, exist_ok=True)
        name = hashlib.sha256(destination.encode()).hexdigest()[:16]
        lock = os.open(folder / f"{name}.lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CursorTaken from None
            path = folder / f"{name}.json"
            yield cls(layout, path, _read(path))
        finally:
            os.close(lock)

    def batch(self) -> list[Record]:
        """Return what isn't shipped yet, so much at a time; only what is durable."""
        records: list[Record] = []
        self._next = dict(self._places)
        for writer in list_writers(self._journal):
            for line in self._lines(writer):
                self._next[writer.name] = (line.segment.name, line.offset + len(line.raw) + 1)
                try:
                    records.append(read_record(line))
                except Broken as error:
                    self.unread.append(error.place)
                if len(records) == BATCH:
                    return records
        return records

    def advance(self) -> None:
        """Note, durably, that the last batch has arrived."""
        if self._next != self._places:
            durable.replace_file(self._path, json.dumps(self._next).encode(), 0o600)
            self._places = self._next

    def _lines(self, writer: Path) -> Iterator[Line]:
        begun, offset = self._places.get(writer.name, ("", 0))
        mark = read_mark(writer)
        for segment in list_segments(writer):
            if segment.name < begun:
                continue
            is_marked = mark is not None and mark.segment == segment.name
            end = mark.size if is_marked and mark is not None else written_size(segment)
            start = offset if segment.name == begun else 0
            if end > start:
                yield from read_lines(segment, start, end)


def _read(path: Path) -> dict[str, tuple[str, int]]:
    try:
        value = json.loads(path.read_bytes())
        return {writer: (str(segment), int(at)) for writer, (segment, at) in value.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        raise OSError(
            f"expected a cursor in {path}, found {error}; delete it to begin anew"
        ) from error
