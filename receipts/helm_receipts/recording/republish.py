"""Republication of the files beside the log, from the keys, where one was lost or swapped."""

from contextlib import suppress

from helm_receipts.envelope.checkpoint import verify_checkpoint
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.errors import KeyRefused, ReceiptError
from helm_receipts.export.verified import verify_present
from helm_receipts.layout import Layout
from helm_receipts.log import identity
from helm_receipts.log.publish import write_published
from helm_receipts.log.published_keys import KeyRange, PublishedKeys, read_published

from .keyset import NEXT, signing_key


def republish(layout: Layout) -> PublishedKeys:
    """Write the four files from `keys.json`, if it ends with the private keys; else from those.

    `KeyRefused` where that can't be done: keys that were rotated have a history, and only
    `keys.json` holds it.
    """
    if (layout.keys / NEXT).exists():
        raise KeyRefused("a rotation is half done: run `helm-boundary keys rotate receipt` again")
    receipt = signing_key(layout, "receipt").public
    origin = identity.read_origin(layout.origin)
    log = LogKey(origin, signing_key(layout, "log").public)
    known = PublishedKeys(origin, (KeyRange(receipt),), (KeyRange(log),))
    with suppress(KeyRefused):
        said = read_published(layout)
        if (said.receipt[-1].key, said.log[-1].key) == (receipt, log):
            write_published(layout, said)
            return said
    _refuse_history(layout, receipt, log)
    write_published(layout, known)
    return known


def _refuse_history(layout: Layout, receipt: PublicKey, log: LogKey) -> None:
    """Require every receipt that is here, and the checkpoint, to be by these keys."""
    checkpoint = layout.log / "checkpoint"
    try:
        found = verify_present(layout.journal, [receipt])
        if checkpoint.exists():
            verify_checkpoint(checkpoint.read_bytes(), log)
    except ReceiptError as error:
        raise KeyRefused(_no_history(layout, str(error))) from error
    if found.late or len(found.keys) > 1 or any(layout.log.glob("handover-*")):
        raise KeyRefused(_no_history(layout, "that they were"))


def _no_history(layout: Layout, found: str) -> str:
    return (
        f"expected keys that were never changed, to make {layout.log / 'keys.json'} anew from "
        f"them, found {found}; put that file back from a backup"
    )
