"""The files that say what a role signs with, below a line with the role.

That is a private key, PKCS#8 in PEM (RFC 8410, RFC 5958), or what signs elsewhere. So a file under
another name is refused, and so is one that somebody else can read. As either is one file, a key
that is replaced by the other kind is replaced at once.
"""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from helm_receipts.errors import KeyRefused
from helm_receipts.storage.secret_file import create_secret, read_secret

from .public_keys import KeyType
from .signing_keys import InMemory, SigningKey, generate, with_role

_ELSEWHERE = b"signer "


def load_or_create(folder: Path, role: str, kind: KeyType = "ed25519") -> SigningKey:
    """Load the key in `<folder>/<role>.pem`, made on first use; `KeyRefused` if it is unsafe."""
    path = folder / f"{role}.pem"
    if not path.exists():
        create_secret(path, private_text(generate(role, kind)))
    return load(path, role)


def load(path: Path, role: str) -> SigningKey:
    """Load a key from a file; `KeyRefused` unless it says `role` and only its owner can read it."""
    text = _read(path, role)
    try:
        private = load_pem_private_key(text, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyRefused(f"expected a PKCS#8 key in {path}, found {error}") from error
    if not isinstance(private, Ed25519PrivateKey | EllipticCurvePrivateKey):
        raise KeyRefused(
            f"expected an Ed25519 or P-256 key in {path}, found {type(private).__name__}"
        )
    return with_role(role, private)


def signer_in(path: Path, role: str) -> str:
    """Return what signs elsewhere in place of a key in this file; empty if the key is in it."""
    text = _read(path, role)
    return text.removeprefix(_ELSEWHERE).decode().strip() if text.startswith(_ELSEWHERE) else ""


def private_text(key: SigningKey) -> bytes:
    """Write what a key file holds: one line naming the role, then PKCS#8 in PEM."""
    if not isinstance(key.private, InMemory):
        raise KeyRefused(f"the {key.role} key is kept outside, so there is nothing to write")
    pem = key.private.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return _label(key.role) + pem


def signer_text(role: str, signer: str) -> bytes:
    """Write what a key file holds where something elsewhere signs."""
    return _label(role) + _ELSEWHERE + signer.encode() + b"\n"


def _read(path: Path, role: str) -> bytes:
    """Read what comes below the line with the role."""
    text = read_secret(path)
    if not text.startswith(_label(role)):
        raise KeyRefused(
            f"expected a {role} key in {path}, found a file whose first line doesn't say "
            f"so; put the {role} key back under this name"
        )
    return text.removeprefix(_label(role))


def _label(role: str) -> bytes:
    return f"helm-boundary {role} key\n".encode()
