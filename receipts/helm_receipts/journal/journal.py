"""The journal of one writer: lines that are durable when `append` returns.

A journal is a folder of segments (see `segments`), written by the one process that holds the
folder's lock. A write or sync that failed is never tried again on the same file: the kernel may
have dropped the pages and would then report success for lines that are gone. The journal is closed
instead, until `reopen` has cut the segment back to what is known to be durable and started a new
one.
"""

import fcntl
import hashlib
import os
from pathlib import Path

from helm_receipts.errors import Broken, JournalError, RecorderError
from helm_receipts.storage import durable
from helm_receipts.storage.preallocation import reserve_space

from .durable_mark import MARK, read_mark
from .engine import Reopened
from .records import last_line
from .segments import list_segments, segment_name, written_size
from .whole_lines import whole_size

SEGMENT_BYTES = 64 * 2**20
RESERVE_BYTES = 2**20
READY_BYTES = 2**16


class Journal:
    """One writer's folder, locked and ready to append to."""

    is_remote = False

    def __init__(self, folder: Path, quarantine: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder = folder
        self._quarantine = quarantine
        self._segment_bytes = segment_bytes
        self._lock = take_lock(folder)
        self._mark = os.open(folder / MARK, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._segment = folder / segment_name(1)
        self._file = -1
        self._size = 0
        self._ready = 0
        """Up to where the segment has zeros to write over: its size as a file."""
        self._reserved = 0

    @property
    def writer(self) -> str:
        """The writer's id: the name of its folder."""
        return self.folder.name

    @property
    def is_closed(self) -> bool:
        """Whether a failure closed the journal; `reopen` is the way back."""
        return self._file < 0

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return str(self.folder)

    @property
    def durable_end(self) -> tuple[Path, int]:
        """The segment appended to last, and how many of its bytes are durable."""
        return self._segment, self._size

    def open_last(self) -> int:
        """Open the last segment for appending; returns how many torn bytes went into quarantine.

        A torn last line is one that a crash cut off before its newline. It was never
        acknowledged, so nothing was done on the strength of it.
        """
        segments = list_segments(self.folder)
        if not segments:
            self._start_segment(1)
            return 0
        self._segment = segments[-1]
        whole = self._whole()
        torn = self._cut(whole)
        self._continue(whole)
        return torn

    def append(self, lines: bytes, first_number: int, open_from: int = 1) -> None:
        """Write whole lines and sync them; `RecorderError` closes the journal.

        `lines` ends with a newline; `first_number` is the number of its first line. Which calls are
        open, the lines themselves say.
        """
        if self._file < 0:
            raise RecorderError(
                f"the journal in {self.folder} is closed after a failed write; it opens again by "
                "itself once the disk takes writes: free some room or look at the kernel's log"
            )
        try:
            if self._size and self._size + len(lines) > self._segment_bytes:
                self._roll(first_number)
            self._reserve(self._size + len(lines))
            self._write(lines)
            durable.sync(self._file)
            self._check_still_there()
            self._size += len(lines)
            self._publish()
        except OSError as error:
            self._close_file()
            raise RecorderError(
                f"expected to append to {self._segment}, found {error.strerror or error}; nothing "
                "is allowed until a receipt can be written: free some room on this file system, "
                "or start with another state folder"
            ) from error

    def come_back(self, number: int, digest: str | None) -> Reopened:
        """Open again after a failure, behind the durable receipt of that number and digest."""
        line = last_line(self.folder, self.durable_end)
        found = hashlib.sha256(line).hexdigest() if line else None
        if found != digest:
            place = str(self.folder)
            raise Broken("forked", place, "its last durable line isn't the one that was written")
        return Reopened(self.reopen(number + 1))

    def reopen(self, next_number: int) -> int:
        """Come back after a failure: cut back to the durable bytes, start a new segment.

        Returns the number of bytes put into quarantine. Raises OSError while the disk still
        refuses, and `JournalError` when the durable bytes aren't there any more.
        """
        size = self._segment.stat().st_size if self._segment.exists() else 0
        if size < self._size:
            raise JournalError(
                f"expected {self._size} durable bytes in {self._segment}, found {size}; somebody "
                "shortened the file, so its receipts can't be continued: keep it for the auditor "
                "and start with an empty state folder"
            )
        torn = self._cut(self._size) if size else 0
        if size and not self._size:
            # Nothing in it was ever acknowledged, so the whole file goes, name and all.
            self._segment.unlink()
        self._start_segment(next_number)
        return torn

    def close(self) -> None:
        """Give back preallocated space and the lock. Idempotent."""
        if self._file >= 0:
            self._release_space()
            self._close_file()
        if self._lock >= 0:
            os.close(self._mark)
            os.close(self._lock)
            self._lock = -1

    def _whole(self) -> int:
        """Find where the last segment's whole lines end; `Broken` for a hole in durable ones."""
        whole, mark = whole_size(self._segment), read_mark(self.folder)
        durable_size = mark.size if mark and mark.segment == self._segment.name else 0
        if whole < durable_size <= written_size(self._segment):
            place = f"{self._segment} at byte {whole}"
            raise Broken("malformed", place, "zeros in a line that was durable")
        return whole

    def _write(self, lines: bytes) -> None:
        """Write lines over preallocated zeros, or append more zeros in the same write."""
        end = self._size + len(lines)
        more = min(end + READY_BYTES, self._reserved) - end if end > self._ready else 0
        written = os.pwrite(self._file, lines + bytes(more), self._size)
        if written < len(lines):
            raise OSError(f"expected to write {len(lines)} bytes, found room for {written}")
        self._ready = max(self._ready, self._size + written)

    def _check_still_there(self) -> None:
        """Require the segment to be there, whole: a file that was deleted still takes writes."""
        size = os.lseek(self._file, 0, os.SEEK_END)
        if size != self._ready or not durable.has_name(self._file, self._name):
            raise OSError(
                f"somebody deleted, renamed or shortened {self._segment} while it was written"
            )

    def _roll(self, first_number: int) -> None:
        self._release_space()
        os.close(self._file)
        self._file = -1
        self._start_segment(first_number)

    def _start_segment(self, number: int) -> None:
        segment = self.folder / segment_name(number)
        if segment.exists() and segment.stat().st_size:
            raise OSError(f"{segment} is there already")
        self._segment, self._size = segment, 0
        self._continue(0)
        durable.sync_folder(self.folder)

    def _continue(self, size: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = os.open(self._segment, flags, 0o600)
        self._name, self._number = self._segment.name, int(self._segment.stem)
        try:
            # What a crashed writer left whole in the page cache is part of the chain from here
            # on, so it must be on the disk before anything is built on it.
            durable.sync(self._file)
            self._size = self._ready = self._reserved = size
            self._reserve(size + 1)
            self._publish()
        except OSError:
            self._close_file()
            raise

    def _cut(self, size: int) -> int:
        """Shorten the segment to `size` bytes; returns how many bytes went into quarantine."""
        with self._segment.open("rb+") as file:
            file.seek(size)
            torn = file.read(max(0, written_size(self._segment) - size))
            if torn:
                durable.make_folder(self._quarantine)
                name = f"{self.writer}-{self._segment.stem}-{size}.bin"
                durable.replace_file(self._quarantine / name, torn, 0o600)
            file.truncate(size)
            os.fsync(file.fileno())
        return len(torn)

    def _reserve(self, needed: int) -> None:
        """Allocate `needed` bytes before writing any, so that a full disk never tears a line."""
        if needed <= self._reserved:
            return
        try:
            reserve_space(self._file, needed + RESERVE_BYTES)
            self._reserved = needed + RESERVE_BYTES
        except OSError:
            reserve_space(self._file, needed)
            self._reserved = needed

    def _release_space(self) -> None:
        if self._reserved > self._size:
            os.ftruncate(self._file, self._size)
            self._ready = self._reserved = self._size

    def _publish(self) -> None:
        """Note how far the journal is durable: nothing beyond that may go into the log."""
        os.pwrite(self._mark, b"%020d %020d\n" % (self._number, self._size), 0)

    def _close_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def take_lock(folder: Path) -> int:
    """Lock a folder for this process; BlockingIOError when another process has it.

    The folder itself is locked, not a file in it that somebody could delete and make again.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
