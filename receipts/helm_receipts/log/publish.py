"""The published files: the public halves of the keys, beside the log, in the forms that tools read.

receipt.pub.pem     the receipt key in use, for openssl and everybody else
log.vkey            the log key in use, for tools that read notes
trusted_root.json   the log keys, for Sigstore's verifiers
keys.json           every key there was, with the log indexes it is valid for
"""

from dataclasses import replace
from typing import Any

from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.errors import KeyRefused
from helm_receipts.layout import Layout
from helm_receipts.storage import durable

from .published_keys import KeyRange, PublishedKeys, in_other_forms, json_file, read_published


def publish(layout: Layout, origin: str, receipt: PublicKey, log: PublicKey) -> PublishedKeys:
    """Write the four files on first use; `KeyRefused` when the keys in use aren't the last ones."""
    path = layout.log / "keys.json"
    if path.exists():
        known = read_published(layout)
    else:
        key = LogKey(origin, log)
        known = PublishedKeys(origin, (KeyRange(receipt),), (KeyRange(key),))
        write_published(layout, known)
    if known.receipt[-1].key != receipt or known.log[-1].key.key != log:
        raise KeyRefused(
            f"expected the keys in {layout.keys} to be the last ones in {path}, found others; put "
            "the old key files back and change keys with `helm-boundary keys rotate`"
        )
    return known


def write_published(layout: Layout, known: PublishedKeys) -> None:
    """Write the four files."""
    durable.make_folder(layout.log, 0o755)
    files = in_other_forms(known) | {"keys.json": json_file(keys_json(known))}
    durable.replace_files(layout.log, files)


def introduce_receipt(known: PublishedKeys, new: PublicKey, first: int) -> PublishedKeys:
    """Add a new receipt key, valid from index `first` on."""
    return replace(known, receipt=(*known.receipt, KeyRange(new, first)))


def retire_receipts(known: PublishedKeys, last: int) -> PublishedKeys:
    """End every receipt key but the newest at index `last`, where it hasn't ended before."""
    *old, newest = known.receipt
    ended = [replace(k, last=last if k.last is None else k.last) for k in old]
    return replace(known, receipt=(*ended, newest))


def rotate_log(known: PublishedKeys, new: LogKey, size: int) -> PublishedKeys:
    """Add a new log key, which signs from this size on."""
    *before, old = known.log
    return replace(known, log=(*before, replace(old, last=size), KeyRange(new, size)))


def keys_json(known: PublishedKeys) -> dict[str, Any]:
    """Describe every key there was, as `keys.json` has it."""
    return {
        "origin": known.origin,
        "receipt": [
            {"first": k.first, "keyid": k.key.keyid, "last": k.last, "public": k.key.raw.hex()}
            for k in known.receipt
        ],
        "log": [{"first": k.first, "last": k.last, "vkey": k.key.vkey} for k in known.log],
    }
