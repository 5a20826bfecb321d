"""The index of one state's receipts, brought up to date whenever somebody asks."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import logging
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from helm_boundary.receipt_source.source import Part, Place, Source
from helm_receipts.errors import Broken, ReceiptError
from helm_receipts.journal.reader import Line

from .row import read_row
from .schema import INSERT, TABLES, VERSION

logger = logging.getLogger(__name__)

_BATCH = 2_000
_PATIENCE = 30.0
type Progress = Callable[[int], None]


class ReceiptIndex:
    """The index of a source of receipts, as one connection of one thread sees it.

    Several processes may use one index; each brings in what the others haven't yet.
    """

    def __init__(self, source: Source, connection: sqlite3.Connection, path: Path) -> None:
        self.source = source
        self.connection = connection
        self.path = path

    @classmethod
    def open(cls, source: Source, folder: Path) -> Self:
        """Open the index in a folder; one that doesn't fit is built anew.

        Where nothing can be written there, as in a copy that an auditor got, the index is in a
        temporary folder, which goes with this process.
        """
        path = _place(folder)
        try:
            connection = _connect(path, source.name)
        except sqlite3.DatabaseError:  # damaged: it holds nothing that its source hasn't
            remove(path)
            connection = _connect(path, source.name)
        return cls(source, connection, path)

    def another(self) -> ReceiptIndex:
        """Open the same index once more, for another thread."""
        return ReceiptIndex(self.source, _connect(self.path, self.source.name), self.path)

    def refresh(self, progress: Progress = lambda _: None) -> int:
        """Bring in the receipts that came since; returns how many. Others may read meanwhile.

        Those of a writer whose source was set back, as by a restored backup, are brought in anew.
        """
        added = 0
        for part in self.source.parts():
            self._forget_others(part)
            for count in self._read_part(part):
                added += count
                progress(added)
        return added

    def unread(self) -> list[tuple[str, str]]:
        """List the lines that aren't receipts: where they are, and what is wrong with them."""
        return list(self.connection.execute("SELECT place, what FROM unread ORDER BY place"))

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def _read_part(self, part: Part) -> Iterator[int]:
        while self._position_in(part) != part.end:
            with _writing(self.connection):
                position = self._position_in(part)  # again: another process may have been here
                last, count = self._insert(self.source.read(part, position))
                if last is None:  # a line that isn't whole yet
                    return
                until, line = last
                self.connection.execute(
                    "INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        part.writer,
                        until,
                        line.segment.name,
                        line.offset,
                        len(line.raw),
                        _hash(line),
                    ),
                )
            yield count

    def _insert(self, lines: Iterator[tuple[str, Line]]) -> tuple[tuple[str, Line] | None, int]:
        """Insert a batch of lines; returns the last one with where it ends, and how many."""
        rows, last = [], None
        for after, line in lines:
            last = after, line
            try:
                rows.append(read_row(line))
            except Broken as error:
                unread = (error.place, str(error)[:500])
                self.connection.execute("INSERT OR IGNORE INTO unread VALUES (?, ?)", unread)
            if len(rows) == _BATCH:
                break
        self.connection.executemany(INSERT, rows)
        return last, len(rows)

    def _forget_others(self, part: Part) -> None:
        """Forget a writer's receipts where the source hasn't got the last of them any more.

        One that was archived or pruned is no sign of anything, as long as the part goes beyond it.
        """
        found = self.connection.execute(
            'SELECT position, segment, "offset", size, sha256 FROM parts WHERE writer = ?',
            (part.writer,),
        ).fetchone()
        if found is None or (found[0], found[-1]) == (part.end, part.last):
            return
        position, *where, digest = found
        if not self.source.is_before(part.end, position):
            try:
                if _hash(self.source.line(Place(part.writer, *where))) == digest:
                    return
            except (ReceiptError, OSError):
                return
        logger.warning(
            "helm-boundary: receipts of writer %s aren't those that were there before: the state "
            "was set back, as by a restored backup; they are read anew", part.writer,
        )  # fmt: skip
        with _writing(self.connection):
            gone = self.connection.execute(
                "DELETE FROM parts WHERE writer = ? AND position = ? AND sha256 = ?",
                (part.writer, position, digest),
            )
            if gone.rowcount:  # else another process was here, and has begun to read anew
                self.connection.execute("DELETE FROM receipts WHERE writer = ?", (part.writer,))

    def _position_in(self, part: Part) -> str:
        found = self.connection.execute(
            "SELECT position FROM parts WHERE writer = ?", (part.writer,)
        )
        row = found.fetchone()
        return str(row[0]) if row else ""


def _hash(line: Line) -> str:
    return hashlib.sha256(line.raw).hexdigest()


def remove(path: Path) -> None:
    """Delete an index, so that it is built anew."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _place(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="helm-boundary-index-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder / "receipts.sqlite"


def _connect(path: Path, origin: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
    try:
        path.chmod(0o600)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        _settle(connection, origin)
    except BaseException:
        connection.close()
        raise
    return connection


def _settle(connection: sqlite3.Connection, origin: str) -> None:
    """Make the tables, or see that they are this version's and of this source."""
    with _writing(connection):
        if connection.execute("PRAGMA user_version").fetchone() == (0,):
            for statement in TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("INSERT INTO origin VALUES (?)", (origin,))
    version = connection.execute("PRAGMA user_version").fetchone()
    if version != (VERSION,):
        raise sqlite3.DatabaseError(f"an index of another version, {version}")
    if connection.execute("SELECT name FROM origin").fetchone() != (origin,):
        raise sqlite3.DatabaseError("an index of other receipts")


@contextlib.contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the index's write lock for one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
