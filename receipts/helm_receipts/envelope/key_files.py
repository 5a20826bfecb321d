"""The files that private keys are kept in: PKCS#8 in PEM (RFC 8410) below a line with the role.

So a file under another name is refused, and so is one that somebody else can read.
"""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from helm_receipts.errors import KeyRefused
from helm_receipts.storage.secret_file import create_secret, read_secret

from .signing_keys import SigningKey, generate, with_role


def load_or_create(folder: Path, role: str) -> SigningKey:
    """Load the key in `<folder>/<role>.pem`, made on first use; `KeyRefused` if it is unsafe."""
    path = folder / f"{role}.pem"
    if not path.exists():
        create_secret(path, private_text(generate(role)))
    return load(path, role)


def load(path: Path, role: str) -> SigningKey:
    """Load a key from a file; `KeyRefused` unless it says `role` and only its owner can read it."""
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
    return with_role(role, private)


def private_text(key: SigningKey) -> bytes:
    """Write what a key file holds: one line naming the role, then PKCS#8 in PEM."""
    if not isinstance(key.private, Ed25519PrivateKey):
        raise KeyRefused(f"the {key.role} key is kept outside, so there is nothing to write")
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return _label(key.role) + pem


def _label(role: str) -> bytes:
    return f"helm-boundary {role} key\n".encode()
