"""Ed25519 keys with a role, and the key files they come from.

A key signs receipts or checkpoints, never both, and a key file says which in its first line, so
that a file under another name is refused. Only PKCS#8 files that nobody else can read are used.
Source: RFC 8032 (Ed25519), RFC 8410 (PKCS#8 form).
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from helm_receipts.errors import KeyRefused
from helm_receipts.storage.secret_file import create_secret, read_secret

SIGNING_ROLES = ("receipt", "log")

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
        """Whether this key made `signature` over `message`."""
        try:
            self.point.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def pem(self) -> bytes:
        """SubjectPublicKeyInfo in PEM, as `openssl pkey -pubin` reads it."""
        return self.point.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def der(self) -> bytes:
        """SubjectPublicKeyInfo in DER, 44 bytes (RFC 8410, section 4)."""
        return _SPKI + self.raw


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key that knows what it may sign."""

    role: str
    public: PublicKey
    private: Ed25519PrivateKey

    @property
    def keyid(self) -> str:
        """The public key's id."""
        return self.public.keyid

    def sign_as(self, role: str, message: bytes) -> bytes:
        """A 64-byte signature over `message`; `KeyRefused` when this key has another role."""
        if role != self.role:
            raise KeyRefused(
                f"expected a {role} key, found the {self.role} key; keys never change roles, "
                f"use the file {role}.pem"
            )
        return self.private.sign(message)


def public_key(raw: bytes) -> PublicKey:
    """The key of these 32 bytes; `KeyRefused` for another length or a point of small order."""
    if len(raw) != 32:
        raise KeyRefused(f"an Ed25519 public key is 32 bytes, found {len(raw)}")
    if raw[:31] + bytes([raw[31] & 0x7F]) in _SMALL_ORDER:
        raise KeyRefused(
            "found a public key of small order, under which anything verifies; "
            "it can't come from an honest key generator, get the right one"
        )
    return PublicKey(raw, _keyid(raw), Ed25519PublicKey.from_public_bytes(raw))


def read_public_key(text: bytes) -> PublicKey:
    """The Ed25519 public key in a PEM text (SubjectPublicKeyInfo)."""
    try:
        key = load_pem_public_key(text)
    except ValueError as error:
        raise KeyRefused(f"expected a public key in PEM, found {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyRefused(f"expected an Ed25519 public key, found {type(key).__name__}")
    return public_key(key.public_bytes(Encoding.Raw, PublicFormat.Raw))


def generate(role: str) -> SigningKey:
    """A new key for `role` ("receipt" or "log"), kept nowhere yet."""
    return _with_role(role, Ed25519PrivateKey.generate())


def load_or_create(folder: Path, role: str) -> SigningKey:
    """The key in `<folder>/<role>.pem`, made on first use; `KeyRefused` for an unsafe file."""
    path = folder / f"{role}.pem"
    if not path.exists():
        create_secret(path, private_text(generate(role)))
    return load(path, role)


def load(path: Path, role: str) -> SigningKey:
    """The key in a file that only its owner can read and that says it is for `role`."""
    text = read_secret(path)
    if not text.startswith(_label(role)):
        raise KeyRefused(
            f"expected a {role} key in {path}, found a file whose first line doesn't say "
            f"so; put the {role} key back under this name"
        )
    try:
        private = load_pem_private_key(text, password=None)
    except (ValueError, TypeError) as error:
        raise KeyRefused(f"expected a PKCS#8 key in {path}, found {error}") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyRefused(f"expected an Ed25519 key in {path}, found {type(private).__name__}")
    return _with_role(role, private)


def private_text(key: SigningKey) -> bytes:
    """What a key file holds: one line naming the role, then PKCS#8 in PEM."""
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return _label(key.role) + pem


def _with_role(role: str, private: Ed25519PrivateKey) -> SigningKey:
    if role not in SIGNING_ROLES:
        raise KeyRefused(f"expected one of {', '.join(SIGNING_ROLES)}, found the role {role!r}")
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return SigningKey(role, public_key(raw), private)


def _label(role: str) -> bytes:
    return f"helm-boundary {role} key\n".encode()


def _keyid(raw: bytes) -> str:
    """The id that securesystemslib gives this key: SHA-256 of its canonical description."""
    described = f'{{"keytype":"ed25519","keyval":{{"public":"{raw.hex()}"}},"scheme":"ed25519"}}'
    return hashlib.sha256(described.encode()).hexdigest()
