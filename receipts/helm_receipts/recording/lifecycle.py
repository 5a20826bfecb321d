"""A writer's session: its start and its stop, with receipts that say so.

A gap can't hide in a restart: a start says how the session before it ended, what was cut off and
put into quarantine, which calls were left open, and how far the log had come.
"""

import os
from collections.abc import Mapping

from helm_receipts.envelope.predicate import Boundary
from helm_receipts.envelope.statement import Draft
from helm_receipts.journal.journal import Journal
from helm_receipts.journal.segments import list_writers
from helm_receipts.layout import Layout
from helm_receipts.log.pending import check_cursors
from helm_receipts.log.tree import Tree, read_tree
from helm_receipts.storage import durable

from .keyset import Keyset
from .openings import Openings
from .resume import Resumption, resume
from .writer import MAX_BATCH, Writer, first_error, session

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def start_session(layout: Layout, keys: Keyset, boundary: Boundary, segment_bytes: int) -> Writer:
    """Take the first writer's place that nobody holds, or a new one, and start a session there.

    `Broken` when its journal contradicts itself, `LogError` when a journal is shorter than the
    log, OSError when the disk refuses.
    """
    tree = read_tree(layout)
    check_cursors(layout.journal, tree.cursors)
    journal = take_journal(layout, segment_bytes)
    try:
        writer = Writer(journal, keys.receipt, Openings(layout.keys), boundary)
        quarantined = journal.open_last()
        state = resume(journal.folder, keys.published, keys.receipt.public)
        writer.take_up(state)
        start_here(writer, state, tree, quarantined)
    except BaseException:
        journal.close()
        raise
    return writer


def start_here(
    writer: Writer,
    state: Resumption,
    tree: Tree,
    quarantined: int,
    known: Mapping[str, Draft] | None = None,
) -> None:
    """Close the calls that a crash left open, by their `known` outcomes, then record the start."""
    orphans = writer.close_calls("recovered", known or {})
    for first in range(0, len(orphans), MAX_BATCH):
        writer.commit(orphans[first : first + MAX_BATCH])
    previous = "none" if state.number == 0 else "clean" if state.stopped else "crash"
    facts: dict[str, int | str] = {
        "closedCalls": len(orphans),
        "logRoot": tree.root.hex(),
        "logSize": tree.size,
        "previousStop": previous,
        "process": os.getpid(),
        "quarantinedBytes": quarantined,
    }
    error = first_error(writer.commit([session("start", facts)]).results)
    if error is not None:
        raise error


def stop_session(writer: Writer) -> None:
    """Close the calls that are still open and record the stop."""
    closing = writer.close_calls("stopped")
    writer.commit([*closing, session("stop", {"closedCalls": len(closing)})])


def take_journal(layout: Layout, segment_bytes: int) -> Journal:
    """Lock the first writer's folder that nobody holds, or a new one."""
    while True:
        for folder in list_writers(layout.journal):
            try:
                return Journal(folder, layout.quarantine, segment_bytes)
            except BlockingIOError:
                continue
        # Another process may take the new folder first; then there is another one to make.
        durable.make_folder(layout.journal / new_writer_name())


def new_writer_name() -> str:
    """Return a name that no writer has."""
    return "".join(_ALPHABET[byte % 32] for byte in os.urandom(8))
