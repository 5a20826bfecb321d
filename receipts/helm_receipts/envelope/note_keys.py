"""Keys that sign notes, each known by a name. Source: https://c2sp.org/signed-note.

They are Ed25519 keys: what reads checkpoints takes no other kind, though receipts may have one.
"""

import base64
import hashlib
from dataclasses import dataclass
from typing import ClassVar, Self

from helm_receipts.errors import KeyRefused

from .public_keys import PublicKey, public_key
from .standard_base64 import decode


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A name and the key that signs under it; what of, the kind of the key says."""

    name: str
    key: PublicKey
    ALGORITHM: ClassVar[bytes]
    WHOSE: ClassVar[str]

    @property
    def digest(self) -> bytes:
        """The hash of name and key."""
        text = self.name.encode() + b"\n" + self.ALGORITHM + self.key.raw
        return hashlib.sha256(text).digest()

    @property
    def id(self) -> bytes:
        """The four bytes that signature lines name this key by."""
        return self.digest[:4]

    @property
    def vkey(self) -> str:
        """The verifier key as notes publish it: name+hash+key."""
        encoded = base64.b64encode(self.ALGORITHM + self.key.raw).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a verifier key; `KeyRefused` for another algorithm or a hash that doesn't fit."""
        name, _, rest = text.strip().partition("+")
        identity, _, encoded = rest.partition("+")
        raw = decode(encoded.encode(), f"the verifier key name+hash+key of {cls.WHOSE}", KeyRefused)
        if not name or any(c.isspace() for c in name) or (raw[:1], len(raw)) != (cls.ALGORITHM, 33):
            raise KeyRefused(f"expected the verifier key of {cls.WHOSE}, found {text[:80]!r}")
        key = cls(name, public_key(raw[1:]))
        if key.id.hex() != identity:
            found = f"expected the key id {key.id.hex()} in a verifier key, found {identity[:80]}"
            raise KeyRefused(found)
        return key


class LogKey(NoteKey):
    """A log's name and the key that signs its checkpoints."""

    __slots__ = ()
    ALGORITHM = b"\x01"
    WHOSE = "an Ed25519 log"
