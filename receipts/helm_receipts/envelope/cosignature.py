"""Cosignatures of witnesses on a log's checkpoint: who has seen it, and when.

Source: https://c2sp.org/tlog-cosignature, its Ed25519 form. A witness cosigns only what continues
all that it has cosigned before, so two histories of a log can't both have its cosignature.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from helm_receipts.errors import KeyRefused

from .checkpoint import Checkpoint, parse_note
from .public_keys import PublicKey, public_key

_COSIGNATURE = b"\x04"
_LENGTH = 4 + 8 + 64


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """A witness's name and the key that it cosigns with."""

    name: str
    key: PublicKey

    @property
    def id(self) -> bytes:
        """The four bytes that signature lines name this key by."""
        return hashlib.sha256(self.name.encode() + b"\n" + _COSIGNATURE + self.key.raw).digest()[:4]

    @property
    def vkey(self) -> str:
        """The verifier key: name+hash+key."""
        encoded = base64.b64encode(_COSIGNATURE + self.key.raw).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"


def parse_witness_vkey(text: str) -> WitnessKey:
    """Parse a witness's verifier key; `KeyRefused` for another algorithm or a wrong hash."""
    name, _, rest = text.strip().partition("+")
    identity, _, encoded = rest.partition("+")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise KeyRefused(f"expected a verifier key name+hash+key, found {text[:80]!r}") from error
    if not name or any(c.isspace() for c in name) or raw[:1] != _COSIGNATURE:
        raise KeyRefused(f"expected the verifier key of an Ed25519 witness, found {text[:80]!r}")
    key = WitnessKey(name, public_key(raw[1:]))
    if key.id.hex() != identity:
        raise KeyRefused(f"expected the key id {key.id.hex()} in a verifier key, found {identity}")
    return key


def cosigned_message(checkpoint: Checkpoint, time: int) -> bytes:
    """Return the bytes that a witness signs; `time` is in seconds since 1970."""
    return f"cosignature/v1\ntime {time}\n".encode() + checkpoint.body


def cosignatures(note: bytes, witnesses: Sequence[WitnessKey]) -> Iterator[tuple[WitnessKey, int]]:
    """List the witnesses whose cosignature of a note verifies, each with its time in seconds.

    Lines by others are ignored. Whether the log signed the note is for the caller to know.
    """
    checkpoint, lines = parse_note(note)
    for witness in witnesses:
        for name, raw in lines:
            if (name, raw[:4]) == (witness.name, witness.id) and len(raw) == _LENGTH:
                time = int.from_bytes(raw[4:12], "big")
                if 0 < time < 2**63 and witness.key.verifies(
                    raw[12:], cosigned_message(checkpoint, time)
                ):
                    yield witness, time
                    break
