"""A handover from one key to the next: the new key, and what is said by the old and the new one."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from helm_receipts.envelope import key_files, signing_keys
from helm_receipts.envelope.public_keys import KeyType, PublicKey
from helm_receipts.envelope.signing_keys import InMemory, SigningKey
from helm_receipts.envelope.statement import Draft
from helm_receipts.errors import KeyRefused
from helm_receipts.storage.secret_file import create_secret

from .keyset import load_key
from .outside_signer import outside_key


@dataclass(frozen=True, slots=True)
class Successor:
    """What signs next: a new key in a file, of this kind, or something elsewhere."""

    kind: KeyType = "ed25519"
    signer: str = ""
    """A command, or a URI of PKCS#11, as `outside_signer.parse_signer` gives it."""

    def is_in(self, path: Path, role: str) -> bool:
        """Tell whether a file that was staged before says the same."""
        signer = key_files.signer_in(path, role)
        return signer == self.signer and bool(
            signer or key_files.load(path, role).public.type == self.kind
        )


def stage_key(
    path: Path, old: SigningKey, known: Iterable[PublicKey], successor: Successor | None
) -> SigningKey:
    """Return the key that follows, written down at `path`: made now, or by a stopped rotation.

    It is of the old one's kind where no `successor` is named; `known` are the keys that were used.
    """
    if not path.exists():
        new, text = make_key(old, known, successor)
        create_secret(path, text)
        return new
    if successor is not None and not successor.is_in(path, old.role):
        raise KeyRefused(
            "a rotation to another key is half done: finish it without naming a new one, then "
            "rotate again"
        )
    return load_key(path, old.role)


def make_key(
    old: SigningKey, known: Iterable[PublicKey], successor: Successor | None
) -> tuple[SigningKey, bytes]:
    """Make the key that follows, or find it elsewhere; and what its file says."""
    if successor is None and not isinstance(old.private, InMemory):
        raise KeyRefused(
            f"the {old.role} key is kept outside: name what signs with the new one (--signer), or "
            "the type of a new key in a file (--type)"
        )
    if successor is not None and successor.signer:
        text = key_files.signer_text(old.role, successor.signer)
        new = outside_key(successor.signer, old.role)
    else:
        new = signing_keys.generate(old.role, successor.kind if successor else old.public.type)
        text = key_files.private_text(new)
    if new.public in set(known):
        raise KeyRefused(f"the new {old.role} key isn't new: {new.keyid[:16]}… was used here")
    return new, text


def retired(old: SigningKey, new: SigningKey) -> Draft:
    """Draft the last receipt by a receipt key: which one follows."""
    return key_event("retired", "receipt", keyId=old.keyid, successor=new.public.raw.hex())


def introduced(old: SigningKey, new: SigningKey) -> Draft:
    """Draft the first receipt by the next receipt key: which one it follows."""
    return key_event("introduced", "receipt", keyId=new.keyid, predecessor=old.public.raw.hex())


def key_event(kind: str, role: str, **facts: str) -> Draft:
    """Draft a receipt about a key."""
    return Draft.of_recorder("key", {"kind": kind, "role": role, **facts})
