"""The public halves of every key a state folder had, as `keys.json` beside the log says it.

They say what to trust only to somebody who got them from a source that they trust. `publish`
writes the file, and those that say the same in other forms.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any

from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.public_keys import PublicKey, public_key
from helm_receipts.errors import KeyRefused
from helm_receipts.layout import Layout


@dataclass(frozen=True, slots=True)
class KeyRange[Key]:
    """A key and its range; `last` is None while it is in use.

    Of a receipt key: the log indexes it is valid for; of a log key: the sizes it has signed.
    """

    key: Key
    first: int = 0
    last: int | None = None


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """Every key of a state folder, oldest first."""

    origin: str
    receipt: tuple[KeyRange[PublicKey], ...]
    log: tuple[KeyRange[LogKey], ...]

    def receipt_key(self, keyid: str) -> PublicKey:
        """Find the receipt key of this id; `KeyRefused` when it was never published."""
        for known in self.receipt:
            if known.key.keyid == keyid:
                return known.key
        raise KeyRefused(
            f"expected a receipt by a published key, found one by {keyid[:16]}…; put back the "
            "keys.json of this log"
        )


def read_published(layout: Layout) -> PublishedKeys:
    """Read the published keys; `KeyRefused` when they are missing or malformed."""
    path = layout.log / "keys.json"
    try:
        value = json.loads(path.read_bytes())
        receipt = tuple(
            KeyRange(public_key(bytes.fromhex(k["public"])), k["first"], k["last"])
            for k in value["receipt"]
        )
        log = tuple(KeyRange(LogKey.parse(k["vkey"]), k["first"], k["last"]) for k in value["log"])
        if not receipt or not log:
            raise ValueError("there is no key in it")
        if [each.key.keyid for each in receipt] != [k["keyid"] for k in value["receipt"]]:
            raise ValueError("a key under another key's id")
        return PublishedKeys(value["origin"], receipt, log)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeyRefused(f"expected the published keys in {path}, found {error}") from error


def in_other_forms(known: PublishedKeys) -> dict[str, bytes]:
    """Write the files that say the same as `keys.json`, in the forms that other tools read."""
    return {
        "receipt.pub.pem": known.receipt[-1].key.pem(),
        "log.vkey": f"{known.log[-1].key.vkey}\n".encode(),
        "trusted_root.json": json_file(trusted_root(known)),
    }


def json_file(value: dict[str, Any]) -> bytes:
    """Write a value as a published file."""
    return json.dumps(value, indent=2).encode() + b"\n"


def trusted_root(known: PublishedKeys) -> dict[str, Any]:
    """Describe our log as Sigstore does, for `@sigstore/verify` and its kin."""
    return {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [_tlog(log.key) for log in known.log],
        "certificateAuthorities": [],
        "ctlogs": [],
        "timestampAuthorities": [],
    }


def log_id(key: LogKey) -> str:
    """Return the whole hash that the four-byte key id is the beginning of, in base64."""
    return base64.b64encode(key.digest).decode()


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
