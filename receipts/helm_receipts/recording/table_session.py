"""A session of a writer in a database: its place, what came before, its start.

The writer's name is a folder of `journal/` in the process's own folder, locked while it runs: so
the next start there knows that whoever had the place before is gone. Where that folder is gone too
(a pod that was replaced), another process that has the same key closes what was left open, once
the place's lease is over.
"""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from helm_receipts.database.connections import Connection, connect, unavailable
from helm_receipts.database.migrations import require_current
from helm_receipts.database.server import look_at, require_durable
from helm_receipts.envelope.predicate import Boundary
from helm_receipts.envelope.statement import Draft
from helm_receipts.errors import KeyRefused, RecorderError
from helm_receipts.journal.journal import take_lock
from helm_receipts.journal.reader import read_lines, read_record
from helm_receipts.journal.segments import list_writers, segment_name
from helm_receipts.layout import Layout
from helm_receipts.log.published_keys import PublishedKeys
from helm_receipts.storage import durable
from helm_receipts.tables.key_ends import refuse_ended
from helm_receipts.tables.places import Place, dead_writers, make_place, read_tail, take_place
from helm_receipts.tables.publication import read_published_tree
from helm_receipts.tables.registered_keys import read_keys, register_key
from helm_receipts.tables.table_journal import TableJournal

from .database_place import Database
from .keyset import OwnKeys, open_own_keys
from .lifecycle import new_writer_name, start_here, stop_session
from .openings import Openings
from .resume import Resumption, resume
from .spool import Spool
from .writer import Writer, first_error

_SPOOL = "spool.jsonl"


def start_table_session(
    layout: Layout, version: str, configuration: str, database: Database
) -> tuple[OwnKeys, Writer]:
    """Take a writer's place in a database and record that a session starts there.

    `ReceiptError` where the database can't be used, saying why.
    """
    keys = open_own_keys(layout, str(database.address))
    boundary = Boundary(keys.origin, version, configuration)
    with unavailable(database.address), connect(database.address) as connection:
        require_durable(look_at(connection))
        require_current(connection)
        is_new = register_key(connection, keys.receipt.public)
        taken = take_any(layout, connection, keys.receipt.keyid)
        refuse_ended(connection, keys.receipt.keyid)
        start = Sessions(layout, keys, boundary, database, connection)
        writer = start.at(*taken)
        if is_new:
            _tell_of_key(writer, keys)
        start.close_dead()
    return keys, writer


class Taken(NamedTuple):
    """A place of this folder's that was taken, what gives the folder back, and its spool."""

    place: Place
    release: Callable[[], None]
    spool: Spool


class Sessions:
    """The start of sessions for one process."""

    def __init__(
        self,
        layout: Layout,
        keys: OwnKeys,
        boundary: Boundary,
        database: Database,
        connection: Connection,
    ) -> None:
        self._layout = layout
        self._keys = keys
        self._boundary = boundary
        self._database = database
        self._connection = connection

    def at(self, place: Place, release: Callable[[], None], spool: Spool | None) -> Writer:
        """Start a session at a place."""
        try:
            state = self._resume(place)
        except BaseException:
            release()
            raise
        address, deadline = self._database.address, self._database.deadline_seconds
        journal = TableJournal(address, place, deadline, release)
        try:
            openings = Openings(self._layout.keys)
            writer = Writer(journal, self._keys.receipt, openings, self._boundary)
            writer.take_up(state)
            known = spool.read() if spool is not None else {}
            start_here(writer, state, read_published_tree(self._connection), 0, known)
            writer.spool = spool
            if spool is not None:
                spool.clear()
        except BaseException:
            journal.close()
            raise
        return writer

    def close_dead(self) -> None:
        """Close what writers with this key have left open whose processes are gone."""
        keyid = self._keys.receipt.keyid
        for name in dead_writers(self._connection, keyid):
            place = take_place(self._connection, name, keyid, own=False)
            if place is not None:
                writer = self.at(place, lambda: None, None)
                stop_session(writer)
                writer.close()

    def _resume(self, place: Place) -> Resumption:
        """Check the end of a chain as it is checked in a folder: in one, made for that."""
        first, lines = read_tail(self._connection, place)
        if not lines:
            return Resumption()
        keys = PublishedKeys("", read_keys(self._connection), ())
        with tempfile.TemporaryDirectory() as folder:
            segment = Path(folder) / place.writer / segment_name(first)
            segment.parent.mkdir()
            segment.write_bytes(b"\n".join(lines) + b"\n")
            state = resume(segment.parent, keys, self._keys.receipt.public)
            *_, last = read_lines(segment)
            event = read_record(last).predicate.get("event") or {}
        if state.digest != place.digest:
            raise RecorderError(
                f"expected the last receipt of writer {place.writer} to be the one that its row "
                "names, found another; keep the database for the auditor"
            )
        # The start may come before what was read.
        state.stopped = event.get("kind") == "stop"
        return state


def take_any(layout: Layout, connection: Connection, keyid: str) -> Taken:
    """Take the first place of this folder that nobody has, or a new one."""
    for folder in list_writers(layout.journal):
        with suppress(BlockingIOError):
            if (taken := _take(connection, keyid, folder)) is not None:
                return taken
    folder = layout.journal / new_writer_name()
    durable.make_folder(folder)
    lock = take_lock(folder)
    place = make_place(connection, folder.name, keyid)
    return Taken(place, _release(lock), Spool(folder / _SPOOL))


def take_again(layout: Layout, connection: Connection, keyid: str, writer: str) -> Taken:
    """Take a certain place of this folder; `KeyRefused` where it isn't ours, or somebody has it."""
    folder, taken = layout.journal / writer, None
    with suppress(BlockingIOError):
        taken = _take(connection, keyid, folder) if folder.is_dir() else None
    if taken is None:
        raise KeyRefused(
            f"expected to go on in {folder}, found that it isn't there or that somebody has it: "
            "finish the rotation in the folder where it was begun"
        )
    return taken


def _take(connection: Connection, keyid: str, folder: Path) -> Taken | None:
    lock = take_lock(folder)
    place = take_place(connection, folder.name, keyid, own=True)
    if place is not None:
        return Taken(place, _release(lock), Spool(folder / _SPOOL))
    os.close(lock)
    return None


def _release(lock: int) -> Callable[[], None]:
    return lambda: os.close(lock)


def _tell_of_key(writer: Writer, keys: OwnKeys) -> None:
    """Record that the key was registered, which it signs itself."""
    public = keys.receipt.public
    facts = {"keyId": public.keyid, "kind": "registered", "public": public.raw.hex()}
    draft = Draft.of_recorder("key", {**facts, "role": "receipt"})
    error = first_error(writer.commit([draft]).results)
    if error is not None:
        raise error
