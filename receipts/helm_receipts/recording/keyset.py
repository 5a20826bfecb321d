"""The private keys of one state folder, together with what was published about them."""

from dataclasses import dataclass

from helm_receipts.envelope import key_files, opening, signing_keys
from helm_receipts.errors import KeyRefused
from helm_receipts.layout import Layout
from helm_receipts.log import identity
from helm_receipts.log.publish import publish
from helm_receipts.log.published_keys import PublishedKeys, read_published
from helm_receipts.storage import durable
from helm_receipts.storage.custody import refuse_foreign_state

SIGNER = "signer"
"""The file that says which command signs, where that isn't a key in a file."""
NEXT = "next.pem"
"""The new receipt key while a rotation is under way."""


@dataclass(frozen=True, slots=True)
class Keyset:
    """What a state folder signs with. Each key has one role."""

    origin: str
    receipt: signing_keys.SigningKey
    log: signing_keys.SigningKey
    pseudonym: opening.SecretKey
    published: PublishedKeys


def open_keyset(layout: Layout) -> Keyset:
    """Open the keys of a state folder, made on first use.

    `KeyRefused` for what isn't ours alone, for keys that aren't the published ones, and while a
    rotation is half done. Once keys were published, a missing one is never made anew.
    """
    refuse_foreign_state(layout.state)
    for folder in (layout.state, layout.keys, layout.journal):
        durable.make_folder(folder)
    if (layout.keys / NEXT).exists():
        raise KeyRefused(
            f"expected finished rotations, found {layout.keys / NEXT}; "
            "run `helm-boundary keys rotate receipt` again to finish it"
        )
    return read_keyset(layout)


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """What a process signs with whose receipts go into a database; the log isn't its business."""

    origin: str
    receipt: signing_keys.SigningKey
    pseudonym: opening.SecretKey


def open_own_keys(layout: Layout) -> OwnKeys:
    """Open the keys of a process whose receipts go into a database, made on first use.

    `KeyRefused` for what isn't ours alone. Once something was written, a missing key is never made
    anew.
    """
    refuse_foreign_state(layout.state)
    for folder in (layout.state, layout.keys, layout.journal):
        durable.make_folder(folder)
    return OwnKeys(
        origin=identity.load_or_create_origin(layout.origin),
        receipt=_key(layout, "receipt", known=any(layout.journal.iterdir())),
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


def read_keyset(layout: Layout) -> Keyset:
    """Open the keys of a state folder, also while a rotation is half done."""
    refuse_foreign_state(layout.state)
    known = (layout.log / "keys.json").exists()
    receipt, log = (_key(layout, role, known) for role in ("receipt", "log"))
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


def _key(layout: Layout, role: str, known: bool) -> signing_keys.SigningKey:
    if (layout.keys / SIGNER).exists():  # nothing of it is imported otherwise
        from .outside_signer import outside_key

        if (outside := outside_key(layout.keys, role)) is not None:
            return outside
    if known:
        return key_files.load(layout.keys / f"{role}.pem", role)
    return key_files.load_or_create(layout.keys, role)
