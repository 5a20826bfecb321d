"""Ed25519 public keys, and what they verify. Source: RFC 8032.

Whoever only verifies needs this module; keys that sign are in `signing_keys`.
"""

import hashlib
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from helm_receipts.errors import KeyRefused

# SEQUENCE { SEQUENCE { OID 1.3.101.112 } BIT STRING of 32 bytes }, up to those bytes.
_SPKI = bytes.fromhex("302a300506032b6570032100")

# The y coordinates, sign bit cleared, of every encoding of a point of small order. A signature
# under such a "key" verifies for messages nobody signed. Source: the list that libsodium refuses
# (ge25519_has_small_order), which holds the non-canonical encodings too.
_SMALL_ORDER = frozenset(
    bytes.fromhex(y)
    for y in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key: its 32 bytes and the id that DSSE names it by."""

    raw: bytes
    keyid: str
    point: Ed25519PublicKey = field(compare=False)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Tell whether this key made `signature` over `message`."""
        try:
            self.point.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def pem(self) -> bytes:
        """Write SubjectPublicKeyInfo in PEM, as `openssl pkey -pubin` reads it."""
        return self.point.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def der(self) -> bytes:
        """Write SubjectPublicKeyInfo in DER, 44 bytes (RFC 8410, section 4)."""
        return _SPKI + self.raw


def public_key(raw: bytes) -> PublicKey:
    """Make a key of 32 bytes; `KeyRefused` for another length or a point of small order."""
    if len(raw) != 32:
        raise KeyRefused(f"an Ed25519 public key is 32 bytes, found {len(raw)}")
    if raw[:31] + bytes([raw[31] & 0x7F]) in _SMALL_ORDER:
        raise KeyRefused(
            "found a public key of small order, under which anything verifies; "
            "it can't come from an honest key generator, get the right one"
        )
    return PublicKey(raw, _keyid(raw), Ed25519PublicKey.from_public_bytes(raw))


def read_public_key(text: bytes) -> PublicKey:
    """Read the Ed25519 public key in a PEM text (SubjectPublicKeyInfo)."""
    try:
        key = load_pem_public_key(text)
    except ValueError as error:
        raise KeyRefused(f"expected a public key in PEM, found {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyRefused(f"expected an Ed25519 public key, found {type(key).__name__}")
    return public_key(key.public_bytes(Encoding.Raw, PublicFormat.Raw))


def _keyid(raw: bytes) -> str:
    """Derive the id that securesystemslib gives a key: SHA-256 of its canonical description."""
    described = f'{{"keytype":"ed25519","keyval":{{"public":"{raw.hex()}"}},"scheme":"ed25519"}}'
    return hashlib.sha256(described.encode()).hexdigest()
