r"""Salted digests of bodies, which can be opened later or made meaningless for ever.

    digest = SHA-256("helm-opening/v1\n" || salt || body)
    salt   = HMAC-SHA256(opening key, receipt id || role)          32 bytes

Nothing is stored for each receipt, and a short prompt can't be guessed from its digest. Whoever
has the body and is given the salt can check the digest with `sha256sum`; once the opening key is
deleted nobody can find the salt, and every digest under it is noise.
"""

import hashlib
import hmac
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from helm_receipts.errors import KeyRefused
from helm_receipts.storage.secret_file import create_secret, read_secret

ALGORITHM = "sha256-opening-v1"
_OPENED = hashlib.sha256(b"helm-opening/v1\n")
"""What every digest begins with: copying it is cheaper than looking the algorithm up again."""


@dataclass(frozen=True, slots=True)
class SecretKey:
    """32 secret bytes for one role ("opening" or "pseudonym"), and a public name for them."""

    role: str
    id: str
    secret: bytes = field(repr=False)
    _begun: hmac.HMAC = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_begun", hmac.new(self.secret, digestmod="sha256"))

    def keyed(self, role: str, message: bytes) -> bytes:
        """Compute HMAC-SHA256 of `message`; `KeyRefused` when this key has another role."""
        if role != self.role:
            raise KeyRefused(f"expected an {role} key, found the {self.role} key {self.id}")
        state = self._begun.copy()
        state.update(message)
        return state.digest()


def salt(key: SecretKey, receipt_id: str, role: str) -> bytes:
    """Derive the 32-byte salt of one body of one receipt."""
    return key.keyed("opening", f"{receipt_id}{role}".encode())


def digest(body: bytes, salt: bytes) -> str:
    """Return the salted SHA-256 of a body, in hex: what a receipt says about it."""
    state = _OPENED.copy()
    state.update(salt)
    state.update(body)
    return state.hexdigest()


def pseudonym(key: SecretKey, api_key: str) -> str:
    """Return a stable name for an API key that can't be turned back into it, in hex."""
    return key.keyed("pseudonym", api_key.encode("utf-8", "surrogatepass")).hex()


def load_or_create_secret(folder: Path, role: str) -> SecretKey:
    """Load the newest `<role>-<id>.key` in `folder`; made when there is none."""
    names = secret_ids(folder, role)
    if not names:
        secret = os.urandom(32)
        identity = time.strftime("%Y%m%d-", time.gmtime()) + _fingerprint(role, secret)
        create_secret(folder / f"{role}-{identity}.key", _text(role, secret))
        names = [identity]
    return load_secret(folder, role, names[-1])


def import_secret(folder: Path, role: str, text: bytes) -> SecretKey:
    """Put a secret key that another folder has, as its file's content, into a folder without one.

    `KeyRefused` for a text that is none, and where there is another key of the role: what was
    named under that would get other names. The same one again changes nothing.
    """
    raw = _read(role, text, "what was given")
    fingerprint = _fingerprint(role, raw)
    for known in secret_ids(folder, role):
        if known.rpartition("-")[2] != fingerprint:
            raise KeyRefused(
                f"expected no {role} key in {folder} yet, found {known}: import one into a new "
                "state folder, before the first start"
            )
    if not secret_ids(folder, role):
        identity = time.strftime("%Y%m%d-", time.gmtime()) + fingerprint
        create_secret(folder / f"{role}-{identity}.key", _text(role, raw))
    return load_secret(folder, role, secret_ids(folder, role)[-1])


def load_secret(folder: Path, role: str, identity: str) -> SecretKey:
    """Load a secret key by its id; `KeyRefused` when it is missing, unsafe or of another role."""
    path = folder / f"{role}-{identity}.key"
    raw = _read(role, read_secret(path), str(path))
    if identity.rpartition("-")[2] != _fingerprint(role, raw):
        raise KeyRefused(f"expected the {role} key {identity} in {path}, found another; restore it")
    return SecretKey(role, identity, raw)


def _read(role: str, text: bytes, place: str) -> bytes:
    """Read a key file's content; `place` is where it came from, for the message."""
    label, _, secret = text.decode("ascii", "replace").partition("\n")
    if label != f"helm-boundary {role} key":
        raise KeyRefused(f"expected a {role} key in {place}, found one labelled {label[:60]!r}")
    try:
        raw = bytes.fromhex(secret)
    except ValueError as error:
        raise KeyRefused(f"expected 64 hex digits in {place}, found {error}") from error
    if len(raw) != 32:
        raise KeyRefused(f"expected 32 bytes in {place}, found {len(raw)}; restore the file")
    return raw


def secret_ids(folder: Path, role: str) -> list[str]:
    """List the ids of a role's secret keys in `folder`, oldest first: they start with a date."""
    return sorted(path.stem.removeprefix(f"{role}-") for path in folder.glob(f"{role}-*.key"))


def _fingerprint(role: str, secret: bytes) -> str:
    """Derive eight hex digits that tell keys apart and say nothing of the secret's 256 bits."""
    return hashlib.sha256(f"helm-boundary {role} key\n".encode() + secret).hexdigest()[:8]


def _text(role: str, secret: bytes) -> bytes:
    return f"helm-boundary {role} key\n{secret.hex()}\n".encode()
