"""What to publish: the public halves of the keys, beside the log, in the forms that tools read.

    receipt.pub.pem     the receipt key in use, for openssl and everybody else
    log.vkey            the log key in use, for tools that read notes
    trusted_root.json   the log keys, for Sigstore's verifiers
    keys.json           every key there was, with the log indexes it is valid for

They say what to trust only to somebody who got them from a source that they trust.
"""

import base64
import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

from helm_receipts.envelope.checkpoint import LogKey, parse_vkey
from helm_receipts.envelope.keys import PublicKey, public_key
from helm_receipts.errors import KeyRefused
from helm_receipts.layout import Layout
from helm_receipts.storage import durable


@dataclass(frozen=True, slots=True)
class ReceiptKeyRange:
    """A receipt key and the log indexes it is valid for; `last` is None while it is in use."""

    key: PublicKey
    first: int = 0
    last: int | None = None


@dataclass(frozen=True, slots=True)
class LogKeyRange:
    """A log key and the sizes it has signed; `last` is None while it is in use."""

    key: LogKey
    first: int = 0
    last: int | None = None


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """Every key of a state folder, oldest first."""

    origin: str
    receipt: tuple[ReceiptKeyRange, ...]
    log: tuple[LogKeyRange, ...]

    def receipt_key(self, keyid: str) -> PublicKey:
        """The receipt key of this id; `KeyRefused` when it was never published."""
        for known in self.receipt:
            if known.key.keyid == keyid:
                return known.key
        raise KeyRefused(
            f"expected a receipt by a published key, found one by {keyid[:16]}…; put back the "
            "keys.json of this log"
        )

    def introduce_receipt(self, new: PublicKey, first: int) -> "PublishedKeys":
        """With a new receipt key, valid from index `first` on."""
        return replace(self, receipt=(*self.receipt, ReceiptKeyRange(new, first)))

    def retire_receipts(self, last: int) -> "PublishedKeys":
        """With every receipt key but the newest valid to index `last` at most."""
        *old, newest = self.receipt
        ended = [replace(k, last=last if k.last is None else k.last) for k in old]
        return replace(self, receipt=(*ended, newest))

    def rotate_log(self, new: LogKey, size: int) -> "PublishedKeys":
        """With a new log key, which signs from this size on."""
        *before, old = self.log
        return replace(self, log=(*before, replace(old, last=size), LogKeyRange(new, size)))


def publish(layout: Layout, origin: str, receipt: PublicKey, log: PublicKey) -> PublishedKeys:
    """Write the four files on first use; `KeyRefused` when the keys in use aren't the last ones."""
    path = layout.log / "keys.json"
    if path.exists():
        known = read_published(layout)
    else:
        key = LogKey(origin, log)
        known = PublishedKeys(origin, (ReceiptKeyRange(receipt),), (LogKeyRange(key),))
        write_published(layout, known)
    if known.receipt[-1].key != receipt or known.log[-1].key.key != log:
        raise KeyRefused(
            f"expected the keys in {layout.keys} to be the last ones in {path}, found others; put "
            "the old key files back and change keys with `helm-boundary keys rotate`"
        )
    return known


def read_published(layout: Layout) -> PublishedKeys:
    """The published keys; `KeyRefused` when they are missing or malformed."""
    path = layout.log / "keys.json"
    try:
        value = json.loads(path.read_bytes())
        receipt = tuple(
            ReceiptKeyRange(public_key(bytes.fromhex(k["public"])), k["first"], k["last"])
            for k in value["receipt"]
        )
        log = tuple(LogKeyRange(parse_vkey(k["vkey"]), k["first"], k["last"]) for k in value["log"])
        if not receipt or not log:
            raise ValueError("there is no key in it")
        return PublishedKeys(value["origin"], receipt, log)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeyRefused(f"expected the published keys in {path}, found {error}") from error


def write_published(layout: Layout, known: PublishedKeys) -> None:
    """Write the four files."""
    durable.make_folder(layout.log, 0o755)
    receipt, log = known.receipt[-1].key, known.log[-1].key
    durable.replace_files(
        layout.log,
        {
            "receipt.pub.pem": receipt.pem(),
            "log.vkey": f"{log.vkey}\n".encode(),
            "trusted_root.json": _json(trusted_root(known)),
            "keys.json": _json(_keys_json(known)),
        },
    )


def trusted_root(known: PublishedKeys) -> dict[str, Any]:
    """Sigstore's description of our log, for `@sigstore/verify` and its kin."""
    return {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [_tlog(log.key) for log in known.log],
        "certificateAuthorities": [],
        "ctlogs": [],
        "timestampAuthorities": [],
    }


def log_id(key: LogKey) -> str:
    """The whole hash that the four-byte key id is the beginning of, in base64."""
    text = key.name.encode() + b"\n\x01" + key.key.raw
    return base64.b64encode(hashlib.sha256(text).digest()).decode()


def _tlog(key: LogKey) -> dict[str, Any]:
    return {
        "baseUrl": f"https://{key.name}",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": base64.b64encode(key.key.der()).decode(),
            "keyDetails": "PKIX_ED25519",
            "validFor": {"start": "1970-01-01T00:00:00Z"},
        },
        "logId": {"keyId": log_id(key)},
    }


def _keys_json(known: PublishedKeys) -> dict[str, Any]:
    return {
        "origin": known.origin,
        "receipt": [
            {"first": k.first, "keyid": k.key.keyid, "last": k.last, "public": k.key.raw.hex()}
            for k in known.receipt
        ],
        "log": [{"first": k.first, "last": k.last, "vkey": k.key.vkey} for k in known.log],
    }


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, indent=2).encode() + b"\n"
