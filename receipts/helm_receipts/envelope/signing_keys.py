"""Ed25519 private keys with a role: a key signs receipts or checkpoints, never both."""

from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from helm_receipts.errors import KeyRefused

from .public_keys import PublicKey, public_key

SIGNING_ROLES = ("receipt", "log")


class Signs(Protocol):
    """What signs: a private key, or something that has one elsewhere."""

    def sign(self, data: bytes, /) -> bytes:
        """Sign data with 64 bytes."""
        ...


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key that knows what it may sign."""

    role: str
    public: PublicKey
    private: Signs

    @property
    def keyid(self) -> str:
        """The public key's id."""
        return self.public.keyid

    def sign_as(self, role: str, message: bytes) -> bytes:
        """Sign `message` with 64 bytes; `KeyRefused` when this key has another role."""
        if role != self.role:
            raise KeyRefused(
                f"expected a {role} key, found the {self.role} key; keys never change roles, "
                f"use the file {role}.pem"
            )
        return self.private.sign(message)


def generate(role: str) -> SigningKey:
    """Make a new key for `role` ("receipt" or "log") and keep it nowhere."""
    return with_role(role, Ed25519PrivateKey.generate())


def with_role(role: str, private: Ed25519PrivateKey) -> SigningKey:
    """Bind a private key to its role; `KeyRefused` for a role that there isn't."""
    if role not in SIGNING_ROLES:
        raise KeyRefused(f"expected one of {', '.join(SIGNING_ROLES)}, found the role {role!r}")
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return SigningKey(role, public_key(raw), private)
