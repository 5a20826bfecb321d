"""The opening keys of a state folder: the newest is in use, the deleted ones are erased."""

import hashlib
import os
from pathlib import Path

from helm_receipts.envelope import opening
from helm_receipts.envelope.opening import SecretKey, load_or_create_secret
from helm_receipts.envelope.record import Record
from helm_receipts.envelope.statement import STREAM
from helm_receipts.errors import KeyRefused, ReceiptError
from helm_receipts.storage import durable


class Openings:
    """Gives the opening key in use, and notices when somebody erased it."""

    def __init__(self, keys: Path) -> None:
        self._keys = keys
        self._use(load_or_create_secret(keys, "opening"))

    def current(self) -> SecretKey:
        """Return the key to salt the next receipts with; a new one once the file is gone."""
        if not os.access(self._path, os.F_OK):
            self._use(load_or_create_secret(self._keys, "opening"))
        return self._key

    def _use(self, key: SecretKey) -> None:
        self._key = key
        self._path = str(self._keys / f"opening-{key.id}.key")


class Erased(ReceiptError):
    """The opening key of a receipt was deleted, so its digests can never be opened again."""


def salt_of(keys: Path, record: Record, role: str) -> bytes:
    """Derive the salt of one digest of a receipt; `Erased` when its opening key is gone."""
    identity = str(record.predicate["subjectHash"]["key"])
    if not (keys / f"opening-{identity}.key").exists():
        raise Erased(
            f"the opening key {identity} isn't in {keys}: it was erased, or this is a copy "
            f"without keys, so nobody can say what {role} in {record.id} was"
        )
    return opening.salt(opening.load_secret(keys, "opening", identity), record.id, role)


def digest_of(record: Record, role: str) -> str:
    """Find a receipt's digest of a body; `ReceiptError` when it has none for the role."""
    digests = {s["name"]: s["digest"]["sha256"] for s in record.statement["subject"]}
    if role not in digests:
        raise ReceiptError(
            f"expected one of {', '.join(sorted(digests))} in {record.id}, found no {role!r}"
        )
    return str(digests[role])


def opens(keys: Path, record: Record, role: str, body: bytes) -> bool:
    """Tell whether a receipt's digest is of this body, or of the bytes of this stream."""
    if role == STREAM:
        body = hashlib.sha256(body).digest()
    return opening.digest(body, salt_of(keys, record, role)) == digest_of(record, role)


def erase(keys: Path, identity: str) -> None:
    """Delete an opening key for good. `KeyRefused` when there is none of this id.

    The file is overwritten first; a file system that copies on write, or a backup, may still
    have it.
    """
    path = keys / f"opening-{identity}.key"
    if identity not in opening.secret_ids(keys, "opening"):
        raise KeyRefused(
            f"expected an opening key {identity} in {keys}, found none; see `keys show`"
        )
    with path.open("r+b") as file:
        file.write(b"\0" * path.stat().st_size)
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    durable.sync_folder(keys)
