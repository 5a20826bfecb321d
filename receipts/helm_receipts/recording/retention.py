"""Retention: whole segments of journals are archived or pruned, and receipts say so.

The order makes it safe to stop anywhere. A segment is copied, durably, and the copy compared; then
a receipt that says what goes becomes durable; only then is the segment removed. What was copied and
not removed is there twice, which harms nothing, and the same command goes on. Hashes of what went
stay in the log, so that it can be shown to be what it was for as long as somebody has it.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from helm_receipts.envelope.statement import Draft
from helm_receipts.errors import JournalError
from helm_receipts.journal.beginnings import PRUNINGS, pruning_lines
from helm_receipts.journal.reader import Line, read_record
from helm_receipts.journal.records import last_line
from helm_receipts.journal.segments import list_segments, list_writers, written_size
from helm_receipts.layout import Layout
from helm_receipts.log.tree import read_tree
from helm_receipts.storage import durable

from .recorder import Recorder


@dataclass(frozen=True, slots=True)
class Portion:
    """The oldest segments of one writer, and the receipts in them."""

    writer: str
    segments: tuple[Path, ...]
    first: int
    last: int
    digest: str
    """SHA-256 of the last receipt's envelope in hex: what the next one calls `previous`."""
    until: str
    """When the last of them was decided."""

    @property
    def size(self) -> int:
        """How many bytes of receipts these are."""
        return sum(map(written_size, self.segments))


def plan(layout: Layout, before: str, open_from: Mapping[str, int]) -> list[Portion]:
    """Choose the segments that hold nothing decided at or after `before` (RFC 3339).

    A journal's last segment stays, and so does what isn't in the log yet or has the request of a
    call that is still open: `open_from` is the number of the first one, of each writer with some.
    """
    cursors = read_tree(layout).cursors
    portions = []
    for writer in list_writers(layout.journal):
        cursor = cursors.get(writer.name)
        limit = open_from.get(writer.name)
        found: Portion | None = None
        for segment in list_segments(writer)[:-1] if cursor else ():
            more = _extend(found, writer, segment)
            is_open = limit is not None and more.last >= limit
            if more.until >= before or is_open or segment.name >= cursor.segment:  # type: ignore[union-attr]
                break
            found = more
        if found is not None:
            portions.append(found)
    return portions


def _extend(found: Portion | None, writer: Path, segment: Path) -> Portion:
    raw = last_line(writer, (segment, written_size(segment)))
    said = read_record(Line(segment, 0, raw)).predicate
    return Portion(
        writer.name,
        (*(found.segments if found else ()), segment),
        found.first if found else int(segment.stem),
        int(said["sequence"]["number"]),
        hashlib.sha256(raw).hexdigest(),
        str(said["decidedAt"]),
    )


def copy_to(archive: Path, layout: Layout, portions: list[Portion]) -> None:
    """Copy segments into an archive, durably; `JournalError` where another one is in its place.

    Of a database's rows there are more in a segment the more of them are old.
    """
    durable.make_folder(archive / "journal")
    for portion in portions:
        folder = archive / "journal" / portion.writer
        durable.make_folder(folder)
        for segment in portion.segments:
            content = segment.read_bytes()[: written_size(segment)]
            _keep(content, folder / segment.name, segment)
    if layout.origin.is_file():  # so that an archive is known by its log's name
        durable.replace_file(archive / "origin", layout.origin.read_bytes())
    _add_prunings(archive, pruning_lines(layout.state))


def _keep(content: bytes, target: Path, segment: Path) -> None:
    """Write a copy, compared; one that an interrupted run left may be shorter, or longer."""
    kept = target.read_bytes() if target.exists() else b""
    if not kept or (content.startswith(kept) and kept != content):
        durable.replace_file(target, content, 0o600)
        kept = target.read_bytes()
    if not kept.startswith(content):
        raise JournalError(
            f"expected {target} to be a copy of {segment}, found something else; "
            "name another folder for the archive"
        )


def prune(
    portions: list[Portion],
    recorder: Recorder,
    before: str,
    remove: Callable[[Portion, bytes], None],
    archive: Path | None,
) -> Iterator[str]:
    """Record what is pruned, then `remove` it; gives the id of each portion's receipt.

    `remove` gets the receipt's envelope, and keeps it where it outlives the receipts.
    """
    for portion in portions:
        receipt = recorder.record_now(
            Draft.of_recorder(
                "session",
                {
                    "archived": int(archive is not None),
                    "before": before,
                    "firstNumber": portion.first,
                    "kind": "pruned",
                    "lastDigest": portion.digest,
                    "lastNumber": portion.last,
                    "of": portion.writer,
                    "segments": len(portion.segments),
                },
            )
        )
        if archive is not None:
            _add_prunings(archive, [receipt.envelope])
        remove(portion, receipt.envelope)
        yield receipt.id


def remove_segments(layout: Layout, portion: Portion, receipt: bytes) -> None:
    """Remove a portion's segments, once the receipt that says so is beside the journals."""
    _add_prunings(layout.state, [receipt])
    for segment in portion.segments:
        segment.unlink()
    durable.sync_folder(layout.journal / portion.writer)


def _add_prunings(folder: Path, lines: list[bytes]) -> None:
    """Keep receipts of prunings where they outlive the journal that they are in."""
    known = pruning_lines(folder)
    if new := [line for line in lines if line not in known]:
        text = b"".join(line + b"\n" for line in (*known, *new))
        durable.replace_file(folder / PRUNINGS, text, 0o600)
