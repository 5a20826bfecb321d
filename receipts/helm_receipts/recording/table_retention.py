"""Retention of a database: the oldest rows of each writer are archived or pruned.

What goes is planned on a copy that was just pulled and verified, and is written out of that copy as
segments, so that an archive has what was verified, in the format of a folder's. Rows go in one
transaction for each writer, only if they are still the ones that were verified, together with the
receipt that says so. Tiles stay, and so does each writer's last receipt, which the next follows.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from helm_receipts.database.connections import Connection
from helm_receipts.database.rights import RECORDS
from helm_receipts.errors import LogError
from helm_receipts.journal.reader import Line, read_record, written_lines
from helm_receipts.journal.segments import list_segments, list_writers, segment_name
from helm_receipts.layout import Layout
from helm_receipts.log.runs import order_file, read_runs
from helm_receipts.log.tree import read_tree
from helm_receipts.tables.prunings import prune_rows

from .retention import Portion

_SEGMENT_BYTES = 64 * 2**20
_OLD = "old"
RIGHTS = RECORDS | {
    "receipts": ("SELECT", "INSERT", "DELETE"),
    "prunings": ("SELECT", "INSERT"),
}
"""What whoever prunes needs, beside what all who read do."""


def plan_rows(copy: Layout, before: str, open_from: Mapping[str, int]) -> list[Portion]:
    """Choose each writer's receipts up to the first one decided at or after `before` (RFC 3339).

    What isn't in the log yet stays, and what has the request of a call that is still open:
    `open_from` is the number of the first one, of each writer with some. The portions' segments are
    written into the copy's folder `old`.
    """
    logged = _logged(copy)
    found = []
    for writer in list_writers(copy.journal):
        limit = min(logged.get(writer.name, 0), open_from.get(writer.name, 2**62) - 1)
        portion = _portion(writer, before, limit, copy.state / _OLD / writer.name)
        found += [portion] if portion else []
    return found


def remove_rows(connection: Connection, portion: Portion, receipt: bytes) -> None:
    """Delete a portion's rows and keep the receipt that says so, both or neither.

    Raises:
        LogError: they aren't the rows that were verified any more; nothing was deleted.
    """
    count = portion.last - portion.first + 1
    if not prune_rows(
        connection, portion.writer, portion.last, bytes.fromhex(portion.digest), count, receipt
    ):
        raise LogError(
            f"expected {count} receipts of writer {portion.writer} up to {portion.last}, as they "
            "were verified, found others: rows were changed; nothing was deleted"
        )


def _logged(copy: Layout) -> dict[str, int]:
    """Return the number of each writer's last receipt in the log."""
    size = read_tree(copy).size
    runs = read_runs(order_file(copy), size).runs
    ends = [run.index for run in runs[1:]] + [size]
    return {run.writer: run.number + end - run.index - 1
            for run, end in zip(runs, ends, strict=True)}  # fmt: skip


def _portion(writer: Path, before: str, limit: int, folder: Path) -> Portion | None:
    old = _Old(folder)
    last: tuple[int, str, str] | None = None
    for number, line, until in _with_next(writer):
        if number > limit or until >= before:
            break
        old.add(number, line.raw)
        last = number, hashlib.sha256(line.raw).hexdigest(), until
    segments = old.finish()
    if last is None:
        return None
    return Portion(writer.name, segments, int(segments[0].stem), *last)


def _with_next(writer: Path) -> Iterator[tuple[int, Line, str]]:
    """Read number, line and time of all receipts of a writer but the last one."""
    segments = list_segments(writer)
    kept: Line | None = None
    number = int(segments[0].stem) - 1 if segments else 0
    for line in written_lines(*segments):
        if kept is not None:
            yield number, kept, str(read_record(kept).predicate["decidedAt"])
        kept, number = line, number + 1


class _Old:
    """Segments that are being written: lines with consecutive numbers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: list[bytes] = []
        self._size = 0
        self._first = 0
        self._segments: list[Path] = []

    def add(self, number: int, line: bytes) -> None:
        """Add the next line."""
        if not self._lines:
            self._first = number
        self._lines.append(line)
        self._size += len(line) + 1
        if self._size >= _SEGMENT_BYTES:
            self.finish()

    def finish(self) -> tuple[Path, ...]:
        """Write what there is; returns all segments."""
        if self._lines:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / segment_name(self._first)
            path.write_bytes(b"\n".join(self._lines) + b"\n")
            self._segments.append(path)
            self._lines, self._size = [], 0
        return tuple(self._segments)
