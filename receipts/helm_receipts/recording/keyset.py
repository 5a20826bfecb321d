"""The private keys of one state folder, together with what was published about them."""

from dataclasses import dataclass
from pathlib import Path

from helm_receipts.envelope import key_files, opening, signing_keys
from helm_receipts.envelope.public_keys import KeyType
from helm_receipts.errors import KeyRefused
from helm_receipts.layout import Layout
from helm_receipts.log import identity
from helm_receipts.log.publish import publish
from helm_receipts.log.published_keys import PublishedKeys, read_published
from helm_receipts.storage import durable
from helm_receipts.storage.custody import refuse_foreign_state
from helm_receipts.storage.secret_file import read_secret

SIGNER = "signer"
"""The file that says what signs for a role that has no file of its own."""
BESIDE = "database"
"""The file that says into which database the receipts go that aren't in the folder."""
NEXT = "next.pem"
"""The new receipt key while a rotation is under way."""
LOG_NEXT = "log-next.pem"
"""The new log key meanwhile."""


@dataclass(frozen=True, slots=True)
class Keyset:
    """What a state folder signs with. Each key has one role."""

    origin: str
    receipt: signing_keys.SigningKey
    log: signing_keys.SigningKey
    pseudonym: opening.SecretKey
    published: PublishedKeys


def open_keyset(layout: Layout, kind: KeyType = "ed25519") -> Keyset:
    """Open the keys of a state folder, made on first use, the receipt key of this kind.

    `KeyRefused` for what isn't ours alone, for keys that aren't the published ones, and while a
    rotation is half done. Once keys were published, a missing one is never made anew.
    """
    refuse_foreign_state(layout.state)
    for folder in (layout.state, layout.keys, layout.journal):
        durable.make_folder(folder)
    _refuse_half_rotated(layout)
    return read_keyset(layout, kind)


def _refuse_half_rotated(layout: Layout) -> None:
    if (layout.keys / NEXT).exists():
        raise KeyRefused(
            f"expected finished rotations, found {layout.keys / NEXT}; "
            "run `helm-boundary keys rotate receipt` again to finish it"
        )


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """What a process signs with whose receipts go into a database; the log isn't its business."""

    origin: str
    receipt: signing_keys.SigningKey
    pseudonym: opening.SecretKey


def open_own_keys(layout: Layout, database: str, kind: KeyType = "ed25519") -> OwnKeys:
    """Open the keys of a process whose receipts go into a database, made on first use.

    `KeyRefused` for what isn't ours alone, and for a folder that has receipts of its own. Once
    something was written, a missing key is never made anew.
    """
    _refuse_half_rotated(layout)
    return read_own_keys(layout, database, kind)


def read_own_keys(layout: Layout, database: str, kind: KeyType = "ed25519") -> OwnKeys:
    """Open the keys of such a process, also while a rotation is half done."""
    refuse_foreign_state(layout.state)
    if (layout.log / "keys.json").exists():
        raise KeyRefused(
            f"expected a folder for what is this boundary's own, found that {layout.state} has "
            "receipts itself; name another one with helm_folder"
        )
    for folder in (layout.state, layout.keys, layout.journal):
        durable.make_folder(folder)
    durable.replace_file(layout.state / BESIDE, f"{database}\n".encode(), 0o600)
    return OwnKeys(
        origin=identity.load_or_create_origin(layout.origin),
        receipt=_key(layout, "receipt", any(layout.journal.iterdir()), kind),
        pseudonym=opening.load_or_create_secret(layout.keys, "pseudonym"),
    )


def open_log_key(layout: Layout) -> tuple[str, signing_keys.SigningKey]:
    """Return a log's name and its key for a process that keeps up a database's log.

    Made on first use. `KeyRefused` for what isn't ours alone.
    """
    refuse_foreign_state(layout.state)
    for folder in (layout.state, layout.keys):
        durable.make_folder(folder)
    return identity.load_or_create_origin(layout.origin), _key(layout, "log", known=False)


def read_keyset(layout: Layout, kind: KeyType = "ed25519") -> Keyset:
    """Open the keys of a state folder, also while a rotation is half done."""
    refuse_foreign_state(layout.state)
    _refuse_beside_database(layout)
    known = (layout.log / "keys.json").exists()
    receipt, log = _key(layout, "receipt", known, kind), _key(layout, "log", known)
    if receipt.public == log.public:
        raise KeyRefused("the receipt key and the log key are the same: each signs for itself")
    origin = identity.load_or_create_origin(layout.origin)
    return Keyset(
        origin=origin,
        receipt=receipt,
        log=log,
        pseudonym=opening.load_or_create_secret(layout.keys, "pseudonym"),
        published=(
            read_published(layout)
            if (layout.keys / NEXT).exists() and known
            else publish(layout, origin, receipt.public, log.public)
        ),
    )


def signing_key(layout: Layout, role: str) -> signing_keys.SigningKey:
    """Return the key that a role signs with; `KeyRefused` where there is none."""
    return _key(layout, role, known=True)


def _refuse_beside_database(layout: Layout) -> None:
    """Refuse to write receipts into a folder whose receipts are in a database: a chain forks so."""
    if (beside := layout.state / BESIDE).exists():
        raise KeyRefused(
            f"expected a state folder, found that {layout.state} is a boundary's own beside "
            f"{beside.read_text('utf-8', 'replace').strip()}, where its receipts are; name that"
        )


def load_key(path: Path, role: str) -> signing_keys.SigningKey:
    """Load the key of a file, or find what signs elsewhere, as the file says; else `KeyRefused`."""
    signer = key_files.signer_in(path, role)
    return _outside(signer, role) if signer else key_files.load(path, role)


def _key(
    layout: Layout, role: str, known: bool, kind: KeyType = "ed25519"
) -> signing_keys.SigningKey:
    path, signer = layout.keys / f"{role}.pem", layout.keys / SIGNER
    if not path.exists() and signer.exists():
        return _outside(read_secret(signer).decode().strip(), role)
    if not path.exists() and not known:
        return key_files.load_or_create(layout.keys, role, kind)
    return load_key(path, role)


def _outside(signer: str, role: str) -> signing_keys.SigningKey:
    from .outside_signer import outside_key  # only where there is one

    return outside_key(signer, role)
