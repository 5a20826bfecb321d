"""Rotation of keys, so that whoever trusted the old one can follow.

Nothing may run meanwhile: every writer is locked, everything is in the log first. Each writer
then records that the old key is retired, signed by it and naming the new one, and that the new
key is introduced, signed by it and naming the old one. Stopped in between, the same command goes
on where it stopped: each writer's last receipt says how far it had come.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from helm_receipts.envelope import checkpoint as notes
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.predicate import Boundary
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.envelope.signatures import sign_by_both, sign_checkpoint
from helm_receipts.envelope.signing_keys import SigningKey
from helm_receipts.errors import KeyRefused
from helm_receipts.journal.journal import SEGMENT_BYTES, Journal
from helm_receipts.journal.segments import list_writers
from helm_receipts.layout import Layout
from helm_receipts.log.log import Log
from helm_receipts.log.publish import (
    introduce_receipt,
    retire_receipts,
    rotate_log,
    write_published,
)
from helm_receipts.log.tree import Tree, read_tree
from helm_receipts.storage import durable
from helm_receipts.storage.secret_file import create_secret

from .handover import Successor, introduced, key_event, make_key, retired, stage_key
from .keyset import LOG_NEXT, NEXT, Keyset, read_keyset
from .lifecycle import start_here, start_session, stop_session
from .openings import Openings
from .resume import resume
from .writer import Writer


def rotate_receipt_key(
    layout: Layout, boundary: Boundary, successor: Successor | None = None
) -> SigningKey:
    """Replace the receipt key and return the new one; `KeyRefused` while anything runs.

    The new one is of the old one's kind where no `successor` is named.
    """
    keyset = read_keyset(layout)
    path = layout.keys / NEXT
    with _all_journals(layout) as journals:
        new = stage_key(path, keyset.receipt, _known(keyset), successor)
        published = keyset.published
        if published.receipt[-1].key != new.public:
            size = integrate_all(layout, keyset)
            published = introduce_receipt(published, new.public, first=size)
            write_published(layout, published)
        tree = read_tree(layout)
        for journal in journals:
            _rotate_writer(layout, journal, boundary, keyset, new, tree)
        path.replace(layout.keys / "receipt.pem")
        durable.sync_folder(layout.keys)
    size = integrate_all(layout, read_keyset(layout))
    write_published(layout, retire_receipts(published, last=size - 1))
    return new


def rotate_log_key(
    layout: Layout, boundary: Boundary, successor: Successor | None = None
) -> LogKey:
    """Replace the log key. One checkpoint is signed by both, kept as `log/handover-<size>`."""
    keyset = read_keyset(layout)
    new, text = make_key(keyset.log, _known(keyset), successor)
    old_key, new_key = LogKey(keyset.origin, keyset.log.public), LogKey(keyset.origin, new.public)
    with _all_journals(layout):
        pass
    writer = start_session(layout, keyset, boundary, SEGMENT_BYTES)
    try:
        writer.commit([key_event("retired", "log", key=old_key.vkey, successor=new_key.vkey)])
        stop_session(writer)
    finally:
        writer.close()
    size = integrate_all(layout, keyset)
    checkpoint = notes.parse_checkpoint((layout.log / "checkpoint").read_bytes())
    both = sign_by_both(checkpoint, keyset.log, new)
    durable.replace_file(layout.log / f"handover-{size}", both)
    staged = layout.keys / LOG_NEXT
    staged.unlink(missing_ok=True)
    create_secret(staged, text)
    write_published(layout, rotate_log(keyset.published, new_key, size))
    staged.replace(layout.keys / "log.pem")
    durable.sync_folder(layout.keys)
    durable.replace_file(layout.log / "checkpoint", sign_checkpoint(checkpoint, new))
    return new_key


def integrate_all(layout: Layout, keyset: Keyset) -> int:
    """Bring the log up with the journals; returns its size.

    Raises:
        BlockingIOError: another process has the log.
    """
    log = Log(layout, keyset.origin, keyset.log)
    try:
        while log.integrate(keyset.published.receipt_key):
            pass
        return log.size
    finally:
        log.close()


def _known(keyset: Keyset) -> set[PublicKey]:
    """Return every key that was used here."""
    known = keyset.published
    return {*(each.key for each in known.receipt), *(each.key.key for each in known.log)}


@contextmanager
def _all_journals(layout: Layout) -> Iterator[list[Journal]]:
    journals: list[Journal] = []
    try:
        for folder in list_writers(layout.journal):
            journals.append(Journal(folder, layout.quarantine))
        yield journals
    except BlockingIOError as error:
        raise KeyRefused(
            f"expected nothing to record into {layout.state}, found a boundary that runs; "
            "stop it, rotate, and start it again"
        ) from error
    finally:
        for journal in journals:
            journal.close()


def _rotate_writer(
    layout: Layout,
    journal: Journal,
    boundary: Boundary,
    keyset: Keyset,
    new: SigningKey,
    tree: Tree,
) -> None:
    old = keyset.receipt
    quarantined = journal.open_last()
    writer = Writer(journal, old, Openings(layout.keys), boundary)
    state = resume(journal.folder, keyset.published, old.public, new.public)
    writer.take_up(state)
    if state.keyid == new.keyid and state.stopped:
        return
    if state.keyid != new.keyid and state.successor != new.public.raw.hex():
        start_here(writer, state, tree, quarantined)
        writer.commit([retired(old, new)])
    writer.use(new)
    if state.keyid != new.keyid:
        writer.commit([introduced(old, new)])
    stop_session(writer)
