"""Pulling: a database's receipts and log into a folder, where everything verifies offline.

The folder has the layout of a state folder, but for private keys. What it has already isn't read
again: each pull adds what is new. All of it is read in one transaction, so it is of one moment.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg

from helm_receipts.envelope import checkpoint as notes
from helm_receipts.errors import LogError, StateRefused
from helm_receipts.journal.beginnings import PRUNINGS
from helm_receipts.journal.durable_mark import MARK
from helm_receipts.journal.records import last_line
from helm_receipts.journal.segments import list_segments, segment_name
from helm_receipts.layout import Layout
from helm_receipts.log.frontier_reading import read_frontier
from helm_receipts.log.publish import write_published
from helm_receipts.log.published_keys import PublishedKeys
from helm_receipts.log.runs import order_file
from helm_receipts.log.tiles import ENTRIES, WIDTH, tile_path, tile_width
from helm_receipts.log.tree import tree_file
from helm_receipts.storage import durable

from .key_ends import read_ends
from .log_files import read_files
from .prunings import pruned_until, read_prunings
from .publication import read_log_keys, read_note
from .registered_keys import read_keys
from .tile_rows import TileRows, read_tile

_PAGE = 1000
_SEGMENT_BYTES = 64 * 2**20
_WRITERS = "SELECT writer, keyid, number FROM helm_boundary.writers WHERE number > 0"
_RECEIPTS = """
SELECT number, line FROM helm_boundary.receipts
WHERE writer = %s AND number > %s AND number <= %s ORDER BY number LIMIT %s
"""
_LINE = "SELECT line FROM helm_boundary.receipts WHERE writer = %s AND number = %s"
_RUNS = """
SELECT min(index), writer, min(number) FROM (
    SELECT index, writer, number, index - number AS shift FROM helm_boundary.seq WHERE index < %s
) AS entry GROUP BY writer, shift ORDER BY min(index)
"""


class PrunedBeyond(StateRefused):
    """What comes after a copy's last receipts was pruned, so the copy can't be continued."""


@dataclass(slots=True)
class Pulled:
    """How much was new, and how large the log is."""

    receipts: int = 0
    tiles: int = 0
    size: int = 0


def pull(
    connection: psycopg.Connection[Any],
    layout: Layout,
    progress: Callable[[int], None] = lambda _receipts: None,
) -> Pulled:
    """Bring a folder up to a database; returns what was new.

    Raises:
        StateRefused: the folder is a boundary's own, or another log's.
        PrunedBeyond: receipts that come next were pruned.
        LogError: the database has less than the folder, or lacks something.
    """
    _refuse_foreign(layout)
    durable.make_folder(layout.journal)
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        done = Pulled()
        note = read_note(connection)
        for writer, _, head in connection.execute(_WRITERS).fetchall():
            for lines in _new_lines(connection, layout.journal / writer, writer, head):
                done.receipts += lines
                progress(done.receipts)
        if prunings := read_prunings(connection):
            text = b"".join(line + b"\n" for line in prunings)
            durable.replace_file(layout.state / PRUNINGS, text, 0o600)
        if note:
            _pull_log(connection, layout, note, done)
    return done


def _new_lines(
    connection: psycopg.Connection[Any], folder: Path, writer: str, head: int
) -> Iterator[int]:
    """Add a writer's new receipts to its folder, a segment at a time; yields how many."""
    have = _last_number(folder)
    if have > head:
        raise LogError(
            f"expected at least {have} receipts of writer {writer}, as {folder} has them, found "
            f"{head}: the database was set back, or is another one; keep the folder"
        )
    durable.make_folder(folder)
    if have < (gone := pruned_until(connection, writer)):
        if have:
            raise PrunedBeyond(
                f"expected receipts of writer {writer} after {have}, which {folder} has, found "
                f"that those up to {gone} were pruned: pull into another folder, and keep this one"
            )
        have = gone
    _require_same(connection, folder, writer, have)
    while have < head:
        lines, size = list[bytes](), 0
        while have + len(lines) < head and size < _SEGMENT_BYTES:
            after = have + len(lines)
            page = connection.execute(_RECEIPTS, (writer, after, head, _PAGE)).fetchall()
            if not page or [row[0] for row in page] != [*range(after + 1, after + 1 + len(page))]:
                raise LogError(
                    f"expected receipt {writer}-{after + 1:06d} and those after it, found that "
                    "the table lacks some: rows were deleted"
                )
            lines += [bytes(row[1]) for row in page]
            size += sum(len(row[1]) for row in page)
        content = b"\n".join(lines) + b"\n"
        segment = folder / segment_name(have + 1)
        durable.replace_file(segment, content, 0o600)
        mark = b"%020d %020d\n" % (have + 1, len(content))
        durable.replace_file(folder / MARK, mark, 0o600)
        have += len(lines)
        yield len(lines)


def _require_same(
    connection: psycopg.Connection[Any], folder: Path, writer: str, have: int
) -> None:
    """Require that a folder's last receipt is the database's: else it would be another chain's."""
    row = connection.execute(_LINE, (writer, have)).fetchone()
    segments = list_segments(folder)
    if row is None or not segments:  # pruned, or nothing is here yet
        return
    last = last_line(folder, (segments[-1], segments[-1].stat().st_size))
    if bytes(row[0]) != last:
        raise LogError(
            f"expected receipt {writer}-{have:06d} as {folder} has it, found another: the database "
            "was set back, and went on otherwise; keep the folder"
        )


def _last_number(folder: Path) -> int:
    """Return the number of the last receipt that a folder has; 0 for none."""
    segments = list_segments(folder) if folder.is_dir() else []
    if not segments:
        return 0
    return int(segments[-1].stem) - 1 + segments[-1].read_bytes().count(b"\n")


def _pull_log(
    connection: psycopg.Connection[Any], layout: Layout, note: bytes, done: Pulled
) -> None:
    size = notes.parse_checkpoint(note).size
    for path in _tile_paths(size):
        if (layout.log / path).exists():
            continue
        tile = read_tile(connection, path) or _cut(connection, path)
        durable.replace_files(layout.log, {path: tile})
        done.tiles += 1
    _remove_partials(layout, size)
    durable.replace_files(layout.log, read_files(connection))
    keys = published_keys(connection)
    write_published(layout, keys)
    durable.replace_file(layout.origin, f"{keys.origin}\n".encode(), 0o644)
    _write_state(connection, layout, size)
    durable.replace_file(layout.log / "checkpoint", note)
    done.size = size


def _cut(connection: psycopg.Connection[Any], path: str) -> bytes:
    """Cut a partial tile out of the full one that has replaced it, or out of a wider one."""
    name, _, width = path.partition(".p/")
    row = connection.execute(
        "SELECT data FROM helm_boundary.tiles WHERE path = %s OR (path >= %s AND path < %s) "
        "ORDER BY length(data) DESC LIMIT 1",
        (name, f"{name}.p/", f"{name}.p0"),
    ).fetchone()
    if row is None or not width:
        raise LogError(f"expected {path}, found no such row: rows were deleted")
    data = bytes(row[0])
    if "/entries/" not in path:
        return data[: 32 * int(width)]
    at = 0
    for _ in range(int(width)):
        at += 2 + int.from_bytes(data[at : at + 2], "big")
    return data[:at]


def _tile_paths(size: int) -> Iterator[str]:
    """List the tiles of a log of this size, partial ones by their widths."""
    for level in (ENTRIES, *range(8)):
        row = 0 if level == ENTRIES else int(level)
        for number in range(-(-(size >> 8 * row) // WIDTH)):
            yield tile_path(level, number, tile_width(row, number, size))


def _remove_partials(layout: Layout, size: int) -> None:
    """Remove partial tiles of an earlier pull: narrower ones, and those that are full now."""
    wanted = {layout.log / path for path in _tile_paths(size)}
    for folder in (layout.log / "tile").rglob("*.p"):
        for path in folder.iterdir():
            if path not in wanted:
                path.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()


def published_keys(connection: psycopg.Connection[Any]) -> PublishedKeys:
    """Return the keys: those of receipts, as far as they have signed one, and the log's."""
    ends = read_ends(connection)
    used = {keyid for _, keyid, _ in connection.execute(_WRITERS)}
    used |= {keyid for before, after, _ in ends for keyid in (before, after)}
    last = {keyid: index for keyid, _, index in ends}
    receipt = tuple(
        replace(each, last=last.get(each.key.keyid))
        for each in read_keys(connection)
        if each.key.keyid in used
    )
    log = tuple(read_log_keys(connection))
    if not receipt or not log:
        raise LogError("expected registered keys, found none: rows were deleted")
    return PublishedKeys(log[-1].key.name, receipt, log)


def _write_state(connection: psycopg.Connection[Any], layout: Layout, size: int) -> None:
    """Write what proofs are found by: the order of the log, and its tree."""
    runs = connection.execute(_RUNS, (size,)).fetchall()
    order = [{"index": index, "number": number, "writer": writer} for index, writer, number in runs]
    text = "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in order)
    root = read_frontier(TileRows(connection, size)).root().hex()
    tree = json.dumps({"root": root, "size": size, "writers": {}}).encode()
    durable.make_folder(layout.log_state)
    durable.replace_file(order_file(layout), text.encode(), 0o600)
    durable.replace_file(tree_file(layout), tree, 0o600)


def _refuse_foreign(layout: Layout) -> None:
    if layout.keys.exists():
        raise StateRefused(
            f"expected a folder for copies, found {layout.keys}: it is a boundary's own; name "
            "another one"
        )
