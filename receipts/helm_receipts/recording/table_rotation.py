"""Rotation of keys beside a database, so that whoever trusted the old one can follow.

Nothing that has the receipt key may run meanwhile. One writer hands over, in one statement: the old
key's last receipt names the new one, the new key's first names the old one. Others that had the old
key are closed, and never go on; what they wrote is in the log before the handover, and the handover
is in it before anybody starts with the new key. Stopped in between, the same command goes on.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from helm_receipts.database.connections import Connection, connect, unavailable
from helm_receipts.database.rights import RECORDS, require_rights
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.predicate import Boundary
from helm_receipts.envelope.signing_keys import SigningKey
from helm_receipts.errors import KeyRefused
from helm_receipts.layout import Layout
from helm_receipts.storage import durable
from helm_receipts.tables.key_ends import mark_end, read_ends, set_end, writer_of_end
from helm_receipts.tables.places import others_alive, pass_on, unsequenced
from helm_receipts.tables.publication import read_log_keys
from helm_receipts.tables.registered_keys import read_keys, register_key
from helm_receipts.tables.table_log import LEASE_SECONDS, TableLog

from .database_place import Database
from .handover import Successor, introduced, key_event, retired, stage_key
from .keyset import LOG_NEXT, NEXT, OwnKeys, open_log_key, read_own_keys
from .lifecycle import stop_session
from .recorder import Recorder
from .table_session import Sessions, take_again, take_any
from .writer import session

_LOG_SECONDS = 30.0
_LOOK_SECONDS = 0.2
_RIGHTS = RECORDS | {"key_ends": ("SELECT", "INSERT", "UPDATE")}
_ALL = ("SELECT", "INSERT", "UPDATE", "DELETE")
_LOG_RIGHTS = RECORDS | dict.fromkeys(("leases", "log_keys", "pub_coord"), _ALL)


def rotate_receipt_key(
    layout: Layout,
    database: Database,
    version: str,
    configuration: str,
    successor: Successor | None = None,
    patience: float = _LOG_SECONDS,
) -> SigningKey:
    """Replace the receipt key of a folder beside a database and return the new one.

    Waits `patience` seconds for the log. `KeyRefused` while anything runs with the old key.
    """
    keys = read_own_keys(layout, str(database.address))
    old, staged = keys.receipt, layout.keys / NEXT
    with unavailable(database.address), connect(database.address) as connection:
        known = [each.key for each in read_keys(connection)]
        if old.public not in known:
            raise KeyRefused(f"the receipt key {old.keyid[:16]}… has signed nothing there yet")
        require_rights(connection, _RIGHTS)

        def stage() -> SigningKey:
            return stage_key(staged, old, known, successor)

        if old.keyid in [keyid for keyid, _, _ in read_ends(connection)]:
            new = stage()
        else:
            boundary = Boundary(keys.origin, version, configuration)
            sessions = Sessions(layout, keys, boundary, database, connection)
            new = _hand_over(layout, keys, sessions, connection, stage, patience)
        pass_on(connection, str(writer_of_end(connection, old.keyid)), new.keyid)
        _wait_for_log(lambda: unsequenced(connection, new.keyid), patience)
    staged.replace(layout.keys / "receipt.pem")
    durable.sync_folder(layout.keys)
    return new


def rotate_log_key(
    layout: Layout,
    database: Database,
    version: str,
    configuration: str,
    successor: Successor | None = None,
) -> LogKey:
    """Replace the log key of a database, with a receipt by the folder's receipt key.

    One checkpoint is signed by both, kept as `handover-<size>`. `KeyRefused` while a log service
    integrates.
    """
    origin, old = open_log_key(layout)
    staged = layout.keys / LOG_NEXT
    with unavailable(database.address), connect(database.address) as connection:
        require_rights(connection, _LOG_RIGHTS)
        known = [each.key for each in read_log_keys(connection)]
    if not known:
        raise KeyRefused("expected a log, found none yet: start a log service once")
    new = stage_key(staged, old, [key.key for key in known], successor)
    key = LogKey(origin, new.public)
    if key != known[-1]:
        with _log_held(TableLog(database.address, origin, old)) as log:
            recorder = Recorder.open(
                layout.state, version=version, configuration=configuration, database=database
            )
            try:
                facts = {"key": LogKey(origin, old.public).vkey, "successor": key.vkey}
                recorder.record_now(key_event("retired", "log", **facts))
            finally:
                recorder.close()
            log.hand_over(new)
    staged.replace(layout.keys / "log.pem")
    durable.sync_folder(layout.keys)
    return key


def _hand_over(
    layout: Layout,
    keys: OwnKeys,
    sessions: Sessions,
    connection: Connection,
    stage: Callable[[], SigningKey],
    patience: float,
) -> SigningKey:
    """Write the receipts of a handover; `stage` is called once nothing stands in its way."""
    old = keys.receipt
    before = writer_of_end(connection, old.keyid)
    taken = (
        take_again(layout, connection, old.keyid, before)
        if before
        else take_any(layout, connection, old.keyid)
    )
    writer_id = taken.place.writer
    try:
        _refuse_others(connection, old, writer_id)
        new = stage()
        mark_end(connection, old.keyid, new.keyid, writer_id)
        _refuse_others(connection, old, writer_id)
    except BaseException:
        taken.release()
        raise
    writer = sessions.at(*taken)
    try:
        try:
            sessions.close_dead()
            _wait_for_log(lambda: unsequenced(connection, old.keyid, but=writer_id), patience)
        except BaseException:
            stop_session(writer)
            raise
        register_key(connection, new.public)
        set_end(connection, old.keyid, writer.head.number + 1)
        first = [introduced(old, new), session("stop", {"closedCalls": 0})]
        writer.hand_over(retired(old, new), new, first)
    finally:
        writer.close()
    return new


def _refuse_others(connection: Connection, key: SigningKey, writer: str) -> None:
    alive = others_alive(connection, key.keyid, but=writer)
    if alive:
        raise KeyRefused(
            f"expected nothing that records with the receipt key {key.keyid[:16]}…, found "
            f"{', '.join(alive)}: stop it (one that was killed counts for a minute), rotate, and "
            "give its folder the new key"
        )


def _wait_for_log(pending: Callable[[], int], patience: float) -> None:
    until = time.monotonic() + patience
    while count := pending():
        if time.monotonic() > until:
            raise KeyRefused(
                f"expected a log service to take in the receipts so far, found {count} that wait: "
                "start one (`helm-boundary log serve`) and run the same command again"
            )
        time.sleep(_LOOK_SECONDS)


@contextmanager
def _log_held(log: TableLog) -> Iterator[TableLog]:
    """Keep a log up for as long as the block lasts; nobody else may."""
    until = time.monotonic() + LEASE_SECONDS + 1
    try:
        while not (log.step() or log.is_ours):
            if time.monotonic() > until:
                raise KeyRefused(
                    "expected no log service, found one that integrates: stop all, rotate, and "
                    "give each the new keys/log.pem"
                )
            time.sleep(_LOOK_SECONDS)
        yield log
    finally:
        log.close()
