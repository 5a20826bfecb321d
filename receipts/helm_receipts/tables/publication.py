"""Publication: a checkpoint is signed for what is integrated, once it is durable.

What is signed is read back from rows of an earlier transaction, and proved to continue what was
signed last.
"""

from typing import Any

import psycopg

from helm_receipts.database.leases import Lease, require
from helm_receipts.envelope import checkpoint as notes
from helm_receipts.envelope.checkpoint import Checkpoint
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.signatures import sign_by_both, sign_checkpoint
from helm_receipts.envelope.signing_keys import SigningKey
from helm_receipts.errors import KeyRefused, LogError, ProofRefused
from helm_receipts.log import merkle, merkle_proofs
from helm_receipts.log.published_keys import KeyRange
from helm_receipts.log.tree import Tree

from .log_files import put_files
from .tile_rows import TileRows, prune_partials

_COORDINATION = "SELECT size, note FROM helm_boundary.pub_coord WHERE id = 0 FOR UPDATE"
_INTEGRATED = "SELECT size, root FROM helm_boundary.int_coord WHERE id = 0"
_PUBLISH = """
UPDATE helm_boundary.pub_coord SET size = %s, note = %s, published_at = now()
WHERE id = 0 AND set_config('synchronous_commit', 'on', true) = 'on'
"""
_NOTE = "SELECT note FROM helm_boundary.pub_coord WHERE id = 0"
_KEYS = (
    "SELECT vkey, first_size, last_size FROM helm_boundary.log_keys ORDER BY first_size, last_size"
)


def register_log(connection: psycopg.Connection[Any], key: LogKey) -> None:
    """Make this the log's key where it has none; `KeyRefused` where it has another one."""
    connection.execute(
        "INSERT INTO helm_boundary.log_keys (vkey, origin, first_size) SELECT %s, %s, 0 "
        "WHERE NOT EXISTS (SELECT 1 FROM helm_boundary.log_keys)",
        (key.vkey, key.name),
    )
    known = [row[0] for row in connection.execute(_KEYS)]
    if known[-1] != key.vkey:
        raise KeyRefused(
            f"expected the key of the log, {known[-1]}, found {key.vkey}; give every process that "
            "integrates this log the same keys/log.pem and origin file"
        )


def publish(
    connection: psycopg.Connection[Any], lease: Lease, origin: str, key: SigningKey
) -> Checkpoint | None:
    """Sign and publish a checkpoint for what is integrated; None when there is nothing new.

    Raises:
        LogError: the tiles contradict the last checkpoint; nothing was signed.
    """
    with connection.transaction():
        require(connection, lease)
        _, note = connection.execute(_COORDINATION).fetchone() or (0, b"")
        size, root = connection.execute(_INTEGRATED).fetchone() or (0, b"")
        try:
            old = _last(bytes(note), LogKey(origin, key.public))
            if old.size == size:
                return None
            new = Checkpoint(origin, size, bytes(root))
            _prove(TileRows(connection, size), old, new)
        except ProofRefused as error:
            raise LogError(
                f"expected tiles that continue the last checkpoint, found that {error}; nothing "
                "was signed"
            ) from error
        connection.execute(_PUBLISH, (size, sign_checkpoint(new, key)))
        prune_partials(connection, old.size, size)
    return new


def read_note(connection: psycopg.Connection[Any]) -> bytes:
    """Read the last checkpoint; empty before the first."""
    row = connection.execute(_NOTE).fetchone()
    return bytes(row[0]) if row else b""


def read_published_tree(connection: psycopg.Connection[Any]) -> Tree:
    """Return the size and root that were signed last."""
    note = read_note(connection)
    if not note:
        return Tree(0, merkle.EMPTY_ROOT, {})
    checkpoint = notes.parse_checkpoint(note)
    return Tree(checkpoint.size, checkpoint.root, {})


def read_log_keys(connection: psycopg.Connection[Any]) -> list[KeyRange[LogKey]]:
    """Return the log's keys and the sizes they have signed, oldest first."""
    rows = connection.execute(_KEYS)
    return [KeyRange(LogKey.parse(vkey), first, last) for vkey, first, last in rows]


def hand_over(
    connection: psycopg.Connection[Any],
    lease: Lease,
    origin: str,
    old: SigningKey,
    new: SigningKey,
) -> Checkpoint:
    """Have another key sign from the published checkpoint on, which both sign; returns that.

    Raises:
        LogError: there is no checkpoint by the old key.
    """
    with connection.transaction():
        require(connection, lease)
        _, note = connection.execute(_COORDINATION).fetchone() or (0, b"")
        try:
            checkpoint = notes.verify_checkpoint(bytes(note), LogKey(origin, old.public))
        except ProofRefused as error:
            raise LogError(f"expected a checkpoint by the old key, found that {error}") from error
        size = checkpoint.size
        put_files(connection, {f"handover-{size}": sign_by_both(checkpoint, old, new)})
        values = (size, LogKey(origin, old.public).vkey)
        connection.execute(
            "UPDATE helm_boundary.log_keys SET last_size = %s WHERE vkey = %s", values
        )
        connection.execute(
            "INSERT INTO helm_boundary.log_keys (vkey, origin, first_size) VALUES (%s, %s, %s)",
            (LogKey(origin, new.public).vkey, origin, size),
        )
        connection.execute(_PUBLISH, (size, sign_checkpoint(checkpoint, new)))
    return checkpoint


def _last(note: bytes, key: LogKey) -> Checkpoint:
    if not note:
        return Checkpoint(key.name, 0, merkle.EMPTY_ROOT)
    return notes.verify_checkpoint(note, key)


def _prove(tiles: TileRows, old: Checkpoint, new: Checkpoint) -> None:
    """Require the tiles to have the new root, and the new tree to continue the old one."""
    if merkle.root_hash(new.size, tiles.nodes) != new.root:
        raise ProofRefused("the tiles don't give the root that was integrated")
    if old.size:
        proof = merkle_proofs.consistency_proof(old.size, new.size, tiles.nodes)
        merkle_proofs.verify_consistency(old.size, new.size, old.root, new.root, proof)
