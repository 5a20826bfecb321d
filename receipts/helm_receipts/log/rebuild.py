"""The log, rebuilt from the journals, byte for byte."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from helm_receipts.envelope import checkpoint as notes
from helm_receipts.envelope.checkpoint import Checkpoint
from helm_receipts.envelope.dsse import parse_line
from helm_receipts.envelope.entry import log_entry
from helm_receipts.errors import LogError, ProofRefused
from helm_receipts.journal.journal import take_lock
from helm_receipts.journal.reader import Line
from helm_receipts.journal.records import read_journal
from helm_receipts.journal.segments import list_segments, list_writers, segment_name
from helm_receipts.layout import Layout
from helm_receipts.storage import durable

from .continuity import Continuity
from .frontier import Frontier
from .log import save_tree
from .order import Order
from .pending import Cursor, advance
from .published_keys import PublishedKeys
from .runs import order_file, read_runs
from .tiles import WIDTH
from .tree import read_tree


def rebuild(
    layout: Layout,
    published: PublishedKeys,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Make tiles and tree anew up to the last checkpoint; returns its size.

    The old tiles are kept in `log-state/` until somebody removes them. `LogError` when the
    journals don't give the tree that the checkpoint was signed for; then nothing is changed.
    """
    durable.make_folder(layout.log_state)
    lock = take_lock(layout.log_state)
    try:
        checkpoint = _committed(layout, published)
        fresh = layout.log_state / f"rebuilt-{time.time_ns()}"
        edge, cursors = _build(layout, published, checkpoint.size, fresh, progress)
        if edge.root() != checkpoint.root:
            shutil.rmtree(fresh)
            raise LogError(
                f"expected the journals to give the root {checkpoint.root.hex()} that the "
                f"checkpoint of size {checkpoint.size} was signed for, found {edge.root().hex()}: "
                "a journal was changed, or `order.jsonl` was; `receipts fsck` says where"
            )
        if not (layout.log / "checkpoint").exists():
            _refuse_changed(layout, published, checkpoint.size)
        _swap(layout, fresh)
        save_tree(layout, edge, cursors)
        return checkpoint.size
    except (OSError, ProofRefused) as error:
        raise LogError(f"the log in {layout.log} can't be made anew: {error}") from error
    finally:
        os.close(lock)


def _committed(layout: Layout, published: PublishedKeys) -> Checkpoint:
    """Find what the log must come to: its checkpoint, or where that is lost, what its tree says."""
    path = layout.log / "checkpoint"
    if path.exists():
        return notes.verify_checkpoint(path.read_bytes(), published.log[-1].key)
    tree = read_tree(layout)
    return Checkpoint(published.origin, tree.size, tree.root)


def _build(
    layout: Layout,
    published: PublishedKeys,
    size: int,
    fresh: Path,
    progress: Callable[[int, int], None],
) -> tuple[Frontier, dict[str, Cursor]]:
    edge, cursors = Frontier(), dict[str, Cursor]()
    for writer, line in _in_order(layout, size):
        envelope = parse_line(line.raw)
        edge.add(log_entry(envelope, published.receipt_key(envelope.keyid)))
        cursors[writer] = advance(cursors.get(writer), line)
        if edge.size % WIDTH == 0:
            durable.replace_files(fresh, edge.take_full_tiles())
            progress(edge.size, size)
    durable.replace_files(fresh, edge.take_tiles())
    return edge, cursors


def _refuse_changed(layout: Layout, published: PublishedKeys, size: int) -> None:
    """Check the journals, before a checkpoint is signed for a tree that none vouches for."""
    continuity = Continuity(published.receipt_key, {})
    for writer, line in _in_order(layout, size):
        continuity.accept(writer, line)
    continuity.finish()


def _in_order(layout: Layout, size: int) -> Iterator[tuple[str, Line]]:
    path, writers = order_file(layout), list_writers(layout.journal)
    for folder in writers:
        if (first := list_segments(folder)[:1]) and first[0].name != segment_name(1):
            raise LogError(
                f"expected whole journals, found that {folder.name} begins with {first[0].name}: "
                "put what was archived back into the journal folder, then rebuild"
            )
    order = Order.resume(path, size)
    if not read_runs(path, size).runs and len(writers) == 1:
        order.note(0, writers[0].name, 1)
        order.save()
    runs = read_runs(path, size)
    if size and not runs.runs:
        raise LogError(
            "expected order.jsonl to say in which order several writers' receipts went into the "
            "log, found it missing; restore it from a backup"
        )
    journals = {writer.name: read_journal(writer) for writer in writers}
    for index in range(size):
        writer = runs.at(index)[0]
        line = next(journals.get(writer, iter(())), None)
        if line is None:
            raise LogError(f"expected a receipt of {writer} for index {index}, found no more")
        yield writer, line


def _swap(layout: Layout, fresh: Path) -> None:
    with suppress(FileNotFoundError):
        (layout.log / "tile").rename(layout.log_state / f"replaced-{time.time_ns()}")
    if (fresh / "tile").exists():
        (fresh / "tile").rename(layout.log / "tile")
        fresh.rmdir()
    durable.sync_folder(layout.log)
    durable.sync_folder(layout.log_state)
