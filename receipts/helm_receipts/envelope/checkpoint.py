"""Checkpoints: a log's size and root, signed as a note.

Sources: https://c2sp.org/tlog-checkpoint and https://c2sp.org/signed-note. Ours have no extension
lines, so a body is exactly three lines: origin, size, root.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from helm_receipts.errors import KeyRefused, ProofRefused

from .public_keys import PublicKey, public_key

_ED25519 = b"\x01"
_MAX_SIGNATURES = 64
_MAX_BYTES = 64 * 1024
_DASH = "\u2014"
_SIGNATURE = re.compile(rf"{_DASH} (\S+) (\S+)")
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True)
class LogKey:
    """A log's name and the key that signs its checkpoints."""

    name: str
    key: PublicKey

    @property
    def id(self) -> bytes:
        """The four bytes that signature lines name this key by."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.key.raw).digest()[:4]

    @property
    def vkey(self) -> str:
        """The verifier key as notes publish it: name+hash+key."""
        encoded = base64.b64encode(_ED25519 + self.key.raw).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits to: all that it holds up to `size`."""

    origin: str
    size: int
    root: bytes

    @property
    def body(self) -> bytes:
        """The signed bytes."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n".encode()


def parse_vkey(text: str) -> LogKey:
    """Parse a verifier key; `KeyRefused` for another algorithm or a hash that doesn't fit."""
    name, _, rest = text.strip().partition("+")
    identity, _, encoded = rest.partition("+")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise KeyRefused(f"expected a verifier key name+hash+key, found {text[:80]!r}") from error
    if not name or any(c.isspace() for c in name) or raw[:1] != _ED25519:
        raise KeyRefused(f"expected the verifier key of an Ed25519 log, found {text[:80]!r}")
    key = LogKey(name, public_key(raw[1:]))
    if key.id.hex() != identity:
        raise KeyRefused(f"expected the key id {key.id.hex()} in a verifier key, found {identity}")
    return key


def parse_checkpoint(note: bytes) -> Checkpoint:
    """Parse a note's body without checking its signatures; `ProofRefused` when malformed."""
    return parse_note(note)[0]


def verify_checkpoint(note: bytes, key: LogKey) -> Checkpoint:
    """Verify a note and return what it commits to; `ProofRefused` unless the log's key signed it.

    Signature lines by other keys, witnesses for example, are ignored.
    """
    # 1. The form: three body lines, a blank line, signature lines.
    checkpoint, signatures = parse_note(note)
    # 2. A signature by the named key, found by name and key id, over exactly the body.
    for name, raw in signatures:
        if (name, raw[:4]) == (key.name, key.id):
            if not key.key.verifies(raw[4:], checkpoint.body):
                raise ProofRefused(f"the checkpoint's signature by {key.name} doesn't verify")
            break
    else:
        raise ProofRefused(f"expected a checkpoint signed by {key.vkey}, found no such signature")
    # 3. A key that signs for one log doesn't vouch for another.
    if checkpoint.origin != key.name:
        raise ProofRefused(f"expected the origin {key.name!r}, found {checkpoint.origin!r}")
    return checkpoint


def verify_by_any(note: bytes, keys: Sequence[LogKey]) -> Checkpoint:
    """Verify a note with keys that followed each other; the newest is tried first."""
    for key in reversed(keys[1:]):
        with suppress(ProofRefused):
            return verify_checkpoint(note, key)
    return verify_checkpoint(note, keys[0])


def parse_note(note: bytes) -> tuple[Checkpoint, list[tuple[str, bytes]]]:
    """Parse a note: its body, and of each signature the name and the bytes, unchecked."""
    if len(note) > _MAX_BYTES:
        raise ProofRefused(f"expected a checkpoint of at most {_MAX_BYTES} bytes")
    try:
        text = note.decode()
    except UnicodeDecodeError as error:
        raise ProofRefused("expected a checkpoint in UTF-8") from error
    body, separator, lines = text.rpartition("\n\n")
    if not separator or not lines.endswith("\n"):
        raise ProofRefused("expected a body, a blank line and signature lines, each with its end")
    return _parse_body(body), [_parse_signature(line) for line in _signature_lines(lines)]


def _parse_body(body: str) -> Checkpoint:
    parts = body.split("\n")
    if len(parts) != 3 or not parts[0] or not _SIZE.fullmatch(parts[1]):
        raise ProofRefused("expected three lines in a checkpoint: origin, size and root")
    try:
        root = base64.b64decode(parts[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProofRefused(f"expected a root in base64, found {parts[2][:60]!r}") from error
    if len(root) != 32 or base64.b64encode(root).decode() != parts[2]:
        raise ProofRefused(f"expected a root of 32 bytes in base64, found {parts[2][:60]!r}")
    return Checkpoint(parts[0], int(parts[1]), root)


def _signature_lines(lines: str) -> list[str]:
    found = lines.removesuffix("\n").split("\n")
    if len(found) > _MAX_SIGNATURES:
        raise ProofRefused(f"expected at most {_MAX_SIGNATURES} signatures, found {len(found)}")
    return found


def _parse_signature(line: str) -> tuple[str, bytes]:
    match = _SIGNATURE.fullmatch(line)
    try:
        raw = base64.b64decode(match[2], validate=True) if match else b""
    except (binascii.Error, ValueError):
        raw = b""
    if match is None or len(raw) < 5:
        raise ProofRefused(f"expected a signature line, found {line[:60]!r}")
    return match[1], raw
