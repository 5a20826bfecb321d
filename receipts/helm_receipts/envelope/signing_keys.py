"""Private keys with a role: a key signs receipts or checkpoints, never both."""

from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from helm_receipts.errors import KeyRefused

from .public_keys import KeyType, PublicKey, key_of, one_spelling

SIGNING_ROLES = ("receipt", "log")

type PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey


class Signs(Protocol):
    """What signs: a private key, or something that has one elsewhere."""

    def sign(self, data: bytes, /) -> bytes:
        """Sign data, as `PublicKey.verifies` reads it."""
        ...


@dataclass(frozen=True, slots=True)
class InMemory:
    """A private key that was read from a file, or was just made."""

    key: PrivateKey

    def sign(self, data: bytes, /) -> bytes:
        """Sign data; with P-256 as RFC 6979 says, so no random number can give the key away."""
        if isinstance(self.key, Ed25519PrivateKey):
            return self.key.sign(data)
        return one_spelling(self.key.sign(data, ECDSA(SHA256(), deterministic_signing=True)))


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key that knows what it may sign; `KeyRefused` for a role that it can't have."""

    role: str
    public: PublicKey
    private: Signs

    def __post_init__(self) -> None:
        if self.role not in SIGNING_ROLES:
            roles = ", ".join(SIGNING_ROLES)
            raise KeyRefused(f"expected one of {roles}, found the role {self.role!r}")
        if self.role == "log" and self.public.type != "ed25519":
            raise KeyRefused(
                f"expected an Ed25519 key for the log, found one of type {self.public.type}: "
                "whoever reads checkpoints takes no other; only receipts can be signed with P-256"
            )

    @property
    def keyid(self) -> str:
        """The public key's id."""
        return self.public.keyid

    def sign_as(self, role: str, message: bytes) -> bytes:
        """Sign `message`; `KeyRefused` when this key has another role."""
        if role != self.role:
            raise KeyRefused(
                f"expected a {role} key, found the {self.role} key; keys never change roles, "
                f"use the file {role}.pem"
            )
        return self.private.sign(message)


def generate(role: str, kind: KeyType = "ed25519") -> SigningKey:
    """Make a new key for `role` ("receipt" or "log") and keep it nowhere."""
    if kind == "p256":
        return with_role(role, generate_private_key(SECP256R1()))
    return with_role(role, Ed25519PrivateKey.generate())


def with_role(role: str, private: PrivateKey) -> SigningKey:
    """Bind a private key to its role; `KeyRefused` for a role or a kind that there isn't."""
    return SigningKey(role, key_of(private.public_key()), InMemory(private))
