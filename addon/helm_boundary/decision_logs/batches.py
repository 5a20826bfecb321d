"""Batches of receipts that aren't shipped to a destination yet, behind what a cursor says."""

from __future__ import annotations

from helm_boundary.receipt_source.source import Cursor, Source
from helm_receipts.envelope.record import Record
from helm_receipts.errors import Broken
from helm_receipts.journal.reader import read_record

BATCH = 500


class Batches:
    """What a cursor is behind its source, so much at a time."""

    def __init__(self, source: Source, cursor: Cursor) -> None:
        self._source = source
        self._cursor = cursor
        self._positions = cursor.read()
        self._next: dict[str, str] = {}
        self.unread: list[str] = []
        """Lines that are no receipts, and so can't be shipped: where they are."""

    def next(self) -> list[Record]:
        """Return what isn't shipped yet; only what is durable."""
        records: list[Record] = []
        self._next = dict(self._positions)
        for part in self._source.parts(durable=True):
            position = self._positions.get(part.writer, "")
            if position == part.end:
                continue
            for after, line in self._source.read(part, position):
                self._next[part.writer] = after
                try:
                    records.append(read_record(line))
                except Broken as error:
                    self.unread.append(error.place)
                if len(records) == BATCH:
                    return records
        return records

    def advance(self) -> None:
        """Note, durably, that the last batch has arrived; raises CursorTaken."""
        if self._next != self._positions:
            self._cursor.advance(self._next)
            self._positions = self._next
