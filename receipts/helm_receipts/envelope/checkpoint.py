"""Checkpoints: a log's size and root, signed as a note.

Sources: https://c2sp.org/tlog-checkpoint and https://c2sp.org/signed-note. Ours have no extension
lines, so a body is exactly three lines: origin, size, root.
"""

import base64
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from helm_receipts.errors import ProofRefused

from .note_keys import LogKey
from .standard_base64 import decode, decode_hash

_MAX_SIGNATURES = 64
_MAX_BYTES = 64 * 1024
_DASH = "\u2014"
_SIGNATURE = re.compile(rf"{_DASH} (\S+) (\S+)")
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")


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
    found = lines.removesuffix("\n").split("\n")
    if len(found) > _MAX_SIGNATURES:
        raise ProofRefused(f"expected at most {_MAX_SIGNATURES} signatures, found {len(found)}")
    return _parse_body(body), [_parse_signature(line) for line in found]


def _parse_body(body: str) -> Checkpoint:
    parts = body.split("\n")
    if len(parts) != 3 or not parts[0] or not _SIZE.fullmatch(parts[1]):
        raise ProofRefused("expected three lines in a checkpoint: origin, size and root")
    root = decode_hash(parts[2], "a root", ProofRefused)
    return Checkpoint(parts[0], int(parts[1]), root)


def _parse_signature(line: str) -> tuple[str, bytes]:
    match = _SIGNATURE.fullmatch(line)
    raw = decode(match[2].encode(), "a note's signature", ProofRefused) if match else b""
    if match is None or len(raw) < 5:
        raise ProofRefused(f"expected a signature line, found {line[:60]!r}")
    return match[1], raw
