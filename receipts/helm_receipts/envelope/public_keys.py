"""Public keys, Ed25519 or ECDSA on P-256, and what they verify. Sources: RFC 8032, FIPS 186-5.

Whoever only verifies needs this module; keys that sign are in `signing_keys`.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from helm_receipts.errors import KeyRefused

type KeyType = Literal["ed25519", "p256"]
type Point = Ed25519PublicKey | ec.EllipticCurvePublicKey

# The order of P-256 (FIPS 186-5, SP 800-186).
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

# The y coordinates, sign bit cleared, of every encoding of a point of small order. A signature
# under such a "key" verifies for messages nobody signed. Source: the list that libsodium refuses
# (ge25519_has_small_order), which holds the non-canonical encodings too.
_SMALL_ORDER = {
    bytes.fromhex("00" * 32),
    bytes.fromhex("01" + "00" * 31),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("ec" + "ff" * 30 + "7f"),
    bytes.fromhex("ed" + "ff" * 30 + "7f"),
    bytes.fromhex("ee" + "ff" * 30 + "7f"),
}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key: its bytes and the id that DSSE names it by.

    `raw` has 32 bytes for Ed25519, or 65 for an uncompressed point on P-256 (SEC 1, 2.3.3), so its
    length says which it is, and no bytes are a key of both types.
    """

    raw: bytes
    keyid: str
    point: Point = field(compare=False)

    @property
    def type(self) -> KeyType:
        """Which kind of key it is."""
        return "ed25519" if isinstance(self.point, Ed25519PublicKey) else "p256"

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Tell whether this key made `signature` over `message`."""
        try:
            if isinstance(self.point, Ed25519PublicKey):
                self.point.verify(signature, message)
            elif one_spelling(signature) == signature:
                self.point.verify(signature, message, ec.ECDSA(SHA256()))
            else:
                return False
        except (InvalidSignature, ValueError):
            return False
        return True

    def pem(self) -> bytes:
        """Write SubjectPublicKeyInfo in PEM, as `openssl pkey -pubin` reads it."""
        return self.point.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def der(self) -> bytes:
        """Write SubjectPublicKeyInfo in DER (RFC 8410, section 4; RFC 5480, section 2)."""
        return self.point.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def public_key(raw: bytes) -> PublicKey:
    """Make a key of 32 bytes (Ed25519) or 65 (P-256).

    `KeyRefused` for another length, for a point of small order, and for one that isn't on P-256.
    """
    if len(raw) == 65:
        return _p256_key(raw)
    if len(raw) != 32:
        raise KeyRefused(
            f"expected 32 bytes of Ed25519, or 65 of a point on P-256, found {len(raw)}"
        )
    if raw[:31] + bytes([raw[31] & 0x7F]) in _SMALL_ORDER:
        raise KeyRefused(
            "found a public key of small order, under which anything verifies; "
            "it can't come from an honest key generator, get the right one"
        )
    keyid = _keyid("ed25519", raw.hex(), "ed25519")
    return PublicKey(raw, keyid, Ed25519PublicKey.from_public_bytes(raw))


def key_of(point: object) -> PublicKey:
    """Make a key of one that `cryptography` has; `KeyRefused` for other kinds and curves."""
    if isinstance(point, Ed25519PublicKey):
        return public_key(point.public_bytes(Encoding.Raw, PublicFormat.Raw))
    if isinstance(point, ec.EllipticCurvePublicKey) and isinstance(point.curve, ec.SECP256R1):
        return public_key(point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
    raise KeyRefused(f"expected an Ed25519 or P-256 public key, found {type(point).__name__}")


def read_public_key(text: bytes) -> PublicKey:
    """Read the public key in a PEM text (SubjectPublicKeyInfo)."""
    try:
        return key_of(load_pem_public_key(text))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyRefused(f"expected a public key in PEM, found {error}") from error


def one_spelling(signature: bytes) -> bytes:
    """Write an ECDSA signature in the one spelling that counts here; ValueError if it is none.

    Where (r, s) is a signature, (r, n - s) is one too, which anybody can make of it without the
    key. So only the lesser of both counts, in DER: nobody can give a receipt another hash.
    """
    r, s = utils.decode_dss_signature(signature)
    return utils.encode_dss_signature(r, min(s, _ORDER - s))


def _p256_key(raw: bytes) -> PublicKey:
    try:
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
    except ValueError as error:
        raise KeyRefused(f"expected a point on P-256, found {error}") from error
    pem = point.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return PublicKey(raw, _keyid("ecdsa", pem, "ecdsa-sha2-nistp256"), point)


def _keyid(kind: str, public: str, scheme: str) -> str:
    """Derive the id that securesystemslib gives a key: SHA-256 of its canonical description."""
    described = f'{{"keytype":"{kind}","keyval":{{"public":"{public}"}},"scheme":"{scheme}"}}'
    return hashlib.sha256(described.encode()).hexdigest()
